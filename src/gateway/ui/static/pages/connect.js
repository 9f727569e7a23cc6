/** What to paste into each known app, with the address of this gateway. */

import { codeBox, copyButton, element, labelled, nothing } from "../dom.js";
import { address, load } from "../gateway.js";
import { keyOf } from "../key.js";

export const title = "Connect";

const EXAMPLE = "mistral-large";
const KEY = "ollama"; // what apps send that want a key where none is needed

export function build(section) {
  const search = element("input", { type: "search" });
  const model = element("input", { spellcheck: "false", placeholder: EXAMPLE });
  const cards = element("div", { class: "cards" });
  let apps = [];

  const draw = () => {
    const word = search.value.trim().toLowerCase();
    const found = apps.filter(({ name, slug }) => `${name} ${slug}`.toLowerCase().includes(word));
    const shown = found.map((app) => card(app, model.value.trim() || model.placeholder));
    cards.replaceChildren(...(shown.length ? shown : [nothing("No such app is known.")]));
  };
  search.addEventListener("input", draw);
  model.addEventListener("input", draw);
  section.append(
    element("p", {}, "The address of this gateway is ", element("code", {}, address()), "."),
    element("div", { class: "row" }, labelled("Find", search), labelled("Model", model)),
    cards,
  );

  return async (signal) => {
    try {
      apps = await load("/ui/apps.json", { signal });
      model.placeholder = await firstModel(signal);
      draw();
    } catch (error) {
      if (error.name !== "AbortError") cards.replaceChildren(nothing(error.message));
    }
  };
}

/** Return a model to connect to, any where the list cannot be seen, as without the key. */
async function firstModel(signal) {
  try {
    const { models } = await load("/api/tags", { signal });
    const chats = models.filter(({ capabilities = [] }) => capabilities.includes("completion"));
    return chats[0]?.name ?? EXAMPLE;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return EXAMPLE;
  }
}

/** Return what to do for an app. The key is a mark on the page, and itself only in what is copied. */
function card({ slug, name, version, date, where, connect }, model) {
  const filled = (key) =>
    connect.replaceAll("{url}", address()).replaceAll("{key}", key).replaceAll("{model}", model);
  const doctor = `python -m gateway doctor ${slug} --url ${address()}`;
  return element(
    "article",
    { class: "card" },
    element("h2", {}, name),
    element("p", { class: "quiet" }, where),
    codeBox(`Settings of ${name}`, filled(keyOf() ? "YOUR_KEY" : KEY)),
    copyButton(() => filled(keyOf() || KEY), { "aria-label": `Copy the settings of ${name}` }),
    element("p", { class: "quiet" }, "If it does not work, ask the doctor:"),
    codeBox(`Doctor for ${name}`, doctor),
    copyButton(() => doctor, { "aria-label": `Copy the command for ${name}` }),
    element("p", { class: "quiet" }, `Looked up for ${version} on ${date}.`),
  );
}
