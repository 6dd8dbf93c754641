// The two-axis picture: one path per cell, however many prompts there are.
const PLOT = {left: 58, right: 428, top: 10, bottom: 372};
const MARKS = [
  (x, y) => `M${x - 3.6} ${y}a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0z`,
  (x, y) => `M${x} ${y - 4.4}l4.2 7.8h-8.4z`,
  (x, y) => `M${x - 3.3} ${y - 3.3}h6.6v6.6h-6.6z`,
  (x, y) => `M${x} ${y - 4.6}l4.6 4.6l-4.6 4.6l-4.6 -4.6z`,
];
let points = {x: [], y: [], cell: []};

function range(axis, position) {
  let low = Infinity, high = -Infinity;
  const layers = state.fixed ? model().layers.map((_, place) => place) : [state.layer];
  for (const layer of layers) {
    for (const score of scoresAt(axis, position, layer)) {
      if (score < low) low = score;
      if (score > high) high = score;
    }
  }
  if (low > high) return [-1, 1];
  const room = (high - low || 1) * 0.04;
  return [low - room, high + room];
}

function ticks(low, high, n) {
  const rough = (high - low) / n, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(k => k * power).find(own => own >= rough) || rough;
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high && found.length < 40; i += 1) found.push(i * step);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return found.map(value => [value, number(value === 0 ? 0 : value, Math.min(digits, 8))]);
}

const scale = (low, high, from, to) => value => from + ((value - low) / (high - low)) * (to - from);
const rounded = value => Math.round(value * 10) / 10;

function placePoints() {
  const own = model(), across = axisOf("across"), up = axisOf("up"), n = own.ids.length;
  points = {x: new Float32Array(n), y: new Float32Array(n), cell: new Int8Array(n).fill(-1), drawn: 0};
  if (!across) return null;
  const xs = scoresAt(across, state.position, state.layer);
  const ys = up ? scoresAt(up, state.position, state.layer) : xs;
  const [left, right] = range(across, state.position), [low, high] = up ? range(up, state.position) : [0, 1];
  const toX = scale(left, right, PLOT.left, PLOT.right), toY = scale(low, high, PLOT.bottom, PLOT.top);
  for (let i = 0; i < n; i += 1) {
    points.cell[i] = cellOf(i, xs, ys);
    if (points.cell[i] < 0) continue;
    points.x[i] = toX(xs[i]);
    // Without a second axis prompts stand below each other in the order of the run.
    points.y[i] = up ? toY(ys[i]) : PLOT.bottom - ((i + 0.5) / n) * (PLOT.bottom - PLOT.top);
    points.drawn += 1;
  }
  return {toX, toY, x: ticks(left, right, 6), y: up ? ticks(low, high, 6) : []};
}

const isShown = prompt => points.cell[prompt] >= 0 && !state.hidden.has(points.cell[prompt]);

function paths() {
  const parts = [[], [], [], []];
  for (let i = 0; i < points.cell.length; i += 1) {
    if (isShown(i)) parts[points.cell[i]].push(MARKS[points.cell[i]](rounded(points.x[i]), rounded(points.y[i])));
  }
  return parts.map((own, cell) => own.length ? draw("path", {class: "points", d: own.join(""), "data-n": own.length,
    fill: `var(${run.cells[cell]})`}) : null);
}

function frame(placed) {
  const {left, right, top, bottom} = PLOT, across = axisOf("across"), up = axisOf("up");
  const lines = placed.x.map(([value, text]) => [
    draw("line", {class: "rule", x1: placed.toX(value), x2: placed.toX(value), y1: top, y2: bottom}),
    draw("text", {x: placed.toX(value), y: bottom + 18, "text-anchor": "middle"}, text)]);
  const rows = placed.y.map(([value, text]) => [
    draw("line", {class: "rule", x1: left, x2: right, y1: placed.toY(value), y2: placed.toY(value)}),
    draw("text", {x: left - 7, y: placed.toY(value) + 4.5, "text-anchor": "end"}, text)]);
  const middle = (top + bottom) / 2;
  return [lines, rows, threshold(across, placed.toX, true), up ? threshold(up, placed.toY, false) : [],
    draw("text", {class: "axis", x: (left + right) / 2, y: bottom + 42, "text-anchor": "middle"}, axisText(across)),
    up ? draw("text", {class: "axis", x: 13, y: middle, "text-anchor": "middle", transform: `rotate(-90 13 ${middle})`},
      axisText(up)) : []].flat(3);
}

const GAP = "\u00a0".repeat(3);
const cut = (text, length) => text.length <= length ? text : `${text.slice(0, length - 1)}\u2026`;
const axisText = axis =>
  `\u2190 ${cut(axis.sides[1], 16)}${GAP}${cut(axis.target, 12)} score, ${axis.unit}${GAP}${cut(axis.sides[0], 16)} \u2192`;

function threshold(axis, to, upright) {
  const value = axis.thresholds[state.position][state.layer];
  if (value === null) return [];
  const at = to(value), {left, right, top, bottom} = PLOT;
  if (at < (upright ? left : top) || at > (upright ? right : bottom)) return [];
  return [draw("line", {class: "threshold", ...(upright ? {x1: at, x2: at, y1: top, y2: bottom}
    : {x1: left, x2: right, y1: at, y2: at})})];
}

