/** How many predictions are mistakes. */

import type { Summary } from "../types";

const KINDS = ["wrong", "missed", "false"] as const;

export function mistakesIn({ outcomes }: Pick<Summary, "outcomes">): number {
  return KINDS.reduce((sum, kind) => sum + (outcomes[kind] ?? 0), 0);
}
