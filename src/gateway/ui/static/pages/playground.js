/** Talk to any model in any dialect, and see what is sent and what comes back. */

import { composer } from "../chat/composer.js";
import { newLane } from "../chat/lane.js";
import { codePanels } from "../chat/panels.js";
import { requestForm } from "../chat/request.js";
import { newRuns } from "../chat/runs.js";
import { element } from "../dom.js";
import { load } from "../gateway.js";
import { tabs } from "../tabs.js";

export const title = "Playground";

export function build(section) {
  const form = requestForm();
  const runs = newRuns((isRunning) => entry.setRunning(isRunning));
  const lanes = form.requests.map((request) => newLane(request, runs.run));
  const code = codePanels();

  const update = () => {
    const [first, second] = lanes;
    second.log.hidden = second.raw.hidden = !second.request.isUsed();
    const turn = entry.draft();
    code.update(first.request, isEmpty(turn) ? first.turns : [...first.turns, turn]);
  };
  const send = () => {
    const used = lanes.filter(({ request }) => request.isUsed());
    const problem = problemOf(used, entry.draft());
    entry.fail(problem);
    if (problem) return;
    const turn = entry.take();
    for (const lane of used) lane.say(turn).then(update);
    update();
  };
  const clear = () => {
    runs.stop();
    for (const lane of lanes) lane.clear();
    update();
  };
  const entry = composer({ send, stop: runs.stop, clear });

  section.append(form.shown, talk(lanes, entry), beside(lanes, code));
  section.addEventListener("input", update);
  return async (signal) => {
    entry.fail("");
    await offerModels(form, entry, signal);
    update();
  };
}

async function offerModels(form, entry, signal) {
  try {
    const { models } = await load("/api/tags", { signal });
    form.offer(models);
  } catch (error) {
    if (error.name !== "AbortError") entry.fail(error.message);
  }
}

/** Return why nothing can be sent, or an empty text. */
function problemOf(lanes, turn) {
  if (!lanes.length) return "There is no model: see Models.";
  if (isEmpty(turn)) return "Write a message first.";
  try {
    for (const { request } of lanes) request.body([]);
    return "";
  } catch (error) {
    return error.message;
  }
}

function isEmpty({ text, images, documents }) {
  return !text && !images.length && !documents.length;
}

function talk(lanes, entry) {
  const logs = element("div", { class: "logs" }, ...lanes.map(({ log }) => log));
  return element("div", { class: "talk" }, logs, entry.form);
}

function beside(lanes, code) {
  const raws = element("div", {}, ...lanes.map(({ raw }) => raw));
  return tabs("Beside the conversation", { "Raw lines": raws, ...code.parts });
}
