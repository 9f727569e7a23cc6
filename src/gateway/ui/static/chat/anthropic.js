/** The dialect of Anthropic's messages: server-sent events. */

import { dataOf } from "../lines.js";
import { argumentsOf, textOf } from "./conversation.js";

const LONGEST = 4096; // tokens of an answer whose limit the user has left open: the API needs one

export const anthropic = {
  title: "Anthropic",
  path: "/v1/messages",
  headers: { "anthropic-version": "2023-06-01" },

  /** Return the body of a streamed chat; the API has no seed. */
  body({ model, system, turns, tools, format, think, options, extra }) {
    const { num_predict, stop, temperature, top_p } = options;
    return {
      model,
      max_tokens: num_predict ?? LONGEST,
      ...(system ? { system } : {}),
      messages: joined(turns.map(message)),
      ...(tools.length ? { tools: tools.map(tool) } : {}),
      ...thinking(think),
      ...outputConfig(format, think),
      ...(temperature === undefined ? {} : { temperature }),
      ...(top_p === undefined ? {} : { top_p }),
      ...(stop ? { stop_sequences: stop } : {}),
      stream: true,
      ...extra,
    };
  },

  /** Return the events in a line. */
  read(line) {
    const data = dataOf(line);
    if (!data) return [];
    switch (data.type) {
      case "error":
        return [{ error: data.error.message }];
      case "content_block_start":
        return readStart(data.index, data.content_block);
      case "content_block_delta":
        return [readDelta(data.index, data.delta)];
      case "message_delta":
        return [
          {
            reason: data.delta.stop_reason,
            input: data.usage?.input_tokens,
            output: data.usage?.output_tokens,
          },
        ];
      default:
        return [];
    }
  },
};

function readStart(index, block) {
  return block.type === "tool_use" ? [{ call: { index, id: block.id, name: block.name } }] : [];
}

function readDelta(index, delta) {
  if (delta.type === "input_json_delta") return { call: { index, arguments: delta.partial_json } };
  return { text: delta.text, thinking: delta.thinking, signature: delta.signature };
}

function message(turn) {
  if (turn.role === "tool") {
    const content = [{ type: "tool_result", tool_use_id: turn.id, content: turn.text }];
    return { role: "user", content };
  }
  if (turn.role === "assistant") return { role: "assistant", content: assistantBlocks(turn) };
  return {
    role: "user",
    content: [
      ...turn.images.map((file) => attachment("image", file)),
      ...turn.documents.map((file) => attachment("document", file)),
      ...(turn.text ? [{ type: "text", text: turn.text }] : []),
    ],
  };
}

function assistantBlocks({ text, thinking, signature, calls }) {
  return [
    ...(thinking && signature ? [{ type: "thinking", thinking, signature }] : []),
    ...(text ? [{ type: "text", text }] : []),
    ...calls.map((call) => ({
      type: "tool_use",
      id: call.id,
      name: call.name,
      input: argumentsOf(call),
    })),
  ];
}

/** Join messages of one role in a row, as the results of several calls have to be. */
function joined(messages) {
  const found = [];
  for (const { role, content } of messages) {
    const last = found.at(-1);
    if (last?.role === role) last.content.push(...content);
    else found.push({ role, content });
  }
  return found;
}

function attachment(type, file) {
  const data = textOf(file);
  if (data === null) {
    return { type, source: { type: "base64", media_type: file.type, data: file.base64 } };
  }
  return { type, title: file.name, source: { type: "text", media_type: "text/plain", data } };
}

function tool({ function: { name, description, parameters } }) {
  return { name, description, input_schema: parameters };
}

function thinking(think) {
  if (!think) return {};
  return { thinking: { type: think === "off" ? "disabled" : "adaptive" } };
}

function outputConfig(format, think) {
  const schema = format === "json" ? { type: "object" } : format;
  const config = {
    ...(["low", "medium", "high"].includes(think) ? { effort: think } : {}),
    ...(schema ? { format: { type: "json_schema", schema } } : {}),
  };
  return Object.keys(config).length ? { output_config: config } : {};
}
