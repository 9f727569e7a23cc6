/** One request: its times, its attempts, and what was sent and answered. */

import { curl } from "../chat/curl.js";
import { button, codeBox, copyButton, element } from "../dom.js";
import { load, send } from "../gateway.js";
import { keyOf } from "../key.js";
import { tabs } from "../tabs.js";

const TEXTS = {
  client_body: "Client sent",
  provider_body: "Provider got",
  answer: "Answer",
};

/** Return the elements that show an exchange; `hasTexts` tells whether any texts are kept. */
export function details(exchange, hasTexts) {
  const told = element("p", { class: "quiet", role: "status" });
  return [
    element("h2", { tabindex: -1 }, `${exchange.method} ${exchange.path}`),
    ...(exchange.error ? [element("p", { class: "failed" }, exchange.error)] : []),
    facts(exchange),
    attempts(exchange.attempts),
    ...(hasTexts ? [actions(exchange, told), told, texts(exchange)] : []),
  ];
}

function facts(exchange) {
  const { times, usage } = exchange;
  const known = {
    Status: exchange.running ? "running" : exchange.status,
    Caller: exchange.caller,
    Client: exchange.user_agent,
    Address: exchange.client || exchange.peer,
    Model: exchange.model,
    Answered: exchange.provider && `${exchange.provider}/${exchange.upstream_model}`,
    Cache: exchange.cache,
    Finish: exchange.finish,
    "Until asked": milliseconds(times.queue_ms),
    "First token": milliseconds(times.first_token_ms),
    "In all": milliseconds(times.total_ms),
    "Tokens a second": times.tokens_per_second?.toLocaleString("en"),
    "Input tokens": usage?.input_tokens,
    "Output tokens": usage?.output_tokens,
    "Cached tokens": usage?.cached_tokens,
    Cost: exchange.cost && (exchange.estimated ? `${exchange.cost} (estimated)` : exchange.cost),
    Limited: exchange.limited,
    Id: exchange.id,
  };
  const pairs = Object.entries(known)
    .filter(([, value]) => value !== "" && value != null)
    .map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, String(value))),
    );
  return element("dl", { class: "facts" }, ...pairs);
}

function milliseconds(value) {
  return value == null ? "" : `${value.toLocaleString("en")} ms`;
}

function attempts(all) {
  if (!all.length) return "";
  const names = ["Attempt", "Outcome", "From ms", "To ms", "Error"];
  const head = names.map((name) => element("th", { scope: "col" }, name));
  const lines = all.map(({ provider, model, key, outcome, from_ms, to_ms, error }) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, `${provider}/${model}${key ? `#${key}` : ""}`),
      ...[outcome, from_ms, to_ms ?? "", error].map((one) => element("td", {}, String(one))),
    ),
  );
  const table = element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...lines),
  );
  return element(
    "div",
    { class: "scrolls", tabindex: 0, role: "region", "aria-label": "Attempts" },
    table,
  );
}

function texts(exchange) {
  const parts = Object.entries(TEXTS).map(([name, title]) => {
    const shortened = exchange.shortened.includes(name)
      ? [
          element(
            "p",
            { class: "quiet" },
            "This is not all: it was cut, or media or keys left out.",
          ),
        ]
      : [];
    const box = codeBox(title, exchange[name] || "(nothing)");
    const formatted = pretty(exchange[name]);
    const format = button("Format", () => (box.textContent = formatted), {
      hidden: formatted === null,
    });
    const copy = copyButton(() => exchange[name]);
    return [
      title,
      element("div", {}, ...shortened, box, element("div", { class: "row" }, format, copy)),
    ];
  });
  return tabs("Texts", Object.fromEntries(parts));
}

/** Return JSON with line breaks, null for what is none. */
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

function actions(exchange, told) {
  const { method, path, client_body, shortened, content_type, recording } = exchange;
  const isWhole = !shortened.includes("client_body");
  const request = {
    method,
    text: client_body || undefined,
    headers: client_body && content_type ? { "Content-Type": content_type } : {},
  };
  const again = async () => {
    told.textContent = "Asking again …";
    try {
      const response = await send(path, request);
      await response.text();
      told.textContent = `Asked again: status ${response.status}.`;
    } catch (error) {
      told.textContent = `Asked again: ${error.message}`;
    }
  };
  const download = async () => {
    try {
      save(await load(`/gateway/exchanges/${exchange.id}/recording`), recording.split("/").at(-1));
      told.textContent = `Its place in a directory of recordings is ${recording}.`;
    } catch (error) {
      told.textContent = error.message;
    }
  };
  const command = () => curl({ path, ...request, hasKey: Boolean(keyOf()) });
  return element(
    "div",
    { class: "row" },
    button("Ask again", again, { disabled: !isWhole }),
    copyButton(command, { disabled: !isWhole }, "Copy as curl"),
    button("Download as recording", download, { disabled: !recording }),
  );
}

/** Have the browser save a value as a file with JSON. */
function save(value, name) {
  const url = URL.createObjectURL(
    new Blob([`${JSON.stringify(value, null, 2)}\n`], { type: "application/json" }),
  );
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
