/** The last requests of all clients as they come, and each of them as it went. */

import { button, element, nothing } from "../dom.js";
import { load, send } from "../gateway.js";
import { details } from "../inspector/details.js";
import { exchangeList } from "../inspector/list.js";
import { dataOf, linesOf } from "../lines.js";

export const title = "Inspector";

const PAUSE = 2000; // milliseconds until the gateway is tried again

export function build(section) {
  const list = exchangeList();
  const failure = element("p", { class: "failed", role: "alert" });
  const notice = element("div");
  const content = element("div");
  const one = element("div", { class: "details" });
  const onlyModels = element("input", { type: "checkbox" });
  let hasTexts = false;
  let over = ""; // the request that is shown, once nothing of it can change
  let leaving = null;

  const look = async ({ focus = false } = {}) => {
    const id = location.hash.split("/")[1] ?? "";
    list.mark(id);
    if (!id) return one.replaceChildren();
    await trying(async () => {
      const exchange = await load(`/gateway/exchanges/${id}`, { signal: leaving });
      over = exchange.running ? "" : id;
      one.replaceChildren(...details(exchange, hasTexts));
      if (focus) one.querySelector("h2").focus();
    });
  };
  const trying = async (work) => {
    try {
      await work();
      failure.textContent = "";
    } catch (error) {
      if (error.name !== "AbortError") failure.textContent = error.message;
    }
  };
  const forget = () => {
    list.clear();
    one.replaceChildren();
  };
  const put = (exchange) => {
    list.put(exchange);
    if (location.hash === `#inspector/${exchange.id}` && exchange.id !== over) look();
  };
  /** Show what is kept and then what changes, until the connection ends. */
  const follow = async (signal) => {
    const events = await send("/gateway/exchanges/events", { signal });
    const kept = await load("/gateway/exchanges", { signal });
    failure.textContent = "";
    list.clear();
    kept.exchanges.toReversed().forEach(list.put);
    for await (const line of linesOf(events)) {
      if (line === "event: cleared") forget();
      const exchange = dataOf(line);
      if (exchange?.id) put(exchange);
    }
  };
  const keepFollowing = async (signal) => {
    while (!signal.aborted) {
      await trying(() => follow(signal));
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  };

  onlyModels.addEventListener("change", () =>
    list.filter(onlyModels.checked ? ({ operation }) => operation !== "" : () => true),
  );
  content.append(
    element(
      "div",
      { class: "row" },
      element("label", { class: "check" }, onlyModels, " Only requests to models"),
      button("Clear", () => trying(() => send("/gateway/exchanges", { method: "DELETE" }))),
    ),
    list.shown,
    one,
  );
  section.append(failure, notice, content);
  window.addEventListener("hashchange", () => {
    if (location.hash.startsWith("#inspector/")) look({ focus: true });
  });
  return async (signal) => {
    leaving = signal;
    await trying(async () => {
      const { admin, exchanges } = await load("/gateway/features", { signal });
      hasTexts = exchanges === "texts";
      const isOpen = admin && exchanges !== "none";
      content.hidden = !isOpen;
      notice.replaceChildren(...hints(admin, exchanges));
      if (!isOpen) return;
      keepFollowing(signal);
      await look();
    });
  };
}

function hints(admin, exchanges) {
  if (exchanges === "none") return [nothing("No requests are kept.", "ui.exchanges")];
  if (!admin) return [nothing("Only a key with admin may see the requests of all clients.")];
  return exchanges === "texts"
    ? []
    : [nothing("What was sent and answered is not kept.", "ui.exchanges")];
}
