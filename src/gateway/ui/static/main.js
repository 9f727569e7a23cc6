/**
 * The shell: navigation between the pages, and the key.
 *
 * A page is a module in `pages/`, listed in PAGES, that exports
 * - `title`, its name in the navigation and its heading;
 * - `build(section)`, which fills the section of the page when it is shown first. What it returns,
 *   if anything, is called each time the page is shown, and when the key has changed, with an
 *   AbortSignal that aborts when the user goes to another page: what runs only while somebody looks
 *   takes it, as `fetch` does.
 *
 * Rules for all modules: nothing is global; requests go through `gateway.js`, which adds the key
 * and the address; elements are made with `element` of `dom.js`, so that text of others is never
 * markup; a page that has nothing to show says with `nothing` which setting fills it; colours are
 * the variables of `style.css`, so that they suit light and dark. There is no build step: browsers
 * get these files as they are, below any path, so all addresses are relative.
 */

import { element } from "./dom.js";
import { keyOf, setKey } from "./key.js";
import * as connect from "./pages/connect.js";
import * as inspector from "./pages/inspector.js";
import * as models from "./pages/models.js";
import * as playground from "./pages/playground.js";
import * as usage from "./pages/usage.js";

const PAGES = { playground, inspector, usage, models, connect };

function start() {
  const main = document.querySelector("main");
  const nav = document.querySelector("nav");
  const links = Object.entries(PAGES).map(([name, page]) =>
    element("a", { href: `#${name}` }, page.title),
  );
  nav.append(...links);
  const show = shower(main, links);
  window.addEventListener("hashchange", () => show());
  watchKey(document.querySelector("#key"), () => show({ again: true }));
  show();
}

/**
 * Return what shows the page that the address names, the first one by default.
 *
 * With `again` a page that is shown already begins anew, as with another key.
 */
function shower(main, links) {
  const built = new Map();
  let shown = "";
  let leaving = new AbortController();

  return ({ again = false } = {}) => {
    const asked = location.hash.slice(1).split("/")[0] || Object.keys(PAGES)[0];
    if (!(asked in PAGES) || (asked === shown && !again)) return;
    leaving.abort();
    leaving = new AbortController();
    shown = asked;
    if (!built.has(asked)) built.set(asked, build(main, asked));
    for (const [name, { section }] of built) section.hidden = name !== asked;
    for (const link of links) mark(link, asked);
    document.title = `${PAGES[asked].title} · gateway`;
    built.get(asked).enter?.(leaving.signal);
  };
}

function build(main, name) {
  const page = PAGES[name];
  const section = element("section", { class: name }, element("h1", {}, page.title));
  main.append(section);
  return { section, enter: page.build(section) };
}

function mark(link, asked) {
  if (link.hash === `#${asked}`) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
}

function watchKey(input, changed) {
  input.value = keyOf();
  input.addEventListener("change", () => {
    setKey(input.value.trim());
    changed();
  });
}

start();
