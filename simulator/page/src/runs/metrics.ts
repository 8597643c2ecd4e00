/** A run's metrics by name. */

import type { Metric, Run } from "../types";

const metrics = new WeakMap<Run, Map<string, Metric>>(); // each change brings another object

export function metricsOf(run: Run): Map<string, Metric> {
  let found = metrics.get(run);
  if (!found) metrics.set(run, (found = new Map(run.metrics.map((m) => [m.name, m]))));
  return found;
}
