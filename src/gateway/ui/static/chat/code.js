/** A request as a command and as a program that do the same. */

import { address } from "../gateway.js";

const LONGEST = 200; // characters of a text that is shown whole
const KEY = "GATEWAY_KEY";

/** Return a command of curl; the key, if `hasKey`, is that of the variable GATEWAY_KEY. */
export function curl({ path, headers = {}, body, method = "POST", hasKey = false }) {
  const said = {
    ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    ...headers,
  };
  const lines = [`curl -N ${quoted(address(path))}`];
  if (method !== "POST") lines.push(`-X ${method}`);
  for (const [name, value] of Object.entries(said)) lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (hasKey) lines.push(`-H "Authorization: Bearer $${KEY}"`);
  if (body !== undefined) lines.push(`-d ${quoted(JSON.stringify(body))}`);
  return lines.join(" \\\n  ");
}

/** Return a program with the official client of a dialect. */
export function python(dialect, body, { hasKey = false } = {}) {
  const { stream, ...rest } = body;
  return PROGRAMS[dialect.title](hasKey ? `os.environ["${KEY}"]` : '"unused"', rest, hasKey).join(
    "\n",
  );
}

/** Return a value in which long texts, such as those of images, are cut. */
export function shortened(value) {
  if (typeof value === "string") return value.length > LONGEST ? cut(value) : value;
  if (Array.isArray(value)) return value.map(shortened);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shortened(one)]));
}

function cut(text) {
  return `${text.slice(0, LONGEST / 4)}… (${text.length} characters)`;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

const PROGRAMS = {
  Ollama: (key, body, hasKey) => [
    ...(hasKey ? ["import os", ""] : []),
    "from ollama import Client",
    "",
    `client = Client(${literal(address())}${hasKey ? `, headers={"Authorization": "Bearer " + ${key}}` : ""})`,
    "for part in client.chat(",
    ...keywords(body),
    "    stream=True,",
    "):",
    '    print(part.message.content or "", end="", flush=True)',
  ],
  OpenAI: (key, body, hasKey) => [
    ...(hasKey ? ["import os", ""] : []),
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url=${literal(address("/v1"))}, api_key=${key})`,
    "for part in client.chat.completions.create(",
    ...keywords(body),
    "    stream=True,",
    "):",
    "    for choice in part.choices:",
    '        print(choice.delta.content or "", end="", flush=True)',
  ],
  Anthropic: (key, body, hasKey) => [
    ...(hasKey ? ["import os", ""] : []),
    "from anthropic import Anthropic",
    "",
    `client = Anthropic(base_url=${literal(address())}, api_key=${key})`,
    "with client.messages.stream(",
    ...keywords(body),
    ") as stream:",
    "    for text in stream.text_stream:",
    '        print(text, end="", flush=True)',
  ],
};

function keywords(body) {
  return Object.entries(body).map(([name, value]) => `    ${name}=${literal(value)},`);
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
