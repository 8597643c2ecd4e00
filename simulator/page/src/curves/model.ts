/** What the curves view shows: chosen runs, axis, smoothing, windows. It lives in the URL. */

import { route } from "../route";
import { store } from "../state";
import type { Axis, Run } from "../types";
import { hue } from "../theme";
import type { Window } from "./window";

const AXES: Axis[] = ["epoch", "step", "time"];

export class CurvesModel {
  axis: Axis;
  smoothing: number;
  private windows = new Map<string, Window>();
  private logs: Set<string>;

  constructor() {
    const axis = route.get("axis") as Axis;
    this.axis = AXES.includes(axis) ? axis : "epoch";
    const smoothing = Number(route.get("smooth") ?? 0);
    this.smoothing = smoothing > 0 && smoothing < 1 ? smoothing : 0;
    this.logs = new Set(list(route.get("log")).map(decode));
    for (const text of list(route.get("window"))) {
      const parts = text.split("~"); // a metric's name may hold one too
      const [from, to] = parts.splice(-2).map(Number);
      if (from !== undefined && to !== undefined && from < to) {
        this.windows.set(decode(parts.join("~")), [from, to]);
      }
    }
  }

  /** Whether the newest run is shown because none was chosen. */
  get automatic(): boolean {
    return route.get("runs") === null;
  }

  /** Runs that have curves, the newest first. */
  candidates(): Run[] {
    return store.listRuns().filter((run) => run.metrics.length > 0);
  }

  chosen(): Run[] {
    const all = this.candidates();
    if (this.automatic) return all.slice(0, 1);
    const ids = new Set(list(route.get("runs")).map(Number));
    return all.filter((run) => ids.has(run.id));
  }

  toggle(run: Run): void {
    const ids = new Set(this.chosen().map((r) => r.id));
    if (!ids.delete(run.id)) ids.add(run.id);
    route.set({ runs: [...ids].sort((a, b) => a - b).join(",") });
  }

  /** A run's colour does not depend on what else is shown. */
  hueOf(run: Run): string {
    return hue(run.id - 1);
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
