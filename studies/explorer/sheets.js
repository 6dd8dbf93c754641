// Sheets of cells that open their evidence. What a cell says was written with the page; here it is only shown.
const drawn = {};

function blocks(list) {
  const text = place => model().texts[place];
  return list.map(([kind, ...parts]) => {
    if (kind === "terms") return terms(parts.map(pair => pair.map(text)));
    if (kind === "table") return table(text(parts[0]), parts[1].map(text), parts.slice(2).map(row => row.map(text)));
    return el(kind === "caption" ? "p" : kind, {class: kind}, bdi(text(parts[0])));
  });
}

function drawSheet(kind) {
  const sheets = model().sheets[kind];
  byId(kind).hidden = !sheets.length;
  if (!sheets.length) return;
  const place = Math.min(state.sheet[kind] ?? 0, sheets.length - 1), sheet = sheets[place];
  options(byId(`${kind}-pick`), sheets.map(own => own.title), place);
  // Cells of the site above, or of the chosen one where the run has none there.
  const [layer, position] = siteOf(state), here = sheet.layouts.find(own => own.site?.[0] === layer && own.site[1] === position);
  const layout = here ?? sheet.layouts.find(own => own.chosen) ?? sheet.layouts[0];
  const away = layout.site && !here ? "; the run has no matrix at the site above" : "";
  byId(`${kind}-note`).textContent = layout.note && `${layout.note}${away}.`;
  if (drawn[kind] === layout) return;
  drawn[kind] = layout;
  byId(`${kind}-legend`).replaceChildren(...sheet.legend.map(([look, sign, text]) =>
    el("li", {}, el("span", {class: look, "aria-hidden": "true"}, sign), text)));
  byId(`${kind}-names`).replaceChildren(...sheet.numbered.map(name => el("li", {}, bdi(name))));
  byId(`${kind}-map`).replaceChildren(cellTable(kind, sheet, layout));
  byId(`${kind}-evidence`).replaceChildren();
}

// Names of a matrix stand in a numbered list beside it; whoever hears the page is told the name.
function cellTable(kind, sheet, layout) {
  const short = name => sheet.numbered.indexOf(name) + 1 || name;
  const body = sheet.rows.map(() => sheet.columns.map(() => ""));
  for (const cell of layout.cells) body[cell.row][cell.column] = cellButton(kind, cell);
  const heads = sheet.columns.map(name => el("th", {scope: "col", title: name}, el("span", {"aria-hidden": "true"}, short(name)),
    el("span", {class: "unseen"}, name)));
  const start = body.flat().find(cell => cell && cell.matches(".chosen")) ?? body.flat().find(Boolean);
  if (start) start.tabIndex = 0;
  return el("table", {"aria-label": sheet.corner || sheet.title, onkeydown: walk},
    el("thead", {}, el("tr", {}, el("td", {}), heads)),
    el("tbody", {}, body.map((row, i) => el("tr", {}, el("th", {scope: "row", title: sheet.rows[i]},
      sheet.numbered.includes(sheet.rows[i]) ? [short(sheet.rows[i]), el("span", {class: "name"}, bdi(sheet.rows[i]))] : bdi(sheet.rows[i])),
    row.map(cell => el("td", {}, cell))))));
}

function cellButton(kind, cell) {
  const button = el("button", {type: "button", class: cell.look, tabindex: -1, "aria-pressed": "false", "aria-label": cell.name,
    title: cell.name, onclick: () => {
      byId(`${kind}-map`).querySelectorAll("button").forEach(other => other.setAttribute("aria-pressed", other === button));
      byId(`${kind}-evidence`).replaceChildren(...blocks(cell.blocks), toSite(cell.site));
    }}, el("span", {class: "sign"}, cell.sign), el("span", {class: "small"}, cell.small));
  if (cell.share !== undefined) button.style.setProperty("--share", `${100 * cell.share}%`);
  return button;
}

// A button that shows a site above, where the model has it.
function toSite([ownLayer, ownPosition]) {
  const layer = model().layers.indexOf(ownLayer), position = model().positions.indexOf(ownPosition);
  return layer < 0 || position < 0 ? "" : el("button", {type: "button", onclick: () => {
    setSite({layer, position});
    byId("layer").focus();
    byId("controls").scrollIntoView({block: "start"});
  }}, "Show this site in the picture");
}

// Tab reaches one cell, arrow keys go on to the next ones, Home and End to the ends of a row.
function walk(event) {
  const own = event.target.closest("td"), [dx, dy] = STEPS[event.key] ?? [0, 0], ends = {Home: 0, End: -1}[event.key];
  if (!own || (!dx && !dy && ends === undefined)) return;
  event.preventDefault();
  const line = dy ? [...event.currentTarget.tBodies[0].rows].map(row => row.cells[own.cellIndex]) : [...own.parentElement.cells];
  const buttons = line.flatMap(cell => [...cell.querySelectorAll("button")]);
  const next = ends === undefined ? buttons[buttons.indexOf(event.target) + dx + dy] : buttons.at(ends);
  if (!next) return;
  event.currentTarget.querySelector("[tabindex='0']").tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
