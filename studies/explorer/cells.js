// Verdicts and transfer: cells that open their evidence.
const textAt = place => model().texts[place];
const termsOf = places => places.filter((_, i) => i % 2 === 0).map((place, i) => [textAt(place), textAt(places[2 * i + 1])]);

// Floor and control of these targets at a site: an AUROC never stands without them.
function besides(targets, layer, position) {
  const rows = (model().sites.get(`${layer} ${position}`) || []).filter(row => targets.includes(row[0]));
  return rows.length ? [el("h4", {}, "Scores at this site, with floor and control"), el("div", {class: "scroll", tabindex: 0,
    role: "region", "aria-label": "scores at this site"}, grid("scores at this site", run.scoresHeader,
    rows.map(row => row.slice(1))))] : [el("p", {class: "caption"}, "The run has no score, floor and control of these targets at this site.")];
}

const toSite = (layer, position) => el("button", {type: "button", onclick: () => {
  goTo(layer, position);
  drawSite();
  byId("layer").focus();
  byId("controls").scrollIntoView({block: "start"});
}}, "Show this site in the picture");

function press(buttons, button) {
  buttons.forEach(other => other.setAttribute("aria-pressed", String(other === button)));
}

function drawScores() {
  const own = model(), layer = own.layers[state.layer], position = own.positions[state.position];
  const rows = own.sites.get(`${layer} ${position}`) || [];
  byId("scores-table").replaceChildren(rows.length
    ? el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "scores at this site"},
      grid("scores at this site", run.scoresHeader, rows.map(row => row.slice(1))))
    : el("p", {class: "caption"}, "The run fitted no probe here."));
}

function drawVerdicts() {
  const maps = model().verdicts;
  byId("verdict-body").hidden = !maps.length;
  byId("verdicts").hidden = !maps.length;
  if (!maps.length) return;
  state.pair = Math.min(state.pair, maps.length - 1);
  options(byId("pair"), maps.map((map, place) => [String(place), map.title]), String(state.pair));
  drawMap(maps[state.pair]);
}

function drawMap(map) {
  const names = [...new Set(map.cells.map(cell => cell[2]))];
  byId("looks").replaceChildren(...Object.keys(run.looks).filter(name => names.includes(name)).map(name => {
    const look = run.looks[name];
    return el("li", {}, el("span", {class: `look ${name}`, "aria-hidden": "true"}, look.mark), `${look.plain}: ${look.meaning}`);
  }));
  const buttons = new Map(map.cells.map(cell => [cell, verdictButton(map, cell)]));
  const positions = [...new Set(map.cells.map(cell => cell[1]))];
  const rows = positions.map(position => map.cells.filter(cell => cell[1] === position));
  byId("map").replaceChildren(...rows.map((row, place) => el("div", {class: "strip", role: "group", "aria-label": positions[place]},
    el("p", {class: "strip-name"}, bdi(positions[place])), el("div", {class: "strip-cells"}, row.map(cell => buttons.get(cell))))));
  roving(rows.map(row => row.map(cell => buttons.get(cell))), [...buttons.values()].find(button => button.matches(".chosen")));
  byId("verdict-evidence").replaceChildren();
}

function verdictButton(map, cell) {
  const [layer, position, verdict] = cell, look = run.looks[verdict];
  const chosen = layer === map.chosen[0] && position === map.chosen[1];
  return el("button", {type: "button", class: `look ${verdict}${chosen ? " chosen" : ""}`, "aria-pressed": "false",
    "aria-label": `${siteText(layer, position)}: ${look.plain}${chosen ? ", the site that speaks for the pair" : ""}`,
    title: `${siteText(layer, position)}: ${look.plain}`,
    onclick: event => {
      press(byId("map").querySelectorAll("button"), event.currentTarget);
      openVerdict(map, cell);
    }}, el("span", {class: "sign"}, look.mark), el("span", {class: "small"}, String(layer)));
}

function openVerdict(map, cell) {
  const [layer, position, verdict, reason, settles, evidence] = cell, look = run.looks[verdict];
  const parts = map.contrasts.filter(row => row[0] === layer && row[1] === position);
  const speaks = layer === map.chosen[0] && position === map.chosen[1] ? ` This site speaks for the pair: ${map.how}.` : "";
  byId("verdict-evidence").replaceChildren(
    el("h3", {}, `${map.pair}, ${siteText(layer, position)}: ${look.plain}`),
    el("p", {}, `${upper(look.meaning)}.${speaks}`),
    pairs([["reason", textAt(reason)], ["what would settle it", textAt(settles)]].filter(([, text]) => text)),
    ...besides(map.targets, layer, position),
    el("h4", {}, "Evidence, with bands that hold for all sites"), pairs(termsOf(evidence)),
    ...(parts.length ? [el("h4", {}, `Class by class (${parts.length})`), el("div", {class: "scroll tall", tabindex: 0, role: "region",
      "aria-label": "class by class"}, grid("class by class", ["class against the rest", "verdict", "A", "B", "reason"],
      parts.map(row => [textAt(row[2]), run.looks[row[3]].plain, row[4], row[5], textAt(row[6])])))] : []),
    toSite(layer, position));
}

