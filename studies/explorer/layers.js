// The chosen prompt: its labels and scores here, and its scores across layers on the bands of its classes.
const CURVE = {left: 56, right: 420, top: 12, bottom: 168};

function drawPrompt() {
  const own = model(), prompt = state.chosen;
  byId("none").hidden = prompt >= 0;
  byId("about").hidden = byId("numbers").hidden = prompt < 0;
  if (prompt < 0) return;
  const labels = own.labels.filter(label => label.codes[prompt] >= 0);
  const command = `unsinter show RUN --prompt ${quoted(own.ids[prompt])}`;
  byId("about").replaceChildren(
    el("p", {class: "id"}, bdi(own.ids[prompt])),
    table("scores of the chosen prompt", ["target", "true class", "score", "threshold", "called"],
      own.axes.filter(axis => axis.truth[prompt] >= 0).map(axis => scoreRow(axis, prompt))),
    terms(labels.map(label => [label.name, label.values[label.codes[prompt]]])),
    el("p", {class: "caption"}, "Token by token: ",
      el("code", {}, run.models.length > 1 ? `${command} --model ${quoted(own.name)}` : command)));
}

const quoted = text => /^[\w.,:@%+=/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\"'\"'")}'`;

function scoreRow(axis, prompt) {
  const score = scoresAt(axis)[prompt], side = axis.sides[1 - axis.truth[prompt]];
  const limit = axis.thresholds[state.position][state.layer] ?? NaN;
  const called = Number.isNaN(score + limit) ? "\u2013" : axis.sides[score > limit ? 0 : 1];
  return [axis.title, side, `${number(score)}\u00a0${axis.unit}`, number(limit),
    ["\u2013", side].includes(called) ? called : `${called}, wrongly`];
}

function drawCurves() {
  const own = model(), shown = shownAxes();
  const lines = shown.map(place => own.layers.map((_, layer) => scoresAt(own.axes[place], layer)[state.chosen] ?? NaN));
  byId("across-layers").hidden = !shown.length;
  byId("curves").replaceChildren(...shown.map((place, i) => curve(place, lines[i])));
  if (state.chosen >= 0) {
    byId("numbers-table").replaceChildren(table("scores of the chosen prompt by layer",
      ["layer", ...shown.map(place => `${own.axes[place].target}, ${own.axes[place].unit}`)],
      own.layers.map((layer, i) => [String(layer), ...lines.map(line => number(line[i], 3))])));
  }
}

// The drawing that came with the page, with the layer that is set and the prompt's line in it.
function curve(place, line) {
  const drawing = byId(`curves-${state.model}-${place}-${state.position}`).content.firstElementChild.cloneNode(true);
  const svg = drawing.querySelector("svg[role]"), {left, right, top, bottom} = CURVE, {unit} = model().axes[place];
  const toX = scale(0, Math.max(line.length - 1, 1), left, right);
  const toY = scale(Number(svg.dataset.low), Number(svg.dataset.high), bottom, top);
  const dots = line.map((score, i) => ({x: rounded(toX(i)), y: rounded(toY(score))}));
  // A line begins anew after a layer that has no score.
  const path = dots.map(({x, y}, i) => Number.isNaN(y) ? "" : `${Number.isNaN(dots[i - 1]?.y ?? NaN) ? "M" : "L"}${x} ${y}`);
  const known = dots.filter(({y}) => !Number.isNaN(y));
  svg.append(draw("path", {class: "here", d: `M${toX(state.layer)} ${top}V${bottom}`}), draw("path", {class: "own", d: path.join("")}),
    ...known.map(({x, y}) => draw("circle", {class: "dot", cx: x, cy: y, r: 3})));
  if (known.length) svg.setAttribute("aria-label", `${svg.getAttribute("aria-label")}; the chosen prompt goes from ${
    number(line[0])} to ${number(line.at(-1))} ${unit}`);
  svg.addEventListener("click", event => {
    const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) * 440 / box.width;
    setSite({layer: Math.max(0, Math.min(line.length - 1, Math.round((x - left) / (right - left) * (line.length - 1))))});
  });
  return drawing;
}
