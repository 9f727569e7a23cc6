/** The models of one provider as a table. */

import { button, element } from "../dom.js";

const TEXTS = ["Model", "Abilities"];
const NUMBERS = ["Context", "Input", "Output"];

/** Return a heading and a table; `actions` has what to do to `change` or `remove` a made model. */
export function providerTable(provider, isReached, models, actions) {
  const state = isReached ? "reachable" : "not reachable";
  const heading = element(
    "h2",
    {},
    `${provider} `,
    element("span", { class: isReached ? "good" : "failed" }, state),
  );
  const rows = models.map((model) => row(model, actions));
  const head = [
    ...TEXTS.map((name) => element("th", { scope: "col" }, name)),
    ...NUMBERS.map((name) => element("th", { scope: "col", class: "number" }, name)),
    element("td", { colspan: 2 }),
  ];
  const table = element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...rows),
  );
  const name = `Models of ${provider}`;
  return [
    heading,
    element("div", { class: "scrolls", tabindex: 0, role: "region", "aria-label": name }, table),
  ];
}

/** Return the price of a million tokens without zeros at its end, or nothing where none is known. */
export function shownPrice(price, kind) {
  return price ? String(Number(price[kind])) : "";
}

function row(model, actions) {
  const { name, capabilities, context_length, price, made, deprecated } = model;
  const end = deprecated.slice(0, "2026-12-31".length);
  const note = end ? [element("span", { class: "failed" }, ` until ${end}`)] : [];
  const cells = [
    element("th", { scope: "row" }, element("code", {}, name), ...note),
    element("td", {}, capabilities.join(", ")),
    element("td", { class: "number" }, context_length ? context_length.toLocaleString("en") : ""),
    element("td", { class: "number" }, shownPrice(price, "input")),
    element("td", { class: "number" }, shownPrice(price, "output")),
    element("td", {}, made ? `made from ${model.id}` : ""),
    element("td", {}, ...(made && actions ? [buttons(model, actions)] : [])),
  ];
  return element("tr", {}, ...cells);
}

function buttons(model, { change, remove }) {
  const changing = button("Change", () => change(model), { "aria-label": `Change ${model.name}` });
  const removing = button("Delete", () => {
    // What is gone cannot be brought back, so it takes a second press.
    if (removing.textContent === "Really delete") remove(model);
    else name("Really delete");
  });
  const name = (text) => {
    removing.textContent = text;
    removing.setAttribute("aria-label", `${text} ${model.name}`);
  };
  name("Delete");
  return element("div", { class: "row" }, changing, removing);
}
