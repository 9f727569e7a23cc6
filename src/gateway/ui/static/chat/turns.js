/** How the turns of a conversation look; all text is text. */

import { button, codeBox, element, labelled } from "../dom.js";
import { summary } from "./answer.js";

/** Return a message of the user, with its files. */
export function userTurn({ text, images, documents }) {
  const pictures = images.map(({ name, type, base64 }) =>
    element("img", { src: `data:${type};base64,${base64}`, alt: name }),
  );
  const names = documents.map(({ name }) => element("span", { class: "file" }, name));
  return turn("user", "You", element("div", { class: "text" }, text), ...pictures, ...names);
}

/** Return the result of a call. */
export function toolTurn({ name, text }) {
  return turn("tool", `Result of ${name}`, element("div", { class: "text" }, text));
}

/** Return `{shown, update}`: an answer of a model, and what shows how it has grown. */
export function answerTurn(model) {
  const thinking = document.createTextNode("");
  const text = document.createTextNode("");
  const thought = element(
    "details",
    { class: "thinking", open: true, hidden: true },
    element("summary", {}, "Thinking"),
    element("div", { class: "text" }, thinking),
  );
  const calls = element("div", { class: "calls" });
  const failure = element("p", { class: "failed", role: "alert" });
  const measured = element("p", { class: "quiet" });
  const said = element("div", { class: "text" }, text);
  const update = (answer) => {
    thought.hidden = !answer.thinking;
    extend(thinking, answer.thinking);
    extend(text, answer.text);
    calls.replaceChildren(...answer.calls.map(shownCall));
    failure.textContent = answer.error;
    measured.textContent = answer.seconds === undefined ? "" : summary(answer);
  };
  return { shown: turn("assistant", model, thought, said, calls, failure, measured), update };
}

/** Return a form for the results of calls; `give` gets them as turns, in the order of the calls. */
export function resultsForm(calls, give) {
  const inputs = calls.map(() => element("textarea", { rows: 1 }));
  const fields = calls.map(({ name }, at) => labelled(`Result of ${name}`, inputs[at]));
  const results = () =>
    calls.map(({ id, name }, at) => ({ role: "tool", id, name, text: inputs[at].value }));
  const form = element("div", { class: "results" }, ...fields);
  const sent = () => {
    form.remove();
    give(results());
  };
  form.append(button("Send results", sent));
  return form;
}

function turn(kind, who, ...children) {
  return element("article", { class: `turn ${kind}` }, element("h2", {}, who), ...children);
}

function shownCall({ name, arguments: text }) {
  return codeBox(`Call of ${name}`, `${name}(${text})`, { class: "call" });
}

function extend(node, text) {
  if (text.length > node.length) node.appendData(text.slice(node.length));
}
