/** A request as a command of curl. */

import { address } from "../gateway.js";

const LONGEST = 200; // characters of a text that is shown whole

/** The variable with the key of the user, which is never shown. */
export const KEY = "GATEWAY_KEY";

/**
 * Return the command; with `hasKey` it takes the key from the variable GATEWAY_KEY.
 *
 * `body` is a value to send as JSON, `text` a body as it is, of the type that a header names.
 */
export function curl({ path, headers = {}, body, text, method = "POST", hasKey = false }) {
  const sent = body === undefined ? text : JSON.stringify(body);
  const said = {
    ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    ...headers,
  };
  const lines = [`curl -N ${quoted(address(path))}`];
  if (method !== "POST") lines.push(`-X ${method}`);
  for (const [name, value] of Object.entries(said)) lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (hasKey) lines.push(`-H "Authorization: Bearer $${KEY}"`);
  if (sent) lines.push(`--data-raw ${quoted(sent)}`);
  return lines.join(" \\\n  ");
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
