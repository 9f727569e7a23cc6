/** The next request as a command and as a program, beside the conversation. */

import { codeBox, copyButton, element } from "../dom.js";
import { keyOf } from "../key.js";
import { curl, shortened } from "./curl.js";
import { python } from "./python.js";

/** Return `{parts, update}`; `update(request, turns)` shows the request with these turns. */
export function codePanels() {
  const boxes = { curl: codeBox("curl"), Python: codeBox("Python") };
  let whole = {};

  const update = (request, turns) => {
    try {
      const body = request.body(turns);
      whole = written(request.dialect(), body);
      show(written(request.dialect(), shortened(body)));
    } catch ({ message }) {
      show({ curl: message, Python: message });
    }
  };
  const show = (texts) => {
    for (const [name, text] of Object.entries(texts)) boxes[name].textContent = text;
  };
  const part = (name) =>
    element(
      "div",
      {},
      copyButton(() => whole[name]),
      boxes[name],
    );
  return { parts: { curl: part("curl"), Python: part("Python") }, update };
}

function written(dialect, body) {
  const hasKey = keyOf() !== "";
  const { path, headers } = dialect;
  return { curl: curl({ path, headers, body, hasKey }), Python: python(dialect, body, hasKey) };
}
