/** Which models there are, and who answers for them; those that users made can be changed. */

import { element, labelled, nothing } from "../dom.js";
import { load, send } from "../gateway.js";
import { maker } from "../models/maker.js";
import { providerTable } from "../models/table.js";

export const title = "Models";

const NOTHING = { manage: false, providers: {}, models: [] };

export function build(section) {
  const search = element("input", { type: "search" });
  const failure = element("p", { class: "failed", role: "alert" });
  const tables = element("div");
  const making = maker(() => reload());
  let told = NOTHING;
  let leaving = null;

  const draw = () => {
    const actions = told.manage ? { change: making.change, remove } : null;
    const word = search.value.trim().toLowerCase();
    const found = told.models.filter((model) => matches(model, word));
    tables.replaceChildren(...drawn(told.providers, found, actions));
  };
  const reload = async () => {
    failure.textContent = "";
    try {
      told = await load("/gateway/models", { signal: leaving });
      draw();
    } catch (error) {
      if (error.name === "AbortError") return;
      told = NOTHING;
      failure.textContent = error.message;
      tables.replaceChildren();
    }
    making.shown.hidden = !told.manage;
    making.offer(told.models);
  };
  const remove = async ({ name }) => {
    try {
      await send("/api/delete", { method: "DELETE", json: { model: name } });
    } catch (error) {
      failure.textContent = error.message;
      return;
    }
    reload();
  };

  search.addEventListener("input", draw);
  section.append(
    element(
      "p",
      { class: "quiet" },
      "Prices are those of a million tokens, in the currency of the provider.",
    ),
    failure,
    making.shown,
    labelled("Find", search),
    tables,
  );
  return (signal) => {
    leaving = signal;
    return reload();
  };
}

function matches({ name, id, provider, capabilities }, word) {
  return [name, id, provider, ...capabilities].some((text) => text.toLowerCase().includes(word));
}

function drawn(providers, models, actions) {
  const names = Object.keys(providers);
  if (!names.length) return [nothing("There is no provider.", "providers")];
  return names.flatMap((name) => {
    const own = models.filter(({ provider }) => provider === name);
    const shown = providerTable(name, providers[name], own, actions);
    return own.length || !providers[name]
      ? shown
      : [shown[0], nothing("No model is found.", "models.expose")];
  });
}
