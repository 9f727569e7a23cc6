/** Models. */

import { nothing } from "../dom.js";

export const title = "Models";

export function build(section) {
  section.append(nothing("There is nothing here yet."));
}
