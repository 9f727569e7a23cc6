/** Ask for an answer, and read it while it comes. */

import { send } from "../gateway.js";
import { linesOf } from "../lines.js";
import { grow, newAnswer } from "./conversation.js";

const STOPPED = "stopped";

/**
 * Send what `body()` returns in a dialect, and return the answer once it is complete or has failed.
 *
 * `line` is told of each line as it came, `change` of the answer each time that it has grown.
 * Aborting `signal` ends the request, at the provider too; the answer is then what has come so far.
 * Times are in seconds.
 */
export async function ask(dialect, body, { signal, line, change }) {
  const answer = newAnswer();
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1000;
  try {
    const { path, headers } = dialect;
    const response = await send(path, { method: "POST", json: body(), headers, signal });
    for await (const text of linesOf(response)) {
      line(text);
      read(dialect, text, answer, elapsed);
      change(answer);
    }
  } catch (error) {
    if (error.name === "AbortError") answer.reason = STOPPED;
    else answer.error = error.message;
  }
  answer.seconds = elapsed();
  change(answer);
  return answer;
}

/** Tell whether an answer has come to its end, so that its calls are complete. */
export function isWhole({ error, reason }) {
  return !error && reason !== STOPPED;
}

/** Return in words how much an answer was and how long it took. */
export function summary({ reason, input, output, first, seconds }) {
  const parts = [reason];
  if (input !== undefined) parts.push(`${input} tokens in`);
  if (output !== undefined) parts.push(`${output} out`);
  if (first !== undefined) parts.push(`first after ${first.toFixed(2)} s`);
  parts.push(`all after ${seconds.toFixed(2)} s`);
  if (output && seconds > first) parts.push(`${Math.round(output / (seconds - first))} tokens/s`);
  return parts.filter(Boolean).join(" · ");
}

function read(dialect, line, answer, elapsed) {
  for (const event of dialect.read(line)) grow(answer, event);
  if (answer.first === undefined && hasBegun(answer)) answer.first = elapsed();
}

function hasBegun({ text, thinking, calls }) {
  return Boolean(text || thinking || calls.length);
}
