/** The table of the last requests, newest first; a row changes when its request does. */

import { element } from "../dom.js";

const MOST = 300; // rows; the gateway may keep more
const COLUMNS = ["Time", "Request", "Model", "Status", "Tokens", "Milliseconds"];
const NUMBERS = new Set(["Tokens", "Milliseconds"]);

/** Return `{ shown, put, clear, mark, filter }` of a table. */
export function exchangeList() {
  const rows = new Map();
  const body = element("tbody");
  const head = COLUMNS.map((name) =>
    element("th", { scope: "col", class: NUMBERS.has(name) ? "number" : null }, name),
  );
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...head)), body);
  const shown = element(
    "div",
    { class: "scrolls", tabindex: 0, role: "region", "aria-label": "Last requests" },
    table,
  );
  let isShown = () => true;
  let chosen = "";

  const put = (exchange) => {
    const row = rows.get(exchange.id) ?? begin(exchange);
    row.exchange = exchange;
    row.cells.forEach((cell, at) => fill(cell, VALUES[at](exchange)));
    row.line.className = exchange.status >= 400 ? "failed" : "";
    row.line.hidden = !isShown(exchange);
  };
  const begin = (exchange) => {
    const cells = VALUES.map((_, at) =>
      element("td", { class: NUMBERS.has(COLUMNS[at + 1]) ? "number" : null }),
    );
    const link = element("a", { href: `#inspector/${exchange.id}` }, timeOf(exchange));
    const line = element("tr", {}, element("th", { scope: "row" }, link), ...cells);
    const row = { exchange, line, link, cells };
    rows.set(exchange.id, row);
    body.prepend(line);
    if (rows.size > MOST) drop(rows.keys().next().value);
    markOne(row);
    return row;
  };
  const drop = (id) => {
    rows.get(id).line.remove();
    rows.delete(id);
  };
  const markOne = ({ exchange, link }) => {
    if (exchange.id === chosen) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  };

  return {
    shown,
    put,
    clear() {
      rows.clear();
      body.replaceChildren();
    },
    /** Mark the row of the request that is looked at. */
    mark(id) {
      chosen = id;
      for (const row of rows.values()) markOne(row);
    },
    /** Show only those that a function accepts. */
    filter(accepts) {
      isShown = accepts;
      for (const { exchange, line } of rows.values()) line.hidden = !accepts(exchange);
    },
  };
}

const VALUES = [
  ({ method, path }) => `${method} ${path}`,
  ({ model }) => model,
  ({ running, status, cache }) => (running ? "running" : `${status}${cache ? ` ${cache}` : ""}`),
  ({ usage }) => (usage ? `${usage.input_tokens} + ${usage.output_tokens}` : ""),
  ({ running, times }) => (running ? "" : rounded(times.total_ms)),
];

function rounded(value) {
  return value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });
}

function fill(cell, text) {
  if (cell.textContent !== text) cell.textContent = text;
}

function timeOf({ at }) {
  return new Date(at * 1000).toLocaleTimeString("en-GB");
}
