/** Runs: a table of all, the page of one, several beside each other. */

import { route } from "../route";
import { runComparison } from "../runs/compare";
import { runDetails } from "../runs/details";
import { runList } from "../runs/list";
import type { View } from "../ui";

export function runs(): View {
  const one = Number(route.get("run"));
  if (one > 0) return runDetails(one);
  const several = (route.get("compare") ?? "").split(",").map(Number).filter((id) => id > 0);
  return several.length > 0 ? runComparison(several) : runList();
}
