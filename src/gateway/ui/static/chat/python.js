/** A request as a program in Python, with the official client of its dialect. */

import { address } from "../gateway.js";
import { KEY } from "./curl.js";

/** What the method of each client takes by name; it sends other members of a body as `rest` says. */
const CLIENTS = {
  Ollama: {
    known: ["model", "messages", "tools", "format", "think", "options", "keep_alive"],
    rest: (names) => [`    # ${names.join(", ")}: cannot be sent by this client`],
    program: ollamaProgram,
  },
  OpenAI: {
    known: [
      ...["model", "messages", "tools", "response_format", "reasoning_effort", "temperature"],
      ...["top_p", "max_completion_tokens", "seed", "stop", "stream_options"],
    ],
    rest: extraBody,
    program: openaiProgram,
  },
  Anthropic: {
    known: [
      ...["model", "max_tokens", "system", "messages", "tools", "thinking", "output_config"],
      "stop_sequences",
    ],
    rest: extraBody,
    program: anthropicProgram,
  },
};

/** Return the program; with `hasKey` it takes the key from the variable GATEWAY_KEY. */
export function python(dialect, body, hasKey) {
  const { known, rest, program } = CLIENTS[dialect.title];
  const { stream, ...members } = body;
  const names = Object.keys(members);
  const others = names.filter((name) => !known.includes(name));
  const keywords = names
    .filter((name) => known.includes(name))
    .map((name) => `    ${name}=${literal(members[name])},`);
  if (others.length) keywords.push(...rest(others, members));
  const head = hasKey ? ["import os", ""] : [];
  return [...head, ...program(keywords, hasKey)].join("\n");
}

function extraBody(names, members) {
  const extra = Object.fromEntries(names.map((name) => [name, members[name]]));
  return [`    extra_body=${literal(extra)},`];
}

function ollamaProgram(keywords, hasKey) {
  const headers = hasKey ? `, headers={"Authorization": "Bearer " + ${keyOf(hasKey)}}` : "";
  return [
    "from ollama import Client",
    "",
    `client = Client(${literal(address())}${headers})`,
    "for part in client.chat(",
    ...keywords,
    "    stream=True,",
    "):",
    '    print(part.message.content or "", end="", flush=True)',
  ];
}

function openaiProgram(keywords, hasKey) {
  return [
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url=${literal(address("/v1"))}, api_key=${keyOf(hasKey)})`,
    "for part in client.chat.completions.create(",
    ...keywords,
    "    stream=True,",
    "):",
    "    for choice in part.choices:",
    '        print(choice.delta.content or "", end="", flush=True)',
  ];
}

function anthropicProgram(keywords, hasKey) {
  return [
    "from anthropic import Anthropic",
    "",
    `client = Anthropic(base_url=${literal(address())}, api_key=${keyOf(hasKey)})`,
    "with client.messages.stream(",
    ...keywords,
    ") as stream:",
    "    for text in stream.text_stream:",
    '        print(text, end="", flush=True)',
  ];
}

function keyOf(hasKey) {
  return hasKey ? `os.environ["${KEY}"]` : '"unused"';
}

/** Return a value as Python writes it; a text of JSON is one of Python too. */
function literal(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const pairs = Object.entries(value).map(([name, one]) => `${literal(name)}: ${literal(one)}`);
  return `{${pairs.join(", ")}}`;
}
