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
  const own = model(), site = chosenSite(), layer = own.layers[state.layer], position = own.positions[state.position];
  byId("layer").value = state.layer;
  byId("layer").setAttribute("aria-valuetext", siteText(layer, position));
  byId("position").value = String(state.position);
  const chosen = state.layer === site.layer && state.position === site.position;
  byId("site").textContent = own.layers.length ? `${upper(siteText(layer, position))}${site.target === null ? ""
    : chosen ? `: chosen in training for ${site.target}` : `; training chose ${siteText(own.layers[site.layer],
      own.positions[site.position])} for ${site.target}`}.` : "";
  byId("tip").hidden = true;
  drawPrompt();
  if (!frameDue) frameDue = requestAnimationFrame(drawFrame);
}

function drawFrame() {
  const {transfer} = model();
  frameDue = 0;
  drawPicture();
  drawCurves();
  drawScores();
  if (transfer.length) drawMatrix(transfer[state.matrix]);
}

function drawAxes() {
  const entries = model().axes.map((axis, place) => [String(place), axis.title]);
  options(byId("across"), entries, String(state.across));
  options(byId("up"), model().axes.length > 1 ? entries : [["-1", "nothing"]], String(state.up));
}

function drawModel() {
  const own = model();
  options(byId("position"), own.positions.map((name, place) => [String(place), name]), String(state.position));
  byId("layer").max = Math.max(own.layers.length - 1, 0);
  byId("missing").replaceChildren(...own.missing.map(text => el("li", {}, bdi(text))));
  byId("scores").hidden = !own.scores.length;
  drawAxes();
  drawVerdicts();
  drawTransfer();
  drawSite();
  find();
}

function setModel(place) {
  const before = {id: state.chosen < 0 ? null : model().ids[state.chosen]};
  state.model = place;
  state.hidden.clear();
  startAxes();
  const site = chosenSite();
  state.layer = site.layer;
  state.position = site.position;
  state.chosen = before.id === null ? -1 : model().ids.indexOf(before.id);
  drawModel();
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
  const places = [];
  let n = 0;
  if (sought) {
    ids.forEach((id, place) => {
      if (!id.toLowerCase().includes(sought)) return;
      n += 1;
      if (places.length < MOST_MATCHES) places.push(place);
    });
  }
  byId("found").textContent = sought ? `${n.toLocaleString("en")} of ${ids.length.toLocaleString("en")} ids hold this${
    n > places.length ? `; the first ${places.length}:` : ":"}` : "";
  byId("matches").replaceChildren(...places.map(place =>
    el("li", {}, el("button", {type: "button", onclick: () => choose(place)}, bdi(ids[place])))));
}

function start() {
  options(byId("model"), run.models.map((name, place) => [String(place), name]), "0");
  byId("model").addEventListener("change", event => setModel(Number(event.target.value)));
  byId("position").addEventListener("change", event => { state.position = Number(event.target.value); drawSite(); });
  byId("layer").addEventListener("input", event => setLayer(Number(event.target.value)));
  for (const which of ["across", "up"]) {
    byId(which).addEventListener("change", event => setAxis(which, Number(event.target.value)));
  }
  byId("chosen").addEventListener("click", () => {
    Object.assign(state, {layer: chosenSite().layer, position: chosenSite().position});
    drawSite();
  });
  byId("controls").addEventListener("submit", event => event.preventDefault());
  byId("fixed").addEventListener("change", event => { state.fixed = event.target.checked; drawPicture(); });
  byId("find").addEventListener("input", find);
  byId("pair").addEventListener("change", event => { state.pair = Number(event.target.value); drawVerdicts(); });
  byId("matrix").addEventListener("change", event => { state.matrix = Number(event.target.value); drawTransfer(); });
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
