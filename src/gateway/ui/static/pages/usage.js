/** What was used over time, by model, provider or caller, and what is left of the limits. */

import { element, labelled, nothing } from "../dom.js";
import { load } from "../gateway.js";
import { chart, legend } from "../usage/chart.js";
import { limits } from "../usage/limits.js";
import { SPANS, finder, groupsOf, timesOf } from "../usage/report.js";

export const title = "Usage";

const BY = ["model", "provider", "caller", "operation"];
const CHARTS = {
  Requests: { count: (row) => row.requests },
  Tokens: { count: (row) => row.input_tokens + row.output_tokens },
  Cost: { count: (row) => Number(row.cost), shown: (value) => value.toFixed(6) },
  Errors: { count: (row) => row.errors },
};
const COLUMNS = {
  Requests: "requests",
  Errors: "errors",
  Cancelled: "cancelled",
  "From cache": "cache_hits",
  "Input tokens": "input_tokens",
  "Output tokens": "output_tokens",
  Cost: "cost",
  Unpriced: "unpriced",
};

export function build(section) {
  const failure = element("p", { class: "failed", role: "alert" });
  const span = select(Object.keys(SPANS));
  const by = select(BY);
  const controls = element("div", { class: "row" }, labelled("Time", span), labelled("By", by));
  const report = element("div");
  const left = element("div");
  let leaving = null;

  const reload = async () => {
    failure.textContent = "";
    try {
      const { usage } = await load("/gateway/features", { signal: leaving });
      controls.hidden = !usage;
      report.replaceChildren(
        ...(usage ? await reported() : [nothing("No usage is kept.", "usage.enabled")]),
      );
      left.replaceChildren(...limits(await load("/gateway/key", { signal: leaving })));
    } catch (error) {
      if (error.name !== "AbortError") failure.textContent = error.message;
    }
  };
  const reported = async () => {
    const { since, unit } = SPANS[span.value];
    const query = new URLSearchParams({ by: `${unit},${by.value}`, since });
    const { rows } = await load(`/gateway/usage?${query}`, { signal: leaving });
    if (!rows.length) return [nothing("Nothing was used in this time.")];
    return [...charts(rows, SPANS[span.value], by.value), sums(rows, by.value)];
  };

  span.addEventListener("change", reload);
  by.addEventListener("change", reload);
  section.append(failure, controls, report, left);
  return (signal) => {
    leaving = signal;
    return reload();
  };
}

function select(names) {
  return element("select", {}, ...names.map((name) => element("option", { value: name }, name)));
}

function charts(rows, span, by) {
  const groups = [...groupsOf(rows, by).keys()];
  const find = finder(rows, span.unit, by);
  const times = timesOf(span);
  const all = Object.entries(CHARTS).map(([name, { count, shown }]) => {
    const value = (time, group) => {
      const row = find(time, group);
      return row ? count(row) : 0;
    };
    return chart(name, { times, groups, value, shown });
  });
  return [legend(groups), element("div", { class: "charts" }, ...all)];
}

function sums(rows, by) {
  const names = Object.keys(COLUMNS);
  const head = [by, ...names].map((name, at) =>
    element("th", { scope: "col", class: at ? "number" : null }, name),
  );
  const lines = [...groupsOf(rows, by)].map(([group, counts]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, group || "(none)"),
      ...names.map((name) =>
        element("td", { class: "number" }, shownSum(COLUMNS[name], counts[COLUMNS[name]])),
      ),
    ),
  );
  return element(
    "div",
    { class: "scrolls", tabindex: 0, role: "region", "aria-label": "Sums" },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...head)),
      element("tbody", {}, ...lines),
    ),
  );
}

function shownSum(name, value) {
  return name === "cost" ? value.toFixed(6) : value.toLocaleString("en");
}
