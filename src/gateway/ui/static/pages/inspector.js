/** Inspector. */

import { nothing } from "../dom.js";

export const title = "Inspector";

export function build(section) {
  section.append(nothing("There is nothing here yet."));
}
