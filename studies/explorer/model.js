// The run's tables, and what is shown of them now.
const run = JSON.parse(byId("run").textContent);
const read = [];
const state = {
  model: 0, position: 0, layer: 0, across: 0, up: -1, chosen: -1, hidden: new Set(), fixed: false, sheet: {},
};

// A model's table is read when it is first shown.
function model() {
  read[state.model] ??= JSON.parse(byId(`model-${state.model}`).textContent);
  return read[state.model];
}

function unpacked(text) {
  const signs = atob(text), bytes = new Uint8Array(signs.length);
  for (let i = 0; i < signs.length; i += 1) bytes[i] = signs.charCodeAt(i);
  return new Float32Array(bytes.buffer);
}

// Scores of an axis at a layer of the position that is shown, one per prompt; NaN where there is none.
function scoresAt(axis, layer = state.layer) {
  const n = model().ids.length;
  axis.unpacked ??= [];
  axis.unpacked[state.position] ??= unpacked(axis.scores[state.position]);
  return axis.unpacked[state.position].subarray(layer * n, (layer + 1) * n);
}

const axisOf = which => model().axes[state[which]];
const shownAxes = () => [state.across, state.up].filter(place => place >= 0);
const siteOf = ({layer, position}) => [model().layers[layer], model().positions[position]];
const siteText = site => `layer ${siteOf(site).join(", ")}`;

// Detection across and refusal up, where the model has them; else its first two targets of two classes.
function startAxes() {
  const {axes} = model();
  const first = tests => tests.map(test => axes.findIndex(test)).find(place => place >= 0) ?? -1;
  state.across = first([axis => axis.target === "D" && axis.chosen, axis => axis.target === "D", () => true]);
  const across = axisOf("across"), isOther = axis => axis.target !== across.target;
  const isRefusal = axis => isOther(axis) && axis.target === "R";
  state.up = first([axis => isRefusal(axis) && axis.family === across.family, isRefusal, isOther]);
}

// The site that training chose for the axis across, or the other, or the deepest layer.
function chosenSite() {
  const own = model(), axis = [axisOf("across"), axisOf("up"), ...own.axes].find(one => one?.chosen);
  const [layer, position] = axis ? axis.chosen : [Math.max(own.layers.length - 1, 0), 0];
  return {site: {layer, position}, target: axis?.target};
}

// Groups of prompts: 0 both positive, 1 the target across alone, 2 that up alone, 3 neither.
const groups = () => axisOf("up") ? [0, 1, 2, 3] : [0, 2];
const groupName = group => [axisOf("across").sides[group < 2 ? 0 : 1], axisOf("up")?.sides[group % 2]]
  .filter(Boolean).join(", ");
