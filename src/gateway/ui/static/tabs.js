/** Parts of which one is shown at a time, chosen by tabs as ARIA describes them. */

import { element } from "./dom.js";

/** Return an element with a tab for each name of `parts`, whose values are elements. */
export function tabs(label, parts) {
  const names = Object.keys(parts);
  const list = element("div", { role: "tablist", "aria-label": label });
  const buttons = names.map((name) => element("button", { type: "button", role: "tab" }, name));
  const panels = names.map((name) =>
    element("div", { role: "tabpanel", "aria-label": name }, parts[name]),
  );
  const show = (chosen) => {
    buttons.forEach((tab, at) => {
      tab.setAttribute("aria-selected", at === chosen);
      tab.tabIndex = at === chosen ? 0 : -1;
      panels[at].hidden = at !== chosen;
    });
  };
  const move = (event, at) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (at + step + names.length) % names.length;
    show(next);
    buttons[next].focus();
  };
  buttons.forEach((tab, at) => {
    tab.addEventListener("click", () => show(at));
    tab.addEventListener("keydown", (event) => move(event, at));
  });
  list.append(...buttons);
  show(0);
  return element("div", { class: "tabs" }, list, ...panels);
}
