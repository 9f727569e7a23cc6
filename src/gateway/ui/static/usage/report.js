/** What a report of usage has in it, by time and by group; pure. */

const HOUR = 3600_000;

/** Spans that can be chosen: how far they go back, and the unit of their times. */
export const SPANS = {
  "24 hours": { since: "24h", unit: "hour" },
  "7 days": { since: "7d", unit: "day" },
  "30 days": { since: "30d", unit: "day" },
  "12 months": { since: "365d", unit: "month" },
};

/** Return all times from the first one of a span until now, as the rows of a report name them. */
export function timesOf({ since, unit }, now = Date.now()) {
  const hours = since.endsWith("h") ? parseInt(since) : parseInt(since) * 24;
  const times = new Set();
  for (let at = now - hours * HOUR; at <= now; at += HOUR) times.add(nameOf(at, unit));
  times.add(nameOf(now, unit));
  return [...times];
}

function nameOf(at, unit) {
  const text = new Date(at).toISOString();
  if (unit === "hour") return `${text.slice(0, 13)}:00:00Z`;
  return text.slice(0, unit === "day" ? 10 : 7);
}

/** Return the counts of each group, those with most requests first. */
export function groupsOf(rows, by) {
  const found = new Map();
  for (const row of rows) {
    const sums = found.get(row[by]) ?? {};
    for (const [name, value] of Object.entries(row)) {
      if (typeof value === "number" || name === "cost") {
        sums[name] = (sums[name] ?? 0) + Number(value);
      }
    }
    found.set(row[by], sums);
  }
  return new Map([...found].sort(([, one], [, other]) => other.requests - one.requests));
}

/** Return a function that looks up the row of a time and a group. */
export function finder(rows, unit, by) {
  const found = new Map(rows.map((row) => [JSON.stringify([row[unit], row[by]]), row]));
  return (time, group) => found.get(JSON.stringify([time, group]));
}
