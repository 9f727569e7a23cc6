/** The lines of a streamed body, as they come. */

/** Yield each line of a response without its end, also a last one without any. */
export async function* linesOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      yield* lines;
    }
  } finally {
    // Who stops reading must not leave the request running.
    await reader.cancel().catch(() => {});
  }
  if (rest) yield rest;
}

/** Return the JSON in a line of server-sent events; null for every other line. */
export function dataOf(line) {
  const text = line.startsWith("data:") ? line.slice(5).trim() : "";
  return text && text !== "[DONE]" ? JSON.parse(text) : null;
}
