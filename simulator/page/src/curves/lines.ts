/** The points of one metric, for all chosen runs, fetched for the window that is shown. */

import { throttle } from "../dom";
import { colour } from "../theme";
import { get, isAbort } from "../transport";
import type { Curve, Run } from "../types";
import type { CurvesModel } from "./model";
import { smooth } from "./smooth";
import type { Window } from "./window";

export interface Line {
  run: Run;
  curve: Curve;
  colour: string;
  smooth: number[] | null;
}

const MARGIN = 0.5; // of the window, fetched on either side, so that panning finds something there
const LEAST_WIDTH = 200; // px
const LIVE_MS = 250;

export class Lines {
  /** What has been fetched; the newest run is last, so that it is drawn above the others. */
  all: Line[] = [];
  private fetching: AbortController | null = null;
  private again = false;
  private growth = throttle(LIVE_MS, () => void this.fetch(false));

  /** @param width of the plot in px
   * @param changed called when `all` is another
   * @param failed called with what went wrong; what is shown is then not the latest */
  constructor(
    private metric: string,
    private model: CurvesModel,
    private width: () => number,
    private changed: () => void,
    private failed: (text: string) => void,
  ) {}

  close(): void {
    this.growth.cancel();
    this.fetching?.abort();
  }

  /** All that there is on the axis, over all runs. */
  extent(): Window | null {
    const all = this.all.flatMap(({ curve }) => curve.extent ?? []);
    return all.length ? [Math.min(...all), Math.max(...all)] : null;
  }

  /** Fetches anew, whatever is under way: other runs, axis or window. */
  reload(): void {
    this.growth.cancel();
    void this.fetch(true);
  }

  /** New points were reported. */
  grown(): void {
    this.growth();
  }

  resmooth(): void {
    for (const line of this.all) line.smooth = this.smoothed(line.curve);
  }

  recolour(): void {
    for (const line of this.all) line.colour = colour(this.model.hueOf(line.run));
  }

  /** @param newest whether an answer that is under way has become useless */
  private async fetch(newest: boolean): Promise<void> {
    if (this.fetching && !newest) {
      this.again = true;
      return;
    }
    this.fetching?.abort();
    const control = new AbortController();
    this.fetching = control;
    this.again = false;
    const runs = this.model
      .chosen()
      .filter((r) => r.metrics.some((m) => m.name === this.metric))
      .reverse();
    const query = this.query();
    try {
      const curves = await Promise.all(
        runs.map((run) => get<Curve>("curves", { run: run.id, ...query }, control.signal)),
      );
      if (control.signal.aborted) return;
      this.all = runs.map((run, place) => {
        const curve = curves[place] as Curve;
        return { run, curve, colour: colour(this.model.hueOf(run)), smooth: this.smoothed(curve) };
      });
      this.fetching = null;
      this.changed();
    } catch (error) {
      if (isAbort(error)) return; // a newer request has taken over, or the chart is gone
      control.abort(); // the other runs' requests
      this.fetching = null;
      this.failed((error as Error).message);
    }
    if (this.again) this.growth();
  }

  private query(): Record<string, string | number | null> {
    const { axis } = this.model;
    const window = this.model.window(this.metric);
    const width = Math.max(LEAST_WIDTH, Math.round(this.width()));
    if (!window) return { metric: this.metric, axis, width };
    const margin = (window[1] - window[0]) * MARGIN;
    return {
      metric: this.metric,
      axis,
      from: window[0] - margin,
      to: window[1] + margin,
      width: Math.round(width * (1 + 2 * MARGIN)),
    };
  }

  private smoothed(curve: Curve): number[] | null {
    return this.model.smoothing ? smooth(curve.y, this.model.smoothing) : null;
  }
}
