/** Which models are asked, and how, as the user has chosen. */

import { element, labelled } from "../dom.js";
import { anthropic } from "./anthropic.js";
import { ollama } from "./ollama.js";
import { openai } from "./openai.js";
import { select, settingsForm } from "./settings.js";

const DIALECTS = { ollama, openai, anthropic };
const NONE = "";
const WIDE = "(min-width: 64rem)";

/**
 * Return `{shown, requests, offer}`: the form, a request for each of the two models, and what offers
 * the models of a list.
 *
 * A request has `isUsed()`, `model()`, `dialect()` and `body(turns)`, which throws an Error for
 * settings that cannot be read.
 */
export function requestForm() {
  const settings = settingsForm();
  const dialect = select({ ollama: "Ollama", openai: "OpenAI", anthropic: "Anthropic" });
  const models = [element("select"), element("select")];
  const abilities = element("p", { class: "quiet" });

  const requests = models.map((model) => ({
    isUsed: () => model.value !== NONE,
    model: () => model.value,
    dialect: () => DIALECTS[dialect.value],
    body: (turns) =>
      DIALECTS[dialect.value].body({ model: model.value, turns, ...settings.read() }),
  }));
  const describe = () => (abilities.textContent = models[0].selectedOptions[0]?.title ?? "");
  const offer = (listed) => {
    const chats = listed.filter(({ capabilities = [] }) => capabilities.includes("completion"));
    refill(models[0], chats.map(option));
    refill(models[1], [element("option", { value: NONE }, "no other model"), ...chats.map(option)]);
    describe();
  };

  models[0].addEventListener("change", describe);
  const shown = element(
    "div",
    { class: "settings" },
    labelled("Model", models[0]),
    abilities,
    labelled("Dialect", dialect),
    more(labelled("Compare with", models[1]), ...settings.fields),
  );
  return { shown, requests, offer };
}

function option({ name, capabilities, details }) {
  const context = details.context_length ? ` · ${details.context_length} tokens of context` : "";
  return element("option", { value: name, title: `${capabilities.join(", ")}${context}` }, name);
}

/** Replace the options of a control, and keep what was chosen if it is still there. */
function refill(control, options) {
  const before = control.value;
  control.replaceChildren(...options);
  if (options.some(({ value }) => value === before)) control.value = before;
}

/** Return settings that few need, which wide windows have room for. */
function more(...fields) {
  const isOpen = matchMedia(WIDE).matches;
  return element("details", { open: isOpen }, element("summary", {}, "Settings"), ...fields);
}
