// The chosen prompt: its labels and scores here, and its scores across layers beside its classes' bands.
const CURVE = {width: 440, height: 210, left: 48, right: 428, top: 12, bottom: 168};

function drawPrompt() {
  const own = model(), prompt = state.chosen, about = byId("about");
  byId("numbers").hidden = prompt < 0;
  if (prompt < 0) {
    about.replaceChildren(el("p", {class: "caption"}, own.axes.length
      ? "None is chosen: point at one and click, go to the picture and use the arrow keys, or find one by its id."
      : "The run holds no held-out scores of single prompts."));
    return;
  }
  const labels = own.labels.filter(label => label.codes[prompt] >= 0)
    .map(label => [label.name, label.values[label.codes[prompt]]]);
  about.replaceChildren(
    el("p", {class: "id"}, bdi(own.ids[prompt])),
    el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "scores of the chosen prompt"},
      grid("scores of the chosen prompt", ["target", "true class", "score", "threshold", "called"],
        own.axes.map(axis => scoreRow(axis, prompt)).filter(Boolean))),
    pairs(labels),
    el("p", {class: "caption"}, "Token by token: ", el("code", {}, `unsinter show RUN --prompt ${quoted(own.ids[prompt])}`
      + (run.models.length > 1 ? ` --model ${quoted(own.name)}` : ""))));
}

const quoted = text => /^[\w.,:@%+=/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\"'\"'")}'`;

function scoreRow(axis, prompt) {
  if (axis.truth[prompt] < 0) return null;
  const score = scoresAt(axis, state.position, state.layer)[prompt];
  const limit = axis.thresholds[state.position][state.layer], side = axis.sides[1 - axis.truth[prompt]];
  const known = limit !== null && !Number.isNaN(score), called = known ? axis.sides[score > limit ? 0 : 1] : "\u2013";
  return [axis.title, side, `${number(score)}\u00a0${axis.unit}`, number(limit),
    known && called !== side ? `${called}, wrongly` : called];
}

function drawCurves() {
  const shown = [...new Set([axisOf("across"), axisOf("up")])].filter(Boolean);
  byId("across-layers").hidden = !shown.length;
  byId("curves").replaceChildren(...shown.map(curve));
  if (state.chosen >= 0) {
    const rows = model().layers.map((layer, place) => [String(layer),
      ...shown.map(axis => number(scoresAt(axis, state.position, place)[state.chosen], 3))]);
    byId("numbers-table").replaceChildren(grid("scores of the chosen prompt by layer",
      ["layer", ...shown.map(axis => `${axis.target}, ${axis.unit}`)], rows));
  }
}

function curve(axis) {
  const {layers} = model(), bands = axis.bands[state.position];
  const own = state.chosen < 0 ? [] : layers.map((_, place) => scoresAt(axis, state.position, place)[state.chosen]);
  const seen = [...bands.flat(2), ...own].filter(value => value !== null && !Number.isNaN(value));
  const low = Math.min(...seen, 0), high = Math.max(...seen, 0), room = (high - low || 1) * 0.05;
  const toX = scale(0, Math.max(layers.length - 1, 1), CURVE.left + 8, CURVE.right - 8);
  const toY = scale(low - room, high + room, CURVE.bottom, CURVE.top);
  const picture = draw("svg", {viewBox: `0 0 ${CURVE.width} ${CURVE.height}`, role: "img",
    "aria-label": curveText(axis, own)}, curveFrame(toX, toY, ticks(low - room, high + room, 4)),
    [0, 1].map(side => band(bands.map(layer => layer[side]), toX, toY, side)),
    draw("line", {class: "here", x1: toX(state.layer), x2: toX(state.layer), y1: CURVE.top, y2: CURVE.bottom}),
    line(own, toX, toY));
  picture.addEventListener("click", event => {
    const box = picture.getBoundingClientRect();
    const x = (event.clientX - box.left) * CURVE.width / box.width;
    const place = layers.map((_, i) => Math.abs(toX(i) - x));
    setLayer(place.indexOf(Math.min(...place)));
  });
  const keys = [["--series-1", axis.sides[0]], ["--series-0", axis.sides[1]]].map(([colour, name], place) =>
    el("li", {}, draw("svg", {class: "mark", viewBox: "0 0 22 14", "aria-hidden": "true"},
      draw("rect", {x: 1, y: 1, width: 20, height: 12, fill: `var(${colour})`, "fill-opacity": 0.25}),
      draw("line", {x1: 1, x2: 21, y1: 7, y2: 7, stroke: `var(${colour})`, "stroke-width": 2,
        "stroke-dasharray": place ? "4 3" : "none"})), name));
  return el("figure", {}, el("p", {class: "panel-title"}, axis.title), el("ul", {class: "legend"}, keys), picture);
}

function curveText(axis, own) {
  const ends = own.filter(value => !Number.isNaN(value));
  return `${axis.title}: score by layer${ends.length ? `; the chosen prompt goes from ${number(own[0])} to ${
    number(own[own.length - 1])} ${axis.unit}` : ""}.`;
}

function curveFrame(toX, toY, rows) {
  const {layers} = model(), every = Math.ceil(layers.length / 12);
  return [rows.map(([value, text]) => [
    draw("line", {class: "rule", x1: CURVE.left, x2: CURVE.right, y1: toY(value), y2: toY(value)}),
    draw("text", {x: CURVE.left - 6, y: toY(value) + 4.5, "text-anchor": "end"}, text)]),
  layers.map((layer, place) => place % every ? [] : [
    draw("text", {x: toX(place), y: CURVE.bottom + 18, "text-anchor": "middle"}, String(layer))]),
  draw("text", {class: "axis", x: (CURVE.left + CURVE.right) / 2, y: CURVE.bottom + 37, "text-anchor": "middle"}, "layer")].flat(3);
}

// Stretches of places that have a number, so that a gap stays one.
function stretches(values, has) {
  const found = [];
  values.forEach((value, place) => {
    if (!has(value)) return;
    const last = found[found.length - 1];
    if (last && last[last.length - 1] === place - 1) last.push(place);
    else found.push([place]);
  });
  return found;
}

function band(edges, toX, toY, side) {
  const colour = `var(--series-${side ? 1 : 0})`;
  return stretches(edges, own => own[1] !== null).map(places => {
    const path = which => places.map(place => `${rounded(toX(place))} ${rounded(toY(edges[place][which]))}`);
    const around = [...path(0), ...path(2).reverse()];
    return [draw("path", {d: `M${around.join("L")}z`, fill: colour, "fill-opacity": 0.18}),
      draw("path", {d: `M${path(1).join("L")}`, fill: "none", stroke: colour, "stroke-width": 2,
        "stroke-dasharray": side ? "none" : "5 4", "stroke-linecap": "round"})];
  });
}

const line = (own, toX, toY) => stretches(own, value => !Number.isNaN(value)).map(places => [
  draw("path", {class: "own", d: `M${places.map(place => `${rounded(toX(place))} ${rounded(toY(own[place]))}`).join("L")}`}),
  places.map(place => draw("circle", {class: "dot", cx: toX(place), cy: toY(own[place]), r: 3}))]).flat(2);
