/** A form that makes a model from another one, or makes it again with changes. */

import { button, element, labelled } from "../dom.js";
import { load, send } from "../gateway.js";
import { readParameters } from "./parameters.js";

const NEW = "Make a model";

/**
 * Return `{shown, offer, change}`: the form, what offers models to make others from, and what fills
 * the form with a model that was made. `made` is called once a model was made.
 */
export function maker(made) {
  const fields = makerFields();
  const failure = element("p", { class: "failed", role: "alert" });
  const summary = element("summary", {}, NEW);
  let kept = {};

  const open = (text, layers) => {
    failure.textContent = "";
    summary.textContent = text;
    kept = layers;
    shown.open = text !== NEW;
  };
  const close = () => {
    form.reset();
    open(NEW, {});
  };
  const trying = async (task) => {
    try {
      await task();
    } catch (error) {
      failure.textContent = error.message;
    }
  };
  const make = (event) => {
    event.preventDefault();
    return trying(async () => {
      const json = { ...kept, ...fields.read(), stream: false };
      await send("/api/create", { method: "POST", json });
      close();
      made();
    });
  };
  const change = (model) => {
    open(`Change ${model.name}`, {});
    return trying(async () => {
      const told = await show(model.name);
      const below = await show(baseOf(model));
      fields.fill(model, ownLayers(told, below));
      kept = otherLayers(told, below);
    });
  };
  const form = element(
    "form",
    { class: "maker", onsubmit: make },
    ...fields.shown,
    failure,
    element(
      "div",
      { class: "row" },
      element("button", { type: "submit", class: "main" }, "Make"),
      button("Cancel", close),
    ),
  );
  const shown = element("details", {}, summary, form);
  return { shown, offer: fields.offer, change };
}

function makerFields() {
  const name = element("input", { required: true, spellcheck: "false" });
  const base = element("select", { required: true });
  const system = element("textarea", { rows: 3 });
  const parameters = element("textarea", { rows: 3, class: "code", spellcheck: "false" });
  return {
    shown: [
      labelled("Name", name),
      labelled("From", base),
      labelled("System", system),
      labelled("Parameters (one on each line, such as temperature 0.5)", parameters),
    ],
    read: () => ({
      model: name.value,
      from: base.value,
      system: system.value,
      parameters: readParameters(parameters.value),
    }),
    fill: (model, layers) => {
      name.value = model.name;
      base.value = baseOf(model);
      system.value = layers.system;
      parameters.value = layers.parameters;
      system.focus();
    },
    offer: (models) => {
      const before = base.value;
      base.replaceChildren(...models.map(baseOption));
      if (before) base.value = before;
    },
  };
}

function show(model) {
  return load("/api/show", { method: "POST", json: { model } });
}

/** Return the system prompt and the parameters of a model, without those of its base. */
function ownLayers(told, below) {
  const system = told.system === below.system ? "" : told.system;
  const linesOf = ({ parameters = "" }) => parameters.split("\n");
  const lines = linesOf(told).filter((line) => !linesOf(below).includes(line));
  return { system: system ?? "", parameters: lines.join("\n") };
}

/** Return what a model has that its base has not, and for which the form has no field. */
function otherLayers(told, below) {
  const names = ["messages", "license", "template"];
  const isOwn = (name) => told[name] && told[name] !== below[name];
  return Object.fromEntries(names.filter(isOwn).map((name) => [name, told[name]]));
}

function baseOption(model) {
  return element("option", { value: model.made ? model.name : baseOf(model) }, model.name);
}

/** Return the name of the provider's model that answers, whatever else has its name. */
function baseOf({ provider, id }) {
  return `${provider}/${id}`;
}
