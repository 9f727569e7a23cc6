/** A form that makes a model from another one, or makes it again with changes. */

import { button, element, labelled } from "../dom.js";
import { load, send } from "../gateway.js";

/** Return `{form, offer, change}`; `made` is called once a model was made. */
export function maker(made) {
  const name = element("input", { required: true, spellcheck: "false" });
  const base = element("select", { required: true });
  const system = element("textarea", { rows: 3 });
  const parameters = element("textarea", { rows: 3, class: "code", spellcheck: "false" });
  const failure = element("p", { class: "failed", role: "alert" });
  const summary = element("summary", {}, "Make a model");
  let kept = {};

  const reset = () => {
    form.reset();
    kept = {};
    summary.textContent = "Make a model";
    shown.open = false;
  };
  const make = async (event) => {
    event.preventDefault();
    failure.textContent = "";
    try {
      await send("/api/create", {
        method: "POST",
        json: {
          ...kept,
          model: name.value,
          from: base.value,
          system: system.value,
          parameters: readParameters(parameters.value),
          stream: false,
        },
      });
      reset();
      made();
    } catch (error) {
      failure.textContent = error.message;
    }
  };
  const form = element(
    "form",
    { class: "maker", onsubmit: make },
    labelled("Name", name),
    labelled("From", base),
    labelled("System", system),
    labelled("Parameters (one on each line, such as temperature 0.5)", parameters),
    failure,
    element(
      "div",
      { class: "row" },
      element("button", { type: "submit", class: "main" }, "Make"),
      button("Cancel", reset),
    ),
  );
  const shown = element("details", {}, summary, form);

  const offer = (models) => {
    const before = base.value;
    base.replaceChildren(...models.map(baseOption));
    if (before) base.value = before;
  };
  const change = async (model) => {
    const told = await load("/api/show", { method: "POST", json: { model: model.name } });
    name.value = model.name;
    base.value = `${model.provider}/${model.id}`;
    system.value = told.system ?? "";
    parameters.value = told.parameters ?? "";
    kept = keptOf(told);
    summary.textContent = `Change ${model.name}`;
    shown.open = true;
    system.focus();
  };
  return { form: shown, offer, change };
}

/** Return what a model has that the form has no field for. */
function keptOf({ messages, license }) {
  return { ...(messages ? { messages } : {}), ...(license ? { license } : {}) };
}

function baseOption(model) {
  const value = model.made ? model.name : `${model.provider}/${model.id}`;
  return element("option", { value }, model.name);
}

/** Read lines as Modelfiles have them; a name on several lines has several values. */
function readParameters(text) {
  const found = {};
  for (const line of text.split("\n")) {
    const [, name, rest] = line.trim().match(/^(\S+)\s+(.+)$/) ?? [];
    if (!name) continue;
    const value = readValue(rest);
    found[name] = name in found ? [found[name], value].flat() : value;
  }
  return found;
}

function readValue(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
