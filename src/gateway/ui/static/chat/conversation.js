/**
 * A conversation without any dialect, and how an answer grows.
 *
 * A request is `{model, system, turns, tools, format, think, options, extra}`:
 * - `turns` are `{role: "user", text, images, documents}`, what `newAnswer` returns, and
 *   `{role: "tool", id, name, text}`;
 * - images, and documents, which recordings count among, are `{name, type, base64}`;
 * - `tools` have OpenAI's form, which is Ollama's;
 * - `format` is null, "json" or a JSON schema;
 * - `think` is "" for the default of the model, "on", "off", "low", "medium" or "high";
 * - `options` are `temperature`, `top_p`, `num_predict`, `seed` and `stop`, those that are set;
 * - `extra` are members of the body that only the user knows the meaning of.
 *
 * What a dialect reads of a line are events: `{text}`, `{thinking}`, `{signature}` of the thinking,
 * `{call: {index, id, name, arguments}}` of which any part may come later, `{error}`, and
 * `{reason, input, output}` with the numbers of tokens.
 */

/** Return an answer of which nothing has come yet. */
export function newAnswer() {
  return { role: "assistant", text: "", thinking: "", signature: "", calls: [], error: "" };
}

/** Add what an event says to an answer. */
export function grow(answer, event) {
  for (const name of ["text", "thinking", "signature"]) answer[name] += event[name] ?? "";
  if (event.call) growCall(answer.calls, event.call);
  for (const name of ["reason", "input", "output", "error"]) {
    if (event[name] !== undefined) answer[name] = event[name];
  }
}

/** Return the arguments of a call as a value, an empty object where they are no JSON. */
export function argumentsOf(call) {
  try {
    return JSON.parse(call.arguments || "{}");
  } catch {
    return {};
  }
}

/** Return the text of a document; null for one that is none, such as a PDF. */
export function textOf({ type, base64 }) {
  if (type !== "text/plain") return null;
  return new TextDecoder().decode(
    Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)),
  );
}

function growCall(calls, { index, id, name, arguments: part = "" }) {
  let call = calls.find((one) => one.index === index);
  if (!call) calls.push((call = { index, id: "", name: "", arguments: "" }));
  call.id ||= id ?? "";
  call.name ||= name ?? "";
  call.arguments += part;
}
