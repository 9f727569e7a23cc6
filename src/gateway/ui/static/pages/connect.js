/** Connect. */

import { nothing } from "../dom.js";

export const title = "Connect";

export function build(section) {
  section.append(nothing("There is nothing here yet."));
}
