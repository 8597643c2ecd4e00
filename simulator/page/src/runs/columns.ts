/** The columns of the run table: what they are called, what they show, by what they sort. */

import { clock, duration, value } from "../format";
import { t, type Key } from "../i18n";
import { store } from "../state";
import type { Metric, Run, State } from "../types";
import { kindName, runName, stateName } from "../ui";
import { best, isLower } from "./best";
import { metricsOf } from "./metrics";

export type Group = "run" | "param" | "last" | "best";
export type Sortable = string | number | null;

export interface Column {
  /** Unique; it is kept with the choice of columns. */
  id: string;
  group: Group;
  /** The parameter's path or the metric's name. */
  name: string;
  title: string;
  /** In px. */
  width: number;
  numeric: boolean;
  text(run: Run): string;
  sort(run: Run): Sortable;
}

/** In which state a run is. One without an END, of an instance that has ended, has been lost. */
export function runState(run: Run): State {
  if (run.stopped) return "stopped";
  if (run.status !== null) return run.status === 200 ? "ended" : "failed";
  if (run.ended_ms !== null) return "lost";
  const state = store.instances.get(run.instance)?.state;
  if (state === "stopped") return "stopped"; // without an END
  if (state === "paused" || state === "stopping") return state;
  return state === "running" || state === "ready" || state === "unknown" ? "running" : "lost";
}

/** How long it took, or has been running, in seconds; null: nobody can tell. */
export function runSeconds(run: Run): number | null {
  if (run.ended_ms !== null) return (run.ended_ms - run.started_ms) / 1000;
  return ["running", "paused", "stopping"].includes(runState(run)) ? Math.max(0, Date.now() - run.started_ms) / 1000 : null;
}

export function paramText(given: Run["params"][string] | undefined): string {
  if (given === undefined) return "";
  return typeof given === "number" ? value(given) : String(given);
}

function plain(
  id: string,
  title: Key,
  width: number,
  text: (run: Run) => string,
  sort: (run: Run) => Sortable = text,
  numeric = false,
): Column {
  return { id, group: "run", name: id, title: t(title), width, numeric, text, sort };
}

/** The column that stays in place when the others are scrolled. */
export function nameColumn(): Column {
  return plain("name", "run_name", 200, runName);
}

export function runColumns(): Column[] {
  return [
    plain("state", "run_state", 116, (run) => stateName(runState(run))),
    plain("kind", "kind", 104, (run) => kindName(run.kind)),
    plain("started", "run_started", 158, (run) => clock(run.started_ms), (run) => run.started_ms, true),
    plain("duration", "run_duration", 110, (run) => duration(runSeconds(run)), runSeconds, true),
    plain("tags", "run_tags", 170, (run) => run.tags.join(", ")),
    plain("note", "run_note", 200, (run) => run.note.replace(/\s+/g, " ")),
    plain("epoch", "axis_epoch", 80, (run) => String(run.epoch ?? ""), (run) => run.epoch, true),
    plain("images", "images", 90, (run) => String(run.images || ""), (run) => run.images, true),
    plain("instance", "instance", 240, (run) => run.instance),
  ];
}

export function paramColumn(path: string): Column {
  const sort = (run: Run): Sortable => {
    const given = run.params[path];
    return given === undefined || given === null ? null : typeof given === "boolean" ? String(given) : given;
  };
  return {
    id: `param:${path}`,
    group: "param",
    name: path,
    title: path.replace(/^special_params\./, ""),
    width: 116,
    numeric: false,
    text: (run) => paramText(run.params[path]),
    sort,
  };
}

export function metricColumn(name: string, group: "last" | "best"): Column {
  const of = (run: Run): Metric["last"] => {
    const metric = metricsOf(run).get(name);
    return metric ? (group === "last" ? metric.last : best(metric)) : null;
  };
  return {
    id: `${group}:${name}`,
    group,
    name,
    title: name,
    width: 132,
    numeric: true,
    text: (run) => (of(run) === null ? "" : value(of(run))),
    sort: (run) => {
      const found = of(run);
      return typeof found === "string" ? (found === "NaN" ? null : Number(found)) : found;
    },
  };
}

/** How a column is called where there is nothing around it: "loss, best (lower)". */
export function columnName(column: Column): string {
  if (column.group === "last") return t("metric_last", { metric: column.title });
  if (column.group !== "best") return column.title;
  return t(isLower(column.name) ? "metric_lowest" : "metric_highest", { metric: column.title });
}

/** All columns that these runs have something for.
 *
 * @param listed names of metrics, of which some may not have been fetched */
export function allColumns(runs: Run[], listed: string[] = []): Column[] {
  const paths = new Set<string>();
  const names = new Set(listed);
  for (const run of runs) {
    for (const path in run.params) paths.add(path);
    for (const metric of run.metrics) names.add(metric.name);
  }
  return [
    ...runColumns(),
    ...[...paths].map(paramColumn),
    ...[...names].flatMap((name) => [metricColumn(name, "last"), metricColumn(name, "best")]),
  ];
}

const FEW_PARAMS = 4;
const FEW_METRICS = 4;

/** What is shown as long as nobody has chosen: tags if there are any, parameters that differ, and the
 * first metrics, which are those that most runs have. */
export function usualColumns(all: Column[], runs: Run[]): Set<string> {
  const shown = new Set(["state", "kind", "started", "duration"]);
  if (runs.some((run) => run.tags.length > 0)) shown.add("tags");
  let params = 0;
  const metric = new Set<string>();
  for (const column of all) {
    if (column.group === "param" && params < FEW_PARAMS && differs(column, runs)) {
      shown.add(column.id);
      params++;
    } else if (column.group === "last" || column.group === "best") {
      if (metric.size < FEW_METRICS || metric.has(column.name)) {
        metric.add(column.name);
        shown.add(column.id);
      }
    }
  }
  return shown;
}

/** Whether runs that have this parameter have different ones. Those of data and models are long
 * and differ from run to run anyway. */
function differs(column: Column, runs: Run[]): boolean {
  if (/path|dir|names/.test(column.name)) return false;
  const texts = new Set<string>();
  for (const run of runs) {
    if (column.name in run.params) texts.add(column.text(run));
    if (texts.size > 1) return true;
  }
  return false;
}
