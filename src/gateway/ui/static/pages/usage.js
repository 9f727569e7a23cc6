/** Usage. */

import { nothing } from "../dom.js";

export const title = "Usage";

export function build(section) {
  section.append(nothing("There is nothing here yet."));
}
