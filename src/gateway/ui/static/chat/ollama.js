/** The dialect of Ollama: lines of JSON. */

import { argumentsOf, textOf } from "./conversation.js";

export const ollama = {
  title: "Ollama",
  path: "/api/chat",
  headers: {},

  /** Return the body of a streamed chat. */
  body({ model, system, turns, tools, format, think, options, extra }) {
    const messages = turns.map(message);
    if (system) messages.unshift({ role: "system", content: system });
    return {
      model,
      messages,
      ...(tools.length ? { tools } : {}),
      ...(format ? { format } : {}),
      ...(think ? { think: think === "on" || (think === "off" ? false : think) } : {}),
      ...(Object.keys(options).length ? { options } : {}),
      stream: true,
      ...extra,
    };
  },

  /** Return the events in a line. */
  read(line) {
    if (!line) return [];
    const {
      message = {},
      error,
      done,
      done_reason,
      prompt_eval_count,
      eval_count,
    } = JSON.parse(line);
    if (error) return [{ error }];
    const events = [{ text: message.content, thinking: message.thinking }];
    for (const call of message.tool_calls ?? []) events.push({ call: readCall(call) });
    if (done) events.push({ reason: done_reason, input: prompt_eval_count, output: eval_count });
    return events;
  },
};

function message(turn) {
  if (turn.role === "tool") {
    return { role: "tool", content: turn.text, tool_name: turn.name, tool_call_id: turn.id };
  }
  if (turn.role === "assistant") {
    return {
      role: "assistant",
      content: turn.text,
      ...(turn.thinking ? { thinking: turn.thinking } : {}),
      ...(turn.calls.length ? { tool_calls: turn.calls.map(writeCall) } : {}),
    };
  }
  const texts = turn.documents.filter((file) => textOf(file) !== null);
  const files = [...turn.images, ...turn.documents.filter((file) => !texts.includes(file))];
  return {
    role: "user",
    content: [...texts.map(quoted), turn.text].join("\n\n"),
    ...(files.length ? { images: files.map((file) => file.base64) } : {}),
  };
}

/** Return a text file as a part of the message: the API has a place for images and PDFs alone. */
function quoted(file) {
  return `${file.name}:\n${textOf(file)}`;
}

function writeCall(call) {
  return { id: call.id, function: { name: call.name, arguments: argumentsOf(call) } };
}

function readCall({ id, function: { index, name, arguments: values } }) {
  return { index, id, name, arguments: JSON.stringify(values) };
}
