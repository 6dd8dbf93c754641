// The run's tables, and what is shown of them now.
const run = JSON.parse(byId("run").textContent);
const read = run.models.map(() => null);
const state = {
  model: 0, position: 0, layer: 0, across: 0, up: -1, chosen: -1, hidden: new Set(), fixed: false, pair: 0, matrix: 0,
};

// A model's table is read when it is first shown; its scores are unpacked position by position.
function model(place = state.model) {
  if (!read[place]) {
    read[place] = JSON.parse(byId(`model-${place}`).textContent);
    read[place].axes.forEach(axis => { axis.unpacked = []; });
    read[place].sites = new Map(read[place].scores.map(site => [`${site.layer} ${site.position}`, site.rows]));
  }
  return read[place];
}

// Scores of an axis at a site (one per prompt); NaN where there is none.
function scoresAt(axis, position, layer) {
  if (!axis.unpacked[position]) {
    const signs = atob(axis.scores[position]), bytes = new Uint8Array(signs.length);
    for (let i = 0; i < signs.length; i += 1) bytes[i] = signs.charCodeAt(i);
    axis.unpacked[position] = new Float32Array(bytes.buffer);
  }
  const n = model().ids.length;
  return axis.unpacked[position].subarray(layer * n, (layer + 1) * n);
}

const axisOf = which => model().axes[state[which]] || null;
const labelOf = (name, prompt) => {
  const label = model().labels.find(own => own.name === name);
  return label && label.codes[prompt] >= 0 ? label.values[label.codes[prompt]] : "";
};
const siteText = (layer, position) => `layer ${layer}, ${position}`;

// The axis of a target, of this family where several were fitted.
function axisFor(target, family) {
  const axes = model().axes;
  const same = axes.findIndex(axis => axis.target === target && axis.family === family);
  return same >= 0 ? same : axes.findIndex(axis => axis.target === target);
}

// Detection across and refusal up, where the model has them; else its first two targets of two classes.
function startAxes() {
  const {axes} = model();
  const picked = axes.findIndex(axis => axis.target === "D" && axis.chosen);
  state.across = picked >= 0 ? picked : Math.max(axisFor("D"), axes.length ? 0 : -1);
  const across = axes[state.across], others = axes.findIndex(axis => across && axis.target !== across.target);
  const refusal = across && across.target !== "R" ? axisFor("R", across.family) : -1;
  state.up = refusal >= 0 ? refusal : others;
}

// The site that training chose for the axis across, or the other, or the deepest layer.
function chosenSite() {
  const {axes, layers} = model();
  const order = [axisOf("across"), axisOf("up"), ...axes].filter(axis => axis && axis.chosen);
  return order.length ? {layer: order[0].chosen[0], position: order[0].chosen[1], target: order[0].target}
    : {layer: Math.max(layers.length - 1, 0), position: 0, target: null};
}

function goTo(layer, position) {
  const own = model(), l = own.layers.indexOf(layer), p = own.positions.indexOf(position);
  if (l < 0 || p < 0) return;
  state.layer = l;
  state.position = p;
}

// Cell of a prompt: 0 both positive, 1 across alone, 2 up alone, 3 neither; -1 where a score is missing.
function cellOf(prompt, xs, ys) {
  const across = axisOf("across"), up = axisOf("up");
  if (!across || Number.isNaN(xs[prompt]) || (up && Number.isNaN(ys[prompt]))) return -1;
  return (across.truth[prompt] === 1 ? 0 : 2) + (up ? (up.truth[prompt] === 1 ? 0 : 1) : 0);
}

const cellName = cell => {
  const across = axisOf("across"), up = axisOf("up");
  const first = across.sides[cell < 2 ? 0 : 1];
  return up ? `${first}, ${up.sides[cell % 2]}` : first;
};
