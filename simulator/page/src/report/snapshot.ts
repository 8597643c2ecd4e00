/** The state of a platform that has the report's runs and nothing else. */

import type { Snapshot } from "../types";
import type { ReportData } from "./data";

export function nothing({ version, runs }: ReportData): Snapshot {
  return {
    version,
    mode: "embedded",
    source: { name: "", ok: true, error: null, failures: [] },
    algorithm: null,
    can_start: false,
    instances: [],
    runs: runs.map(({ run }) => run),
    metric_names: [],
    workflow: null,
    cursor: 0,
  };
}
