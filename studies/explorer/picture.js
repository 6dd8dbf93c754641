// The two-axis picture: one path per group of prompts, however many there are.
const PLOT = {left: 58, right: 428, top: 10, bottom: 372};
const STEPS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
let points = {x: [], y: [], group: []};

const scale = (low, high, from, to) => value => from + ((value - low) / (high - low)) * (to - from);
const rounded = value => Math.round(value * 10) / 10;
const isShown = prompt => points.group[prompt] >= 0 && !state.hidden.has(points.group[prompt]);
// Ends and marked places of an axis; the last of a position's is that of all its layers.
const scaleOf = axis => axis.scales[state.position].at(state.fixed ? -1 : state.layer);

function placePoints(across, up) {
  const n = model().ids.length, xs = scoresAt(across), ys = up ? scoresAt(up) : xs;
  const [left, right] = scaleOf(across), toX = scale(left, right, PLOT.left, PLOT.right);
  // Without a second axis prompts stand below each other in the order of the run.
  const [low, high] = up ? scaleOf(up) : [-0.5, n - 0.5], toY = scale(low, high, PLOT.bottom, PLOT.top);
  points = {x: new Float32Array(n), y: new Float32Array(n), group: new Int8Array(n).fill(-1)};
  for (let i = 0; i < n; i += 1) {
    if (Number.isNaN(xs[i]) || Number.isNaN(ys[i])) continue;
    points.group[i] = (across.truth[i] === 1 ? 0 : 2) + (up && up.truth[i] !== 1 ? 1 : 0);
    points.x[i] = toX(xs[i]);
    points.y[i] = toY(up ? ys[i] : i);
  }
}

// What is drawn of one axis: a rule and a number at each marked place, the threshold, and what the axis shows.
function frame(axis, isUp) {
  const {left, right, top, bottom} = PLOT, [low, high, ticks] = scaleOf(axis), middle = (top + bottom) / 2;
  const to = isUp ? scale(low, high, bottom, top) : scale(low, high, left, right);
  const rule = (at, name) => draw("path", {class: name, d: isUp ? `M${left} ${at}H${right}` : `M${at} ${top}V${bottom}`});
  const limit = axis.thresholds[state.position][state.layer];
  return [
    ticks.map(([value, text]) => [rule(to(value), "rule"), draw("text", isUp
      ? {x: left - 7, y: to(value) + 4.5, "text-anchor": "end"}
      : {x: to(value), y: bottom + 18, "text-anchor": "middle"}, text)]),
    limit !== null && low <= limit && limit <= high ? rule(to(limit), "threshold") : [],
    draw("text", {class: "axis", "text-anchor": "middle", ...(isUp
      ? {x: 13, y: middle, transform: `rotate(-90 13 ${middle})`} : {x: (left + right) / 2, y: bottom + 42})}, axis.label),
  ];
}

function drawPicture() {
  const across = axisOf("across"), up = axisOf("up"), plot = byId("plot");
  byId("picture").hidden = !across;
  if (!across) return;
  placePoints(across, up);
  const counts = [0, 0, 0, 0], paths = ["", "", "", ""];
  points.group.forEach((group, i) => {
    if (group < 0) return;
    counts[group] += 1;
    if (isShown(i)) paths[group] += `M${rounded(points.x[i])} ${rounded(points.y[i])}${run.marks[group]}`;
  });
  plot.replaceChildren(...[frame(across, false), up ? frame(up, true) : []].flat(3), ...groups()
    .filter(group => paths[group]).map(group => draw("path", {class: `points g${group}`, d: paths[group]})), draw("g", {id: "ring"}));
  byId("cells").querySelectorAll("li").forEach((item, group) => {
    item.hidden = !groups().includes(group);
    item.querySelector("span").textContent = item.hidden ? "" : `${groupName(group)} (${counts[group].toLocaleString("en")})`;
  });
  plot.setAttribute("aria-label", `Held-out prompts at ${siteText(state)}: ${groups()
    .filter(group => counts[group]).map(group => `${groupName(group)} ${counts[group]}`).join("; ") || "no scores here"}.`);
  drawRing();
}

// Groups whose box is not ticked are hidden.
function tick() {
  [...byId("cells").elements].forEach((box, group) => state.hidden[box.checked ? "delete" : "add"](group));
  drawPicture();
}

function drawRing() {
  const prompt = state.chosen, at = {cx: points.x[prompt], cy: points.y[prompt], r: 9};
  byId("ring")?.replaceChildren(...(points.group[prompt] >= 0
    ? [draw("circle", {class: "ring-back", ...at}), draw("circle", {class: "ring", ...at})] : []));
}

// The shown prompt for which `far` is least; -1 where it is no number, or `most` or more, for all.
function least(far, most = Infinity) {
  let best = -1, shortest = most;
  for (let i = 0; i < points.group.length; i += 1) {
    const own = isShown(i) ? far(i) : NaN;
    if (own < shortest) [best, shortest] = [i, own];
  }
  return best;
}

// Units of the picture in a pixel, and the prompt nearest to a pointer, within so many pixels.
const unitOf = box => 440 / box.width;
function pointed(event, most) {
  const box = byId("plot").getBoundingClientRect(), unit = unitOf(box);
  const x = (event.clientX - box.left) * unit, y = (event.clientY - box.top) * unit;
  return least(i => Math.hypot(points.x[i] - x, points.y[i] - y), most * unit);
}

// The nearest prompt in a direction: what lies aside counts double. Of prompts at the very same place the later ones
// lie ahead, so that each is reached.
function beyond(from, [dx, dy]) {
  const n = points.group.length, ahead = dx + dy;
  return least(i => {
    const x = points.x[i] - points.x[from], y = points.y[i] - points.y[from];
    const along = x * dx + y * dy, aside = Math.abs(x * dy) + Math.abs(y * dx);
    if (along === 0 && aside === 0) return (i - from) * ahead > 0 ? ((i - from) * ahead - n) / n : NaN;
    return along > 0 && aside <= along * 2 ? along + 2 * aside : NaN;
  });
}

function hover(event) {
  const prompt = pointed(event, 14), unit = unitOf(byId("plot").getBoundingClientRect()), tip = byId("tip");
  tip.hidden = prompt < 0;
  if (prompt < 0) return;
  const scores = shownAxes().map(place => model().axes[place])
    .map(axis => [el("br"), `${axis.target} ${number(scoresAt(axis)[prompt])} ${axis.unit}`]);
  tip.replaceChildren(el("b", {}, bdi(model().ids[prompt])), el("br"), groupName(points.group[prompt]), ...scores.flat());
  const left = points.x[prompt] / unit - tip.offsetWidth / 2, top = points.y[prompt] / unit;
  tip.style.left = `${Math.max(0, Math.min(left, 440 / unit - tip.offsetWidth))}px`;
  tip.style.top = `${top > tip.offsetHeight + 16 ? top - tip.offsetHeight - 12 : top + 14}px`;
}

function plotKey(event) {
  const first = () => points.group.findIndex((_, i) => isShown(i)), step = STEPS[event.key];
  const next = step ? () => isShown(state.chosen) ? beyond(state.chosen, step) : first()
    : {Home: first, Escape: () => -1}[event.key];
  if (!next) return;
  event.preventDefault();
  const prompt = next();
  if (prompt >= 0 || !step) choose(prompt);
}
