/** Elements, made without markup: whatever a model or a client wrote stays text. */

/**
 * Return an element with attributes and children, which are elements or texts.
 *
 * An attribute whose name begins with `on` is a listener; one that is false, null or undefined is
 * left out, and true has no value.
 */
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** Return an element of SVG, as `element` does. */
export function drawn(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

/** Return what a page shows that has nothing to show: why, and which setting fills it. */
export function nothing(reason, setting) {
  const remedy = setting ? [" Set ", element("code", {}, setting), " to fill this page."] : [];
  return element("p", { class: "nothing" }, reason, ...remedy);
}

/** Return a control below its name, which is its accessible name as well. */
export function labelled(text, control) {
  return element("label", {}, element("span", {}, text), control);
}

/** Return a box for code that scrolls, by keyboard too; its name is for those who do not see it. */
export function codeBox(name, text = "", attributes = {}) {
  return element("pre", { tabindex: 0, role: "group", "aria-label": name, ...attributes }, text);
}

/** Return a button that does not send a form. */
export function button(text, onclick, attributes = {}) {
  return element("button", { type: "button", onclick, ...attributes }, text);
}

/** Return a button that copies the text which `text()` returns. */
export function copyButton(text, attributes, name = "Copy") {
  const copy = async () => {
    made.textContent = await copied(text());
    setTimeout(() => (made.textContent = name), 1500);
  };
  const made = button(name, copy, attributes);
  return made;
}

/** Copy a text and return what came of it; browsers allow it to pages of https and loopback. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    return "Not allowed by the browser";
  }
}

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}
