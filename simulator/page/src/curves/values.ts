/** What stands beside the curves: values at a place, and the least, greatest and last of a line. */

import { clock, elapsed, percent, value } from "../format";
import { t } from "../i18n";
import type { Axis } from "../types";
import type { Line } from "./lines";
import { nearest } from "./smooth";
import type { Window } from "./window";

export interface Place {
  x: number;
  /** How far from it a mark may lie. */
  distance: number;
}

export interface Value {
  /** Where the point lies; null: there is none. */
  x: number | null;
  text: string;
}

/** The value of a line at a place.
 * @param place null: the last one
 * @param brief of a smoothed line, without the value that was reported */
export function valueAt({ curve, smooth }: Line, place: Place | null, brief = false): Value {
  const { x: xs, marks } = curve;
  const found = place === null ? xs.length - 1 : nearest(xs, place.x);
  const mark = place && marks.find((m) => Math.abs(m.x - place.x) <= place.distance);
  if (mark) return { x: mark.x, text: value(mark.value) };
  const beside =
    place !== null &&
    (place.x < (xs[0] ?? 0) - place.distance || place.x > (xs.at(-1) ?? 0) + place.distance);
  if (beside || found < 0) return { x: null, text: "–" }; // this run has nothing here
  const raw = value(curve.y[found]);
  return { x: xs[found] ?? null, text: smooth ? `${value(smooth[found])}${brief ? "" : ` (${raw})`}` : raw };
}

export interface Figures {
  min: number | null;
  max: number | null;
  last: number | null;
}

/** The least, the greatest and the last of a line's values in a window. They are exact also where
 * a curve is reduced: a reduction keeps both extremes of each pixel.
 * @param window null: all */
export function figuresOf({ curve: { x, y } }: Line, window: Window | null): Figures {
  let min: number | null = null;
  let max: number | null = null;
  let last: number | null = null;
  x.forEach((at, place) => {
    const found = y[place] as number;
    if (window && (at < window[0] || at > window[1])) return;
    if (min === null || found < min) min = found;
    if (max === null || found > max) max = found;
    last = found;
  });
  return { min, max, last };
}

/** A place on the x axis; epochs are counted as the algorithm does. */
export function position(x: number, axis: Axis, byBatch: boolean): string {
  if (axis === "time") return clock(x, true);
  if (axis === "relative") return elapsed(x, true);
  const name = t(`axis_${axis}`);
  if (axis === "step") return `${name} ${Math.round(x)}`;
  if (!byBatch) return `${name} ${Number(x.toFixed(3))}`;
  const epoch = Math.ceil(Number(x.toFixed(6))) - 1;
  return `${name} ${epoch} · ${percent(x - epoch)}`;
}
