/** What the curves view shows. Runs, axis, smoothing, windows, the search and the enlarged chart live
 * in the URL; which groups are folded and which metrics are pinned, in this browser. */

import { route } from "../route";
import { metricsOf } from "../runs/metrics";
import { store } from "../state";
import { remember, remembered } from "../settings";
import type { Axis, Metric, Run } from "../types";
import { runHue } from "../theme";
import { LIVE } from "../transport";
import type { Window } from "./window";

export const AXES: Axis[] = ["epoch", "step", "time", "relative"];
const FOLDED = "curves.folded";
const PINNED = "curves.pinned";

export class CurvesModel {
  axis: Axis;
  smoothing: number;
  search: string;
  readonly pinned: Set<string>;
  private folded: Set<string>;
  private windows = new Map<string, Window>();
  private logs: Set<string>;

  constructor() {
    const axis = route.get("axis") as Axis;
    this.axis = AXES.includes(axis) ? axis : "epoch";
    const smoothing = Number(route.get("smooth") ?? 0);
    this.smoothing = smoothing > 0 && smoothing < 1 ? smoothing : 0;
    this.search = route.get("search") ?? "";
    this.pinned = new Set(names(remembered(PINNED)));
    this.folded = new Set(names(remembered(FOLDED)));
    this.logs = new Set(list(route.get("log")).map(decode));
    for (const text of list(route.get("window"))) {
      const parts = text.split("~"); // a metric's name may hold one too
      const [from, to] = parts.splice(-2).map(Number);
      if (from !== undefined && to !== undefined && from < to) {
        this.windows.set(decode(parts.join("~")), [from, to]);
      }
    }
  }

  /** Whether one run is shown because none was chosen. */
  get automatic(): boolean {
    return route.get("runs") === null;
  }

  /** Runs that have curves, the newest first. */
  candidates(): Run[] {
    const asked = new Set(list(route.get("runs")).map(Number));
    return store
      .listRuns()
      .filter((run) => run.metric_count > 0 && (!run.hidden || asked.has(run.id)));
  }

  chosen(): Run[] {
    const all = this.candidates();
    if (this.automatic && !LIVE) return all; // a report holds what was chosen
    if (this.automatic) {
      // An evaluation after a training has one point of each metric: rarely what somebody looks for.
      const first = all.find((run) => run.kind !== "evaluate") ?? all[0];
      return first ? [first] : [];
    }
    const ids = new Set(list(route.get("runs")).map(Number));
    return all.filter((run) => ids.has(run.id));
  }

  toggle(run: Run): void {
    const ids = new Set(this.chosen().map((r) => r.id));
    if (!ids.delete(run.id)) ids.add(run.id);
    route.set({ runs: [...ids].sort((a, b) => a - b).join(",") });
  }

  /** A run's metric; undefined: it has none of that name. */
  metric(run: Run, name: string): Metric | undefined {
    return metricsOf(run).get(name);
  }

  setSearch(text: string): void {
    this.search = text;
    route.set({ search: text || null });
  }

  isFolded(group: string): boolean {
    return this.folded.has(group);
  }

  setFolded(groups: string[], folded: boolean): void {
    for (const group of groups) {
      if (folded) this.folded.add(group);
      else this.folded.delete(group);
    }
    remember(FOLDED, this.folded.size ? JSON.stringify([...this.folded]) : null);
  }

  togglePin(metric: string): void {
    if (!this.pinned.delete(metric)) this.pinned.add(metric);
    remember(PINNED, this.pinned.size ? JSON.stringify([...this.pinned]) : null);
  }

  /** The metric whose chart is enlarged. */
  get enlarged(): string | null {
    return route.get("large");
  }

  set enlarged(metric: string | null) {
    route.set({ large: metric });
  }

  /** A run as it is now: each change brings another object. */
  present(run: Run): Run {
    return store.runs.get(run.id) ?? run;
  }

  /** A run's colour does not depend on what else is shown. */
  hueOf(run: Run): string {
    return runHue(this.present(run));
  }

  setAxis(axis: Axis): void {
    this.axis = axis;
    this.windows.clear(); // they are of the other axis
    route.set({ axis: axis === "epoch" ? null : axis, window: null });
  }

  setSmoothing(weight: number): void {
    this.smoothing = weight;
    route.set({ smooth: weight ? String(weight) : null });
  }

  isLog(metric: string): boolean {
    return this.logs.has(metric);
  }

  setLog(metric: string, on: boolean): void {
    if (on) this.logs.add(metric);
    else this.logs.delete(metric);
    route.set({ log: this.logs.size ? [...this.logs].map(encodeURIComponent).join(",") : null });
  }

  /** Charts with the same key share their window and their cursor. Steps count a metric's own
   * points, so on that axis each metric has a window of its own. */
  windowKey(metric: string): string {
    return this.axis === "step" ? metric : "";
  }

  window(metric: string): Window | null {
    return this.windows.get(this.windowKey(metric)) ?? null;
  }

  setWindow(metric: string, window: Window | null): void {
    if (window) this.windows.set(this.windowKey(metric), window);
    else this.windows.delete(this.windowKey(metric));
  }

  /** Writes the windows to the URL; not for each frame of a movement, browsers limit that. */
  keepWindows(): void {
    const texts = [...this.windows].map(
      ([key, [from, to]]) => `${encodeURIComponent(key)}~${short(from)}~${short(to)}`,
    );
    route.set({ window: texts.length ? texts.join(",") : null });
  }
}

/** Names that were kept as JSON. */
function names(text: string | null): string[] {
  try {
    const kept: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(kept) ? kept.filter((name) => typeof name === "string") : [];
  } catch {
    return []; // not ours
  }
}

function list(text: string | null): string[] {
  return (text ?? "").split(",").filter(Boolean);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a hand-made address
  }
}

function short(x: number): string {
  return String(Number(x.toPrecision(15)));
}
