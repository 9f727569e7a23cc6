/** Where a user writes a message, attaches files, sends and stops. */

import { button, element, labelled } from "../dom.js";
import { ACCEPTED, attachments } from "./files.js";

/**
 * Return `{form, draft, take, fail, setRunning}`.
 *
 * `send()` is called for a message that is to be sent, `stop()` and `clear()` for their buttons.
 * `draft()` is the message as a turn so far, `take()` the same, and empties the fields.
 */
export function composer({ send, stop, clear }) {
  const message = element("textarea", {
    rows: 3,
    placeholder: "Enter sends, Shift and Enter begin a new line",
  });
  const files = element("input", { type: "file", multiple: true, accept: ACCEPTED });
  const problem = element("p", { class: "failed", role: "alert" });
  const sending = element("button", { type: "submit", class: "main" }, "Send");
  const stopping = button("Stop", stop, { disabled: true });
  const buttons = element("div", { class: "row" }, sending, stopping, button("Clear", clear));
  const form = element(
    "form",
    { class: "composer" },
    labelled("Message", message),
    labelled("Images, documents and recordings", files),
    problem,
    buttons,
  );
  let attached = { images: [], documents: [] };
  let reading = Promise.resolve();

  const fail = (text) => (problem.textContent = text);
  const attach = async () => {
    try {
      attached = await attachments(files.files);
      form.dispatchEvent(new Event("input", { bubbles: true }));
    } catch (error) {
      fail(error.message);
    }
  };
  const draft = () => ({ role: "user", text: message.value, ...attached });
  const take = () => {
    const taken = draft();
    form.reset();
    attached = { images: [], documents: [] };
    return taken;
  };
  const submit = async (event) => {
    event.preventDefault();
    await reading;
    if (!sending.disabled) send();
  };
  const key = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
  };
  files.addEventListener("change", () => (reading = attach()));
  message.addEventListener("keydown", key);
  form.addEventListener("submit", submit);

  return {
    form,
    draft,
    take,
    fail,
    setRunning: (isRunning) => {
      // A button that is disabled loses the focus, so the user goes on where the next step is.
      const hadFocus = document.activeElement === stopping;
      sending.disabled = isRunning;
      stopping.disabled = !isRunning;
      if (!isRunning && hadFocus) message.focus();
    },
  };
}
