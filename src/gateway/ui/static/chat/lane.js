/** The conversation with one model: what was said, and the lines of the answers as they came. */

import { codeBox, element } from "../dom.js";
import { ask, isWhole } from "./answer.js";
import { answerTurn, resultsForm, toolTurn, userTurn } from "./turns.js";

const NEAR = 40; // pixels from the end of a box within which somebody follows what comes

/**
 * Return an empty lane: `{request, log, raw, turns, say, clear}`.
 *
 * `say(turn)` adds a turn of the user and asks for an answer, with a request of `request.js`;
 * `run(task)` runs what gets the signal that stops it.
 */
export function newLane(request, run) {
  const log = element("div", { class: "log", role: "log", tabindex: 0 });
  log.setAttribute("aria-label", "Conversation");
  const raw = codeBox("Raw lines", "", { class: "raw" });
  let turns = [];

  const add = (turn, shown) => {
    turns.push(turn);
    log.append(shown);
  };
  const answer = async (signal) => {
    const before = turns;
    const { shown, update } = answerTurn(request.model());
    log.append(shown);
    toEnd(log);
    raw.textContent = "";
    const given = await ask(request.dialect(), () => request.body(before), {
      signal,
      line: (line) => following(raw, () => raw.append(`${line}\n`)),
      change: (grown) => following(log, () => update(grown)),
    });
    if (turns === before) keep(given);
  };
  const keep = (given) => {
    const calls = isWhole(given) ? given.calls : [];
    if (given.text || calls.length) turns.push({ ...given, calls });
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
    turns = [];
    log.replaceChildren();
    raw.textContent = "";
  };

  return {
    request,
    log,
    raw,
    get turns() {
      return turns;
    },
    say,
    clear,
  };
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
