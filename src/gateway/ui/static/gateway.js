/** Requests to the gateway that this page came from, wherever it is mounted. */

import { keyOf } from "./key.js";

const ROOT = new URL("../", document.baseURI);

/** An answer that is an error: its message, and the status (0 where there was no answer). */
export class RequestFailed extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Return the address of the gateway, without a slash at its end, or of one of its paths. */
export function address(path = "/") {
  return new URL(`.${path}`, ROOT).href.replace(/\/$/, "");
}

/**
 * Send a request and return the response, whose status is good.
 *
 * `json` is a value to send as the body, `text` a body as it is. Throw RequestFailed with the gateway's own words; a
 * request that `signal` has aborted throws an AbortError.
 */
export async function send(path, { method = "GET", json, text, headers = {}, signal } = {}) {
  const response = await connected(address(path), {
    method,
    signal,
    headers: {
      ...keyHeader(),
      ...(json ? { "Content-Type": "application/json" } : {}),
      ...headers,
    },
    body: json === undefined ? text : JSON.stringify(json),
  });
  if (!response.ok) throw new RequestFailed(await wordsOf(response), response.status);
  return response;
}

/** Return the JSON that a path answers with. */
export async function load(path, options) {
  return (await send(path, options)).json();
}

async function connected(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RequestFailed("the gateway cannot be reached", 0);
  }
}

function keyHeader() {
  const key = keyOf();
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Return the message of an error in any of the dialects. */
async function wordsOf(response) {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text);
    return error.message ?? error;
  } catch {
    return text || `status ${response.status}`;
  }
}