function drawPicture() {
  const placed = placePoints(), plot = byId("plot");
  byId("picture").hidden = !placed;
  if (!placed) return;
  plot.replaceChildren(...frame(placed), ...paths().filter(Boolean), draw("g", {id: "ring"}));
  const counts = [0, 0, 0, 0];
  points.cell.forEach(cell => { if (cell >= 0) counts[cell] += 1; });
  byId("cells").replaceChildren(...cellToggles(counts));
  plot.setAttribute("aria-label", `Held-out prompts at ${siteText(model().layers[state.layer],
    model().positions[state.position])}: ${counts.map((n, cell) => n ? `${cellName(cell)} ${n}` : "")
    .filter(Boolean).join("; ") || "no scores here"}.`);
  drawRing();
}

function cellToggles(counts) {
  const cells = axisOf("up") ? [0, 1, 2, 3] : [0, 2];
  return cells.map(cell => el("li", {}, el("button", {type: "button", "aria-pressed": String(!state.hidden.has(cell)),
    onclick: () => toggle(cell)}, mark(cell), el("span", {}, `${cellName(cell)} (${counts[cell].toLocaleString("en")})`))));
}

const mark = cell => draw("svg", {class: "mark", viewBox: "0 0 22 14", "aria-hidden": "true"},
  draw("path", {d: MARKS[cell](11, 7), fill: `var(${run.cells[cell]})`}));

function toggle(cell) {
  if (!state.hidden.delete(cell)) state.hidden.add(cell);
  drawPicture();
  const cells = axisOf("up") ? [0, 1, 2, 3] : [0, 2];
  byId("cells").querySelectorAll("button")[cells.indexOf(cell)].focus();
}

function drawRing() {
  const ring = byId("ring");
  if (!ring) return;
  ring.replaceChildren();
  if (state.chosen < 0 || points.cell[state.chosen] < 0) return;
  const at = {cx: points.x[state.chosen], cy: points.y[state.chosen]};
  ring.append(draw("circle", {class: "ring-back", r: 9, ...at}), draw("circle", {class: "ring", r: 9, ...at}));
}

// The prompt nearest to a place of the picture, within `most` of its units; -1 where none is.
function nearest(x, y, most) {
  let best = -1, least = most * most;
  for (let i = 0; i < points.cell.length; i += 1) {
    if (!isShown(i)) continue;
    const far = (points.x[i] - x) ** 2 + (points.y[i] - y) ** 2;
    if (far < least) [best, least] = [i, far];
  }
  return best;
}

// The nearest prompt in a direction: what lies aside counts double.
function beyond(from, [dx, dy]) {
  let best = -1, least = Infinity;
  for (let i = 0; i < points.cell.length; i += 1) {
    if (i === from || !isShown(i)) continue;
    const along = (points.x[i] - points.x[from]) * dx + (points.y[i] - points.y[from]) * dy;
    const aside = Math.abs((points.x[i] - points.x[from]) * dy) + Math.abs((points.y[i] - points.y[from]) * dx);
    // Of prompts at the very same place the later ones lie ahead, so that each is reached.
    const same = along === 0 && aside === 0 && (dx + dy > 0 ? i > from : i < from);
    if (!same && (along <= 0 || aside > along * 2)) continue;
    const far = same ? 0 : along + 2 * aside;
    if (far < least || (far === least && dx + dy <= 0 && same)) [best, least] = [i, far];
  }
  return best;
}

function inPlot(event) {
  const box = byId("plot").getBoundingClientRect(), unit = 440 / box.width;
  return {x: (event.clientX - box.left) * unit, y: (event.clientY - box.top) * unit, unit};
}

function hover(event) {
  const {x, y, unit} = inPlot(event), prompt = nearest(x, y, 14 * unit), tip = byId("tip");
  tip.hidden = prompt < 0;
  if (prompt < 0) return;
  const stage = byId("plot").getBoundingClientRect();
  tip.replaceChildren(el("b", {}, bdi(model().ids[prompt])), el("br"), cellName(points.cell[prompt]),
    ...["across", "up"].filter(axisOf).flatMap(which => [el("br"), scoreText(axisOf(which), prompt)]));
  const left = points.x[prompt] / unit, top = points.y[prompt] / unit;
  tip.style.left = `${Math.min(Math.max(left - tip.offsetWidth / 2, 0), stage.width - tip.offsetWidth)}px`;
  tip.style.top = `${top > tip.offsetHeight + 16 ? top - tip.offsetHeight - 12 : top + 14}px`;
}

const scoreText = (axis, prompt) =>
  `${axis.target} ${number(scoresAt(axis, state.position, state.layer)[prompt])} ${axis.unit}`;

function plotKey(event) {
  const steps = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
  const first = () => points.cell.findIndex((_, i) => isShown(i));
  if (steps[event.key]) {
    const from = state.chosen >= 0 && isShown(state.chosen) ? state.chosen : -1;
    const next = from < 0 ? first() : beyond(from, steps[event.key]);
    if (next >= 0) choose(next);
  } else if (event.key === "Home") choose(first());
  else if (event.key === "Escape") choose(-1);
  else return;
  event.preventDefault();
}
