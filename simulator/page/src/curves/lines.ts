/** The points of one metric, for all chosen runs, fetched for the window that is shown. */

import { throttle } from "../dom";
import { colour } from "../theme";
import { get, isAbort, type Query } from "../transport";
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

  /** Colours and names of runs are others. */
  recolour(): void {
    for (const line of this.all) {
      line.run = this.model.present(line.run);
      line.colour = colour(this.model.hueOf(line.run));
    }
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
    try {
      const lines = await this.load(this.width(), MARGIN, control.signal);
      if (control.signal.aborted) return;
      this.all = lines;
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

  /** Fetches what is shown, for a number of pixels.
   * @param margin of the window, on either side of it */
  async load(width: number, margin: number, signal?: AbortSignal): Promise<Line[]> {
    const runs = this.model
      .chosen()
      .filter((run) => this.model.metric(run, this.metric))
      .reverse();
    const curves = await Promise.all(
      runs.map(async (run) => {
        const zero = this.model.axis === "relative" ? run.started_ms : 0;
        const query = { run: run.id, ...this.query(Math.round(width), margin, zero) };
        return since(zero, await get<Curve>("curves", query, signal));
      }),
    );
    return runs.map((run, place) => {
      const curve = curves[place] as Curve;
      return { run, curve, colour: colour(this.model.hueOf(run)), smooth: this.smoothed(curve) };
    });
  }

  private query(wanted: number, share: number, zero: number): Query {
    const axis = this.model.axis === "relative" ? "time" : this.model.axis;
    const window = this.model.window(this.metric);
    const width = Math.max(LEAST_WIDTH, wanted);
    if (!window) return { metric: this.metric, axis, width };
    const margin = (window[1] - window[0]) * share;
    return {
      metric: this.metric,
      axis,
      from: window[0] - margin + zero,
      to: window[1] + margin + zero,
      width: Math.round(width * (1 + 2 * share)),
    };
  }

  private smoothed(curve: Curve): number[] | null {
    return this.model.smoothing ? smooth(curve.y, this.model.smoothing) : null;
  }
}

/** A curve whose axis begins elsewhere. */
function since(zero: number, curve: Curve): Curve {
  if (!zero) return curve;
  const { x, marks, extent } = curve;
  return {
    ...curve,
    x: x.map((at) => at - zero),
    marks: marks.map((mark) => ({ ...mark, x: mark.x - zero })),
    extent: extent && [extent[0] - zero, extent[1] - zero],
  };
}
