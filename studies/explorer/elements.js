// Elements of the page. Text always goes in as text: a name of the run's is never read as HTML.
const byId = id => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined));
  return node;
}

const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const draw = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
// A text of the run's, whose signs turn no line around; an interval stays on one line.
const bdi = text => el("bdi", {}, String(text).replace(/ ?\[[^\]]{1,30}\]/g, part => part.replaceAll(" ", "\u00a0")));

function options(select, entries, chosen) {
  select.replaceChildren(...entries.map(([value, text]) => el("option", {value, selected: value === chosen}, text)));
  if (chosen !== undefined && chosen !== null) select.value = chosen;
}

// A table of texts; `name` is what it is called to those who hear it.
function grid(name, header, rows) {
  const head = el("thead", {}, el("tr", {}, header.map(text => el("th", {scope: "col"}, text))));
  const body = el("tbody", {}, rows.map(row => el("tr", {}, row.map((text, place) =>
    el("td", {"data-name": header[place]}, text instanceof Node ? text : bdi(text))))));
  return el("table", {class: "plain stacked", "aria-label": name}, head, body);
}

// Terms with what is said of each.
const pairs = entries => el("dl", {}, entries.map(([term, text]) =>
  el("div", {}, el("dt", {}, term), el("dd", {}, text instanceof Node ? text : bdi(text)))));

// One number as the report writes it: .751, -.093, 3.21.
function number(value, digits = 2) {
  if (value === null || value === undefined || Number.isNaN(value)) return "\u2013";
  return value.toFixed(digits).replace("-", "\u2212");
}
const share = value => value === null ? "\u2013" : number(value, 2).replace(/^(\u2212?)0\./, "$1.");

// Buttons in rows, of which Tab reaches one; arrow keys go to the others. `rows` is a list of lists of buttons.
function roving(rows, start) {
  const at = new Map();
  rows.forEach((row, y) => row.forEach((button, x) => button && at.set(button, [x, y])));
  const buttons = [...at.keys()];
  const first = start && at.has(start) ? start : buttons[0];
  const enter = button => buttons.forEach(other => { other.tabIndex = other === button ? 0 : -1; });
  const beside = ([x, y], [dx, dy]) => {
    for (let step = 1; step <= 400; step += 1) {
      const row = rows[y + dy * step];
      if (!row) return null;
      const next = dx ? row[x + dx * step] : row[Math.min(x, row.length - 1)];
      if (next) return next;
      if (dx && (x + dx * step < 0 || x + dx * step >= row.length)) return null;
    }
    return null;
  };
  const steps = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
  for (const button of buttons) {
    button.addEventListener("focus", () => enter(button));
    button.addEventListener("keydown", event => {
      const [, y] = at.get(button), row = rows[y].filter(Boolean);
      const ends = {Home: row[0], End: row[row.length - 1]};
      const next = steps[event.key] ? beside(at.get(button), steps[event.key]) : ends[event.key];
      if (!steps[event.key] && !next) return;
      event.preventDefault();
      if (next) next.focus();
    });
  }
  if (first) enter(first);
}