const upper = text => text.charAt(0).toUpperCase() + text.slice(1);

function drawTransfer() {
  const {transfer} = model();
  byId("transfer").hidden = !transfer.length;
  if (!transfer.length) return;
  state.matrix = Math.min(state.matrix, transfer.length - 1);
  options(byId("matrix"), transfer.map((own, place) => [String(place), own.title]), String(state.matrix));
  drawMatrix(transfer[state.matrix]);
}

// The matrix of the site above, or of the chosen one where the run has none there.
function drawMatrix(matrix) {
  const layer = model().layers[state.layer], position = model().positions[state.position];
  const here = matrix.sites.find(site => site.layer === layer && site.position === position);
  const site = here || matrix.sites.find(own => own.chosen) || matrix.sites[0];
  byId("transfer-evidence").replaceChildren();
  byId("transfer-help").hidden = byId("names").hidden = byId("cells-table").hidden = !site;
  byId("transfer-site").textContent = site ? `At ${siteText(site.layer, site.position)}${site.chosen
    ? `, the site chosen in training for ${matrix.target}` : ""}${here ? "" : "; the run has no matrix at the site above"}.`
    : "The run has the words' own matrix only, no probe's.";
  if (!site) return;
  const names = [...new Set([...matrix.trained, ...matrix.tested])];
  byId("names").replaceChildren(...names.map(name => el("li", {}, bdi(name))));
  const of = name => String(names.indexOf(name) + 1);
  const at = new Map(site.cells.map(cell => [`${cell[0]} ${cell[1]}`, cell]));
  const rows = matrix.trained.map((_, i) => matrix.tested.map((_, j) => at.has(`${i} ${j}`)
    ? transferButton(matrix, site, at.get(`${i} ${j}`)) : null));
  const heads = matrix.tested.map(name => el("th", {scope: "col", title: name}, el("span", {"aria-hidden": "true"}, of(name)),
    el("span", {class: "unseen"}, name)));
  byId("cells-table").replaceChildren(el("table", {class: "matrix", "aria-label": "rows: trained on; columns: tested on"},
    el("thead", {}, el("tr", {}, el("th", {scope: "col"}, el("span", {class: "wide-only"}, "trained on"), "\u2193 \u2192"), heads)),
    el("tbody", {}, rows.map((row, i) => el("tr", {}, el("th", {scope: "row", title: matrix.trained[i]},
      el("span", {}, of(matrix.trained[i])), el("span", {class: "wide-only name"}, bdi(matrix.trained[i]))),
    row.map(button => el("td", {}, button || "")))))));
  roving(rows);
}

function transferButton(matrix, site, cell) {
  const [i, j, auroc, words, above] = cell;
  const name = `trained on ${matrix.trained[i]}, tested on ${matrix.tested[j]}`;
  const bar = el("span", {class: "bar", "aria-hidden": "true"});
  bar.style.width = `${Math.max(0, Math.min(1, ((auroc ?? 0.5) - 0.5) * 2)) * 100}%`;
  return el("button", {type: "button", class: above ? "above" : "", "aria-pressed": "false", title: name,
    "aria-label": `${name}: AUROC ${share(auroc)}, words ${share(words)}${above ? ", above the words" : ""}`,
    onclick: event => {
      press(byId("cells-table").querySelectorAll("button"), event.currentTarget);
      openTransfer(matrix, site, cell);
    }}, el("span", {class: "auroc"}, share(auroc)), el("span", {class: "small"}, share(words)), bar);
}

function openTransfer(matrix, site, cell) {
  byId("transfer-evidence").replaceChildren(
    el("h3", {}, "Trained on ", bdi(matrix.trained[cell[0]]), ", tested on ", bdi(matrix.tested[cell[1]])),
    el("p", {}, `${matrix.target}, ${siteText(site.layer, site.position)}.`),
    pairs(termsOf(cell[5])),
    ...besides([matrix.target], site.layer, site.position),
    toSite(site.layer, site.position));
}
