/** Playground. */

import { nothing } from "../dom.js";

export const title = "Playground";

export function build(section) {
  section.append(nothing("There is nothing here yet."));
}
