/** Talk to any model in any dialect, and see what is sent and what comes back. */

import { anthropic } from "../chat/anthropic.js";
import { curl, python, shortened } from "../chat/code.js";
import { composer } from "../chat/composer.js";
import { newLane } from "../chat/lane.js";
import { ollama } from "../chat/ollama.js";
import { openai } from "../chat/openai.js";
import { newRuns } from "../chat/runs.js";
import { select, settingsForm } from "../chat/settings.js";
import { codeBox, copyButton, element, labelled } from "../dom.js";
import { load } from "../gateway.js";
import { keyOf } from "../key.js";
import { tabs } from "../tabs.js";

export const title = "Playground";

const DIALECTS = { ollama, openai, anthropic };
const NONE = "";

export function build(section) {
  const settings = settingsForm();
  const dialect = select({
    ollama: ollama.title,
    openai: openai.title,
    anthropic: anthropic.title,
  });
  const models = [element("select"), element("select")];
  const abilities = element("p", { class: "quiet" });

  const runs = newRuns((isRunning) => entry.setRunning(isRunning));
  const lanes = models.map((model) => {
    const request = () => ({
      dialect: DIALECTS[dialect.value],
      model: model.value,
      settings: settings.read(),
    });
    return { ...newLane({ request, run: runs.run }), request, model };
  });
  const used = () => lanes.filter(({ model }) => model.value !== NONE);

  const send = () => {
    const problem = problemOf(used(), entry.draft(), settings);
    entry.fail(problem);
    if (problem) return;
    const turn = entry.take();
    for (const lane of used()) lane.say(turn).then(updateCode);
    updateCode();
  };
  const clear = () => {
    runs.stop();
    for (const lane of lanes) lane.clear();
    updateCode();
  };
  const entry = composer({ send, stop: runs.stop, clear });
  const code = codePanels();
  const updateCode = () => code.update(lanes[0], entry.draft());

  const update = () => {
    const isCompared = models[1].value !== NONE;
    lanes[1].log.hidden = lanes[1].raw.hidden = !isCompared;
    abilities.textContent = models[0].selectedOptions[0]?.title ?? "";
    updateCode();
  };
  const form = element(
    "div",
    { class: "settings" },
    labelled("Model", models[0]),
    abilities,
    labelled("Dialect", dialect),
    more(labelled("Compare with", models[1]), ...settings.fields),
  );
  const logs = element("div", { class: "logs" }, ...lanes.map(({ log }) => log));
  const raws = element("div", {}, ...lanes.map(({ raw }) => raw));
  const beside = tabs("Beside the conversation", { "Raw lines": raws, ...code.parts });
  section.append(form, element("div", { class: "talk" }, logs, entry.form), beside);
  section.addEventListener("input", update);

  return async (signal) => {
    entry.fail("");
    try {
      offer(models, await load("/api/tags", { signal }));
    } catch (error) {
      if (error.name !== "AbortError") entry.fail(error.message);
    }
    update();
  };
}

/** Return why nothing can be sent, or an empty text. */
function problemOf(lanes, { text, images, documents }, settings) {
  if (!lanes.length) return "There is no model: see Models.";
  if (!text && !images.length && !documents.length) return "Write a message first.";
  try {
    settings.read();
    return "";
  } catch (error) {
    return error.message;
  }
}

/** Offer the models that can chat, and keep what was chosen. */
function offer([first, second], listed) {
  const chats = listed.models.filter(({ capabilities = [] }) =>
    capabilities.includes("completion"),
  );
  const options = () =>
    chats.map(({ name, capabilities, details }) => {
      const context = details.context_length
        ? ` · ${details.context_length} tokens of context`
        : "";
      const described = `${capabilities.join(", ")}${context}`;
      return element("option", { value: name, title: described }, name);
    });
  const nobody = element("option", { value: NONE }, "no other model");
  refill(first, options());
  refill(second, [nobody, ...options()]);
}

function refill(control, options) {
  const before = control.value;
  control.replaceChildren(...options);
  if (options.some(({ value }) => value === before)) control.value = before;
}

/** Return settings that few need, which wide screens have room for. */
function more(...fields) {
  const isOpen = matchMedia("(min-width: 64rem)").matches;
  return element("details", { open: isOpen }, element("summary", {}, "Settings"), ...fields);
}

/** Return the parts that show the next request as a command and as a program. */
function codePanels() {
  const shown = { curl: codeBox("curl"), Python: codeBox("Python") };
  let whole = { curl: "", Python: "" };

  const update = (lane, draft) => {
    try {
      const { dialect, model, settings } = lane.request();
      const isEmpty = !draft.text && !draft.images.length && !draft.documents.length;
      const turns = isEmpty ? lane.turns : [...lane.turns, draft];
      const body = dialect.body({ model, turns, ...settings });
      whole = written(dialect, body);
      const short = written(dialect, shortened(body));
      for (const name of Object.keys(shown)) shown[name].textContent = short[name];
    } catch (error) {
      for (const one of Object.values(shown)) one.textContent = error.message;
    }
  };

  const part = (name) =>
    element(
      "div",
      {},
      copyButton(() => whole[name]),
      shown[name],
    );
  return { parts: { curl: part("curl"), Python: part("Python") }, update };
}

function written(dialect, body) {
  const hasKey = keyOf() !== "";
  const { path, headers } = dialect;
  return { curl: curl({ path, headers, body, hasKey }), Python: python(dialect, body, { hasKey }) };
}
