/** The limits of a caller and what is left of them, as `/gateway/key` tells. */

import { element, nothing } from "../dom.js";

const NAMES = { rpm: "Requests a minute", tpm: "Tokens a minute" };

/** Return the elements that show a report of limits. */
export function limits({ name, plan, models, limits: told, budget }) {
  const rows = [
    ...Object.entries(NAMES)
      .filter(([limit]) => told[limit])
      .map(([limit, title]) => rate(title, told[limit])),
    ...(told.concurrency ? [running(told.concurrency)] : []),
    ...(budget ? [money(budget)] : []),
  ];
  const whose = name ? `of ${name}${plan ? `, plan ${plan}` : ""}` : "of the gateway";
  const may = models.length ? [element("p", {}, `Models: ${models.join(", ")}`)] : [];
  return [
    element("h2", {}, `Limits ${whose}`),
    ...may,
    rows.length ? table(rows) : nothing("There is no limit.", "limits"),
  ];
}

function rate(title, { limit, remaining, reset_seconds }) {
  const wait = reset_seconds ? `all again in ${Math.ceil(reset_seconds)} s` : "";
  return [title, limit.toLocaleString("en"), remaining.toLocaleString("en"), wait];
}

function running({ limit, running: now }) {
  return ["Requests at one time", limit, Math.max(limit - now, 0), ""];
}

function money({ limit, period, spent, held, remaining, resets }) {
  const until = resets ? `, until ${resets}` : "";
  return [`Budget (${period})`, limit, remaining, `${spent} spent, ${held} held${until}`];
}

function table(rows) {
  const head = ["Limit", "Allowed", "Left", ""].map((text) =>
    element("th", { scope: "col" }, text),
  );
  const lines = rows.map(([title, ...cells]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, title),
      ...cells.map((text) => element("td", {}, String(text))),
    ),
  );
  return element(
    "div",
    { class: "scrolls", tabindex: 0, role: "region", "aria-label": "Limits" },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...head)),
      element("tbody", {}, ...lines),
    ),
  );
}
