/** The point that is meant by a place in a chart. */

import { nearest } from "./smooth";
import type { Line } from "./lines";

export interface Snap {
  x: number;
  /** Which of the lines. */
  line: number;
}

/** Of each line the point nearest to `x`, and of these the one whose height is nearest to `top`.
 * @param top where the mouse is, px
 * @param reach within which a mark of what is no number is meant, in units of x
 * @param height a value's place, px; null: it has none
 * @returns null if no line has a point */
export function snap(
  lines: Pick<Line, "curve" | "smooth">[],
  x: number,
  top: number,
  reach: number,
  height: (value: number) => number | null,
): Snap | null {
  let best: Snap | null = null;
  let least = Infinity;
  lines.forEach(({ curve, smooth }, line) => {
    const mark = curve.marks.find((m) => Math.abs(m.x - x) <= reach);
    const found = nearest(curve.x, x);
    const value = (smooth ?? curve.y)[found];
    const at = mark ? 0 : value === undefined ? null : height(value);
    if (found < 0 && !mark) return;
    const distance = at === null ? Number.MAX_VALUE : Math.abs(at - top);
    if (distance < least) {
      least = distance;
      best = { x: mark?.x ?? (curve.x[found] as number), line };
    }
  });
  return best;
}
