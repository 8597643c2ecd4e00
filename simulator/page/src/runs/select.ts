/** Which runs the table shows, and in which order. */

import type { Run, State } from "../types";
import { runName } from "../ui";
import { runState, type Column, type Sortable } from "./columns";

export interface Filter {
  /** Words that must all be found in a run's name, tags, note, instance or parameters. */
  text: string;
  state: State | "";
  hidden: boolean;
}

export function filtered(runs: Run[], filter: Filter): Run[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  return runs.filter(
    (run) =>
      (filter.hidden || !run.hidden) &&
      (!filter.state || runState(run) === filter.state) &&
      (words.length === 0 || fits(run, words)),
  );
}

function fits(run: Run, words: string[]): boolean {
  const params = Object.entries(run.params).map(([path, given]) => `${path}=${String(given)}`);
  const text = [runName(run), `#${run.id}`, run.note, run.instance, ...run.tags, ...params]
    .join("\n")
    .toLowerCase();
  return words.every((word) => text.includes(word));
}

/** Sorted by a column; what has no value comes last in both directions. */
export function sorted(runs: Run[], column: Column, descending: boolean): Run[] {
  const sign = descending ? -1 : 1;
  const keyed = runs.map((run): [Sortable, Run] => [column.sort(run), run]);
  keyed.sort(([a, first], [b, second]) => {
    const none = Number(a === null || a === "") - Number(b === null || b === "");
    return none || sign * compare(a, b) || second.id - first.id;
  });
  return keyed.map(([, run]) => run);
}

const TEXTS = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

function compare(a: Sortable, b: Sortable): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (a === null || b === null) return 0;
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1; // numbers before texts
  return TEXTS.compare(String(a), String(b));
}
