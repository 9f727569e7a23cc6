/** Bars over time, drawn in SVG: each bar is a time, and its parts are the groups. */

import { drawn, element } from "../dom.js";

const WIDTH = 600;
const HEIGHT = 140;
const COLOURS = 6; // classes of style.css; further groups share the last one

/**
 * Return a figure with the bars of `times`.
 *
 * `groups` are the names of the parts, and `value(time, group)` is a number that is not negative.
 */
export function chart(name, { times, groups, value, shown = number }) {
  const sums = times.map((time) => sum(groups.map((group) => value(time, group))));
  const most = Math.max(...sums, 0);
  const step = WIDTH / Math.max(times.length, 1);
  const bars = times.flatMap((time, at) => stack({ time, at, step, most, groups, value, shown }));
  const total = shown(sum(sums));
  return element(
    "figure",
    { class: "chart" },
    element(
      "figcaption",
      {},
      element("strong", {}, name),
      ` ${total} `,
      element("span", { class: "quiet" }, `at most ${shown(most)}`),
    ),
    drawn(
      "svg",
      {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": `${name}: ${total} in all, at most ${shown(most)} at a time`,
      },
      ...bars,
      drawn("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
    ),
    element(
      "p",
      { class: "quiet row" },
      element("span", {}, short(times[0])),
      element("span", {}, short(times.at(-1))),
    ),
  );
}

/** Return what says which colour is which group. */
export function legend(groups) {
  const items = groups.map((group, at) =>
    element(
      "li",
      {},
      drawn(
        "svg",
        { viewBox: "0 0 10 10", "aria-hidden": "true" },
        drawn("rect", { class: colour(at), width: 10, height: 10 }),
      ),
      group || "(none)",
    ),
  );
  return element("ul", { class: "legend" }, ...items);
}

function stack({ time, at, step, most, groups, value, shown }) {
  let top = HEIGHT;
  return groups.flatMap((group, number) => {
    const amount = value(time, group);
    if (!amount) return [];
    const height = (amount / most) * HEIGHT;
    top -= height;
    const place = { x: at * step + step * 0.1, y: top, width: step * 0.8, height };
    const text = `${time}, ${group || "(none)"}: ${shown(amount)}`;
    const marks = { class: colour(number), "data-group": group, "data-value": amount };
    return [drawn("rect", { ...place, ...marks }, drawn("title", {}, text))];
  });
}

/** Return a time without its year, if it is an hour, and without seconds. */
function short(time) {
  return time.replace(/^\d{4}-(\d\d-\d\d)T(\d\d:\d\d).*$/, "$1 $2");
}

function colour(number) {
  return `group-${Math.min(number, COLOURS - 1)}`;
}

function number(value) {
  return value.toLocaleString("en");
}

function sum(values) {
  return values.reduce((all, one) => all + one, 0);
}
