/** Exponential smoothing, without the pull to zero at the beginning. */

/** @param weight of the past, 0 (none) to below 1 */
export function smooth(values: number[], weight: number): number[] {
  let last = 0;
  let debt = 1;
  return values.map((value) => {
    last = last * weight + (1 - weight) * value;
    debt *= weight;
    return last / (1 - debt);
  });
}

/** Index of the value nearest to `x` in ascending `xs`; -1 if there is none. */
export function nearest(xs: number[], x: number): number {
  let low = 0;
  let high = xs.length - 1;
  if (high < 0) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((xs[middle] ?? 0) < x) low = middle;
    else high = middle;
  }
  return x - (xs[low] ?? 0) <= (xs[high] ?? 0) - x ? low : high;
}
