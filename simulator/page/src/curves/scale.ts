/** How values become places on the y axis: doubles that uPlot can calculate with. */

/** The share of the values' size below which an axis cannot show differences: a few thousand
 * times what doubles can. */
const LEAST_SPAN = 1e-12;
const PADDING = 0.06;
const FAR = 100; // powers of ten within which nothing overflows

export interface YScale {
  log: boolean;
  /** The power of ten by which values are multiplied on a linear scale. */
  shift: number;
  /** A value's place; undefined: it has none. */
  place(value: number): number | undefined;
}

export function logScale(): YScale {
  return { log: true, shift: 0, place: (value) => (value > 0 ? Math.log10(value) : undefined) };
}

/** @param values all that are shown: the largest decides on the shift */
export function linearScale(values: Iterable<number>): YScale {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  const power = largest > 0 ? Math.floor(Math.log10(largest)) : 0;
  const shift = Math.abs(power) <= FAR ? 0 : -power;
  // In two steps: 10 ** 320 is infinite.
  const half = Math.trunc(shift / 2);
  const [first, second] = [10 ** half, 10 ** (shift - half)];
  return { log: false, shift, place: shift ? (value) => value * first * second : (value) => value };
}

/** The range that shows all places, with a margin, and is never too narrow to be drawn. */
export function rangeOf(scale: YScale, min: number | null, max: number | null): [number, number] {
  if (min === null || max === null || !(min <= max)) return scale.log ? [-1, 0] : [0, 1];
  const size = Math.max(Math.abs(min), Math.abs(max), scale.log ? 1 : 0);
  if (max - min < size * LEAST_SPAN || max === min) {
    // As good as constant: shown as a line, not as noise of the last digits.
    const margin = scale.log ? 0.5 : size * 0.1 || 1;
    return [!scale.log && min === 0 ? 0 : min - margin, max + margin];
  }
  const margin = (max - min) * PADDING;
  const least = min - margin;
  return [!scale.log && min >= 0 && least < 0 ? 0 : least, max + margin];
}
