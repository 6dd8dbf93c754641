// Controls to state, state to page.
function choose(prompt) {
  state.chosen = prompt;
  drawRing();
  drawPrompt();
  drawCurves();
}

function setLayer(place) {
  state.layer = place;
  drawSite();
}

// Whatever depends on the site: what is read at once, pictures and tables with the next frame, once for all the
// changes that come before it.
let frameDue = 0;
function drawSite() {
  const own = model(), site = chosenSite(), here = siteText(...siteHere()), layer = byId("layer");
  const chosen = siteText(own.layers[site.layer], own.positions[site.position]);
  layer.value = state.layer;
  layer.setAttribute("aria-valuetext", here);
  byId("position").value = state.position;
  const also = !site.target ? "" : here === chosen ? `: chosen in training for ${site.target}`
    : `; training chose ${chosen} for ${site.target}`;
  byId("site").textContent = own.layers.length ? `L${here.slice(1)}${also}.` : "";
  byId("tip").hidden = true;
  drawPrompt();
  frameDue ||= requestAnimationFrame(() => {
    frameDue = 0;
    drawPicture();
    drawCurves();
    drawScores();
    run.kinds.forEach(drawSheet);
  });
}

function drawAxes() {
  const titles = model().axes.map(axis => axis.title);
  options(byId("across"), titles, state.across);
  options(byId("up"), titles.length > 1 ? titles : ["nothing"], Math.max(state.up, 0));
}

function goToChosen() {
  const {layer, position} = chosenSite();
  Object.assign(state, {layer, position});
  drawSite();
}

function setModel(place) {
  const before = model().ids[state.chosen];
  state.model = place;
  const own = model();
  state.hidden.clear();
  state.chosen = own.ids.indexOf(before);
  startAxes();
  options(byId("position"), own.positions, 0);
  byId("layer").max = Math.max(own.layers.length - 1, 0);
  byId("missing").replaceChildren(...own.missing.map(text => el("li", {}, bdi(text))));
  byId("scores").hidden = !Object.keys(own.scores).length;
  drawAxes();
  goToChosen();
  find();
}

function setAxis(which, place) {
  const other = which === "across" ? "up" : "across";
  if (state[other] === place) state[other] = state[which];
  state[which] = place;
  state.hidden.clear();
  drawAxes();
  drawSite();
}

const MOST_MATCHES = 8;
function find() {
  const sought = byId("find").value.trim().toLowerCase(), {ids} = model();
  const all = sought ? [...ids.keys()].filter(place => ids[place].toLowerCase().includes(sought)) : [];
  const places = all.slice(0, MOST_MATCHES);
  byId("found").textContent = sought ? `${all.length.toLocaleString("en")} of ${ids.length.toLocaleString("en")} ids hold this${
    all.length > places.length ? `; the first ${places.length}:` : ":"}` : "";
  byId("matches").replaceChildren(...places.map(place =>
    el("li", {}, el("button", {type: "button", onclick: () => choose(place)}, bdi(ids[place])))));
}

// What a control sets when it changes.
const SETS = {
  model: setModel,
  position: place => { state.position = place; drawSite(); },
  across: place => setAxis("across", place),
  up: place => setAxis("up", place),
  ...Object.fromEntries(run.kinds.map(kind => [`${kind}-pick`, place => { state.sheet[kind] = place; drawSheet(kind); }])),
};

function start() {
  options(byId("model"), run.models, 0);
  for (const [id, set] of Object.entries(SETS)) byId(id).addEventListener("change", event => set(Number(event.target.value)));
  byId("layer").addEventListener("input", event => setLayer(Number(event.target.value)));
  byId("chosen").addEventListener("click", goToChosen);
  byId("controls").addEventListener("submit", event => event.preventDefault());
  byId("fixed").addEventListener("change", event => { state.fixed = event.target.checked; drawPicture(); });
  byId("find").addEventListener("input", find);
  const plot = byId("plot");
  plot.addEventListener("pointermove", hover);
  plot.addEventListener("pointerleave", () => { byId("tip").hidden = true; });
  plot.addEventListener("click", event => {
    const {x, y, unit} = inPlot(event);
    choose(nearest(x, y, 20 * unit));
  });
  plot.addEventListener("keydown", plotKey);
  byId("main").hidden = false;
  setModel(0);
}

start();
