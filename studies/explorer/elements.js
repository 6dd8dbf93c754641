// Elements of the page. Text always goes in as text: a name of the run's is never read as HTML.
const byId = id => document.getElementById(id);

function fill(node, attributes, children = []) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity));
  return node;
}

const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const draw = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
// A text of the run's, whose signs turn no line around; an interval stays on one line.
const bdi = text => el("bdi", {}, text.replace(/ ?\[[^\]]{1,30}\]/g, part => part.replaceAll(" ", "\u00a0")));

function options(select, texts, chosen) {
  select.replaceChildren(...texts.map((text, place) => el("option", {value: place}, text)));
  select.value = chosen;
}

// A table of texts; `name` is what it is called to those who hear it.
function table(name, header, rows) {
  const head = el("thead", {}, el("tr", {}, header.map(text => el("th", {scope: "col"}, text))));
  const body = el("tbody", {}, rows.map(row =>
    el("tr", {}, row.map((text, place) => el("td", {"data-name": header[place]}, bdi(text))))));
  return el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": name},
    el("table", {class: "plain stacked", "aria-label": name}, head, body));
}

// Terms with what is said of each.
const terms = pairs => el("dl", {}, pairs.map(([term, text]) =>
  el("div", {}, el("dt", {}, term), el("dd", {}, bdi(text)))));

// One number as the report writes it: 0.75, −0.09, 3.21.
const number = (value, digits = 2) =>
  Number.isNaN(value) ? "\u2013" : value.toFixed(digits).replace("-", "\u2212");
