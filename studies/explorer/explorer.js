// Controls to state, state to page.
function choose(prompt) {
  state.chosen = prompt;
  drawRing();
  drawPrompt();
  drawCurves();
}

const setSite = site => { Object.assign(state, site); drawSite(); };

// Whatever depends on the site: what is read at once, pictures and tables with the next frame, once for all the
// changes that come before it.
let frameDue = 0;
function drawSite() {
  const {site, target} = chosenSite(), here = siteText(state), chosen = siteText(site);
  byId("layer").value = state.layer;
  byId("layer").setAttribute("aria-valuetext", here);
  byId("position").value = state.position;
  const also = !target ? "" : here === chosen ? `: chosen in training for ${target}` : `; training chose ${chosen} for ${target}`;
  byId("site").textContent = model().layers.length ? `L${here.slice(1)}${also}.` : "";
  byId("tip").hidden = true;
  drawPrompt();
  frameDue ||= requestAnimationFrame(() => {
    frameDue = 0;
    drawPicture();
    drawCurves();
    byId("scores-table").replaceChildren(...blocks(model().scores[siteOf(state).join(" ")] ?? []));
    run.kinds.forEach(drawSheet);
  });
}

function drawAxes() {
  const titles = model().axes.map(axis => axis.title);
  options(byId("across"), titles, state.across);
  options(byId("up"), titles.length > 1 ? titles : ["nothing"], Math.max(state.up, 0));
}

const goToChosen = () => setSite(chosenSite().site);

function setModel(place) {
  const before = model().ids[state.chosen];
  state.model = place;
  const own = model();
  byId("cells").reset();
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
  byId("cells").reset();
  state.hidden.clear();
  drawAxes();
  drawSite();
}

function find() {
  const sought = byId("find").value.trim().toLowerCase(), {ids} = model();
  const all = sought ? [...ids.keys()].filter(place => ids[place].toLowerCase().includes(sought)) : [];
  byId("found").textContent = sought ? `${all.length.toLocaleString("en")} of ${ids.length.toLocaleString("en")} ids hold this${
    all.length > 8 ? "; the first 8:" : ":"}` : "";
  byId("matches").replaceChildren(...all.slice(0, 8).map(place =>
    el("li", {}, el("button", {type: "button", onclick: () => choose(place)}, bdi(ids[place])))));
}

// What a control sets when it changes.
const SETS = {
  model: setModel,
  position: position => setSite({position}),
  across: place => setAxis("across", place),
  up: place => setAxis("up", place),
  ...Object.fromEntries(run.kinds.map(kind => [`${kind}-pick`, place => { state.sheet[kind] = place; drawSheet(kind); }])),
};

function start() {
  options(byId("model"), run.models, 0);
  for (const [id, set] of Object.entries(SETS)) fill(byId(id), {onchange: event => set(Number(event.target.value))});
  fill(byId("layer"), {oninput: event => setSite({layer: Number(event.target.value)})});
  fill(byId("chosen"), {onclick: goToChosen});
  fill(byId("fixed"), {oninput: event => { state.fixed = event.target.checked; drawPicture(); }});
  fill(byId("cells"), {oninput: tick});
  fill(byId("find"), {oninput: find});
  fill(byId("plot"), {onkeydown: plotKey, onclick: event => choose(pointed(event, 20)), onpointermove: hover,
    onpointerleave: () => { byId("tip").hidden = true; }});
  byId("main").hidden = false;
  setModel(0);
}

start();
