/** Which part of an axis a chart shows, and how it moves. */

export type Window = [from: number, to: number];

/** @param share of the window's width */
export function pan([from, to]: Window, share: number): Window {
  const by = (to - from) * share;
  return [from + by, to + by];
}

/** @param anchor where in the window (0 to 1) nothing moves */
export function zoom([from, to]: Window, factor: number, anchor: number): Window {
  const fixed = from + (to - from) * anchor;
  return [fixed - (fixed - from) * factor, fixed + (to - fixed) * factor];
}

/** A window that still shows data; null if it shows all of it.
 * @param extent all that there is; null: nothing */
export function confine([from, to]: Window, extent: Window | null): Window | null {
  if (!extent || !(to > from)) return null;
  const all = extent[1] - extent[0];
  const least = all * 1e-9;
  if (to - from >= all) return null;
  if (to - from < least) return [from, from + least];
  const shift = Math.max(extent[0] - from, 0) + Math.min(extent[1] - to, 0);
  return [from + shift, to + shift];
}

/** A window that has a width also for a single point. */
export function wide(min: number | null, max: number | null): Window {
  if (min === null || max === null) return [0, 1];
  return min < max ? [min, max] : [min - 0.5, max + 0.5];
}
