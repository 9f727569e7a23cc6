/** The key of the user: kept until the tab is closed, and nowhere else. */

const NAME = "gateway-key";

/** Return the key, or an empty text. */
export function keyOf() {
  return sessionStorage.getItem(NAME) ?? "";
}

export function setKey(key) {
  if (key) sessionStorage.setItem(NAME, key);
  else sessionStorage.removeItem(NAME);
}
