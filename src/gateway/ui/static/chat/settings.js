/** The settings of a request: a form, and what it says. */

import { button, element, labelled } from "../dom.js";

const TOOLS = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "Return the weather in a city.",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];

const SCHEMA = {
  type: "object",
  properties: { answer: { type: "string" } },
  required: ["answer"],
};

const NUMBERS = {
  temperature: ["Temperature", { min: 0, step: 0.1 }],
  top_p: ["Top P", { min: 0, max: 1, step: 0.05 }],
  num_predict: ["Max tokens", { min: 1, step: 1 }],
  seed: ["Seed", { step: 1 }],
};

/**
 * Return `{fields, read}`: the elements of the form, and a function that returns the settings as
 * `conversation.js` describes them. It throws an Error that names the field of text that is no JSON.
 */
export function settingsForm() {
  const system = element("textarea", { rows: 2 });
  const think = select({
    "": "default of the model",
    on: "on",
    off: "off",
    low: "low",
    medium: "medium",
    high: "high",
  });
  const format = formatFields();
  const tools = toolsField();
  const options = optionFields();
  const extra = element("textarea", { rows: 2, class: "code", spellcheck: "false" });
  return {
    fields: [
      labelled("System", system),
      labelled("Think", think),
      ...format.fields,
      ...tools.fields,
      ...options.fields,
      labelled("Further members of the body (JSON)", extra),
    ],
    read: () => ({
      system: system.value,
      think: think.value,
      format: format.read(),
      tools: tools.read(),
      options: options.read(),
      extra: parsed("Further members of the body", extra.value) ?? {},
    }),
  };
}

/** Return a control to choose from values, each with its text. */
export function select(texts) {
  const options = Object.entries(texts).map(([value, text]) => element("option", { value }, text));
  return element("select", {}, ...options);
}

function formatFields() {
  const kind = select({ "": "text", json: "JSON", schema: "JSON schema" });
  const schema = element("textarea", { rows: 5, class: "code", spellcheck: "false" });
  schema.value = JSON.stringify(SCHEMA, null, 1);
  const field = labelled("Schema", schema);
  const update = () => (field.hidden = kind.value !== "schema");
  kind.addEventListener("change", update);
  update();
  return {
    fields: [labelled("Format", kind), field],
    read: () => (kind.value === "schema" ? parsed("Schema", schema.value) : kind.value || null),
  };
}

function toolsField() {
  const area = element("textarea", { rows: 2, class: "code", spellcheck: "false" });
  const fill = () => {
    area.value = JSON.stringify(TOOLS, null, 1);
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };
  return {
    fields: [labelled("Tools (JSON)", area), button("An example of a tool", fill)],
    read: () => parsed("Tools", area.value) ?? [],
  };
}

function optionFields() {
  const inputs = Object.entries(NUMBERS).map(([name, [text, limits]]) => {
    const input = element("input", { type: "number", ...limits });
    return { name, input, field: labelled(text, input) };
  });
  const stop = element("textarea", { rows: 1 });
  const numbers = element("div", { class: "numbers" }, ...inputs.map(({ field }) => field));
  return {
    fields: [numbers, labelled("Stop sequences (one on each line)", stop)],
    read: () => {
      const options = {};
      for (const { name, input } of inputs) if (input.value) options[name] = input.valueAsNumber;
      if (stop.value) options.stop = stop.value.split("\n").filter(Boolean);
      return options;
    },
  };
}

function parsed(name, text) {
  if (!text.trim()) return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${name}: ${error.message}`);
  }
}
