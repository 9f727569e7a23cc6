/** The dialect of OpenAI's chat completions: server-sent events. */

import { dataOf } from "../lines.js";

const EFFORTS = { on: "medium", off: "none" };

export const openai = {
  title: "OpenAI",
  path: "/v1/chat/completions",
  headers: {},

  /** Return the body of a streamed chat. */
  body({ model, system, turns, tools, format, think, options, extra }) {
    const messages = turns.map(message);
    if (system) messages.unshift({ role: "system", content: system });
    const { num_predict, ...others } = options;
    return {
      model,
      messages,
      ...(tools.length ? { tools } : {}),
      ...(format ? { response_format: responseFormat(format) } : {}),
      ...(think ? { reasoning_effort: EFFORTS[think] ?? think } : {}),
      ...(num_predict === undefined ? {} : { max_completion_tokens: num_predict }),
      ...others,
      stream: true,
      stream_options: { include_usage: true },
      ...extra,
    };
  },

  /** Return the events in a line. */
  read(line) {
    const data = dataOf(line);
    if (!data) return [];
    if (data.error) return [{ error: data.error.message }];
    const events = (data.choices ?? []).flatMap(readChoice);
    if (data.usage) {
      events.push({ input: data.usage.prompt_tokens, output: data.usage.completion_tokens });
    }
    return events;
  },
};

function readChoice({ delta, finish_reason }) {
  const thinking = delta.reasoning ?? delta.reasoning_content;
  const events = [{ text: delta.content ?? "", thinking }];
  for (const { index, id, function: called } of delta.tool_calls ?? []) {
    events.push({ call: { index, id, ...called } });
  }
  if (finish_reason) events.push({ reason: finish_reason });
  return events;
}

function message(turn) {
  if (turn.role === "tool") return { role: "tool", tool_call_id: turn.id, content: turn.text };
  if (turn.role === "assistant") {
    return {
      role: "assistant",
      content: turn.text,
      ...(turn.thinking ? { reasoning: turn.thinking } : {}),
      ...(turn.calls.length ? { tool_calls: turn.calls.map(writeCall) } : {}),
    };
  }
  const files = [...turn.images.map(imagePart), ...turn.documents.map(filePart)];
  if (!files.length) return { role: "user", content: turn.text };
  return { role: "user", content: [...files, { type: "text", text: turn.text }] };
}

function writeCall(call) {
  const called = { name: call.name, arguments: call.arguments || "{}" };
  return { id: call.id, type: "function", function: called };
}

function imagePart(file) {
  return { type: "image_url", image_url: { url: dataUrl(file) } };
}

function filePart(file) {
  if (file.type.startsWith("audio/")) {
    const format = file.type === "audio/mpeg" ? "mp3" : "wav";
    return { type: "input_audio", input_audio: { data: file.base64, format } };
  }
  return { type: "file", file: { filename: file.name, file_data: dataUrl(file) } };
}

function dataUrl({ type, base64 }) {
  return `data:${type};base64,${base64}`;
}

function responseFormat(format) {
  if (format === "json") return { type: "json_object" };
  return { type: "json_schema", json_schema: { name: "answer", schema: format } };
}
