/** The conversation with one model: what was said, and the lines of the answers as they came. */

import { codeBox, element } from "../dom.js";
import { ask } from "./answer.js";
import { answerTurn, resultsForm, toolTurn, userTurn } from "./turns.js";

const CONVERSATION = "Conversation";
const NEAR = 40; // pixels from the end of a box within which somebody follows what comes

/**
 * Return an empty lane: `{log, raw, turns, say, clear}`.
 *
 * `say(turn)` adds a turn of the user and asks for an answer. For each answer `request()` returns
 * `{dialect, model, settings}`, and `run(task)` runs what gets the signal that stops it.
 */
export function newLane({ request, run }) {
  const log = element("div", {
    class: "log",
    role: "log",
    tabindex: 0,
    "aria-label": CONVERSATION,
  });
  const raw = codeBox("Raw lines", "", { class: "raw" });
  const turns = [];

  const add = (turn, shown) => {
    turns.push(turn);
    log.append(shown);
  };

  const answer = (signal) => {
    const { dialect, model, settings } = request();
    const { shown, update } = answerTurn(model);
    log.append(shown);
    toEnd(log);
    raw.textContent = "";
    const seen = {
      line: (line) => following(raw, () => raw.append(`${line}\n`)),
      change: (grown) => following(log, () => update(grown)),
    };
    const body = dialect.body({ model, turns, ...settings });
    return ask(dialect, body, { signal, seen }).then(keep);
  };

  const keep = (given) => {
    const { text, calls } = given;
    if (text || calls.length) turns.push(given);
    if (!calls.length) return;
    log.append(resultsForm(calls, answerResults));
    toEnd(log);
  };

  const answerResults = (results) => {
    for (const result of results) add(result, toolTurn(result));
    return run(answer);
  };

  const say = (turn) => {
    for (const form of log.querySelectorAll(".results")) form.remove();
    add(turn, userTurn(turn));
    return run(answer);
  };

  const clear = () => {
    turns.length = 0;
    log.replaceChildren();
    raw.textContent = "";
  };

  return { log, raw, turns, say, clear };
}

/** Change a box, and stay at its end if it was there. */
function following(scrolled, change) {
  const isAtEnd = scrolled.scrollHeight - scrolled.scrollTop - scrolled.clientHeight < NEAR;
  change();
  if (isAtEnd) toEnd(scrolled);
}

function toEnd(scrolled) {
  scrolled.scrollTop = scrolled.scrollHeight;
}
