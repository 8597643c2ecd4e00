/** A run's metrics: by name, and whether all of them are here. */

import { store } from "../state";
import type { Metric, Run } from "../types";

const metrics = new WeakMap<Run, Map<string, Metric>>(); // each change brings another object

export function metricsOf(run: Run): Map<string, Metric> {
  let found = metrics.get(run);
  if (!found) metrics.set(run, (found = new Map(run.metrics.map((m) => [m.name, m]))));
  return found;
}

/** Whether all of a run's metrics are here; of a list of all runs only a few are. */
export function isWhole(run: Run): boolean {
  return run.metrics.length >= run.metric_count && !store.isPartial(run.id);
}

/** A run as it is known now, with all metrics: of those that were fetched with it nothing has changed
 * as long as no event has brought it whole. */
export function wholeRun(fetched: Run): Run {
  const known = store.runs.get(fetched.id);
  if (!known) return fetched;
  return isWhole(known) ? known : { ...known, metrics: fetched.metrics };
}
