/** Parameters of models, as Modelfiles write them: a name and a value on each line. */

/** Return the parameters of a text by name; a name on several lines has a list of values. */
export function readParameters(text) {
  const found = {};
  for (const line of text.split("\n")) {
    const [, name, rest] = line.trim().match(/^(\S+)\s+(.+)$/) ?? [];
    if (!name) continue;
    const value = readValue(rest);
    found[name] = name in found ? [found[name], value].flat() : value;
  }
  return found;
}

/** Return a number, a truth value or a text in quotes as such, and all else as a text. */
function readValue(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
