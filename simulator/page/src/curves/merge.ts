/** Several runs' points in one table, as uPlot wants them: each row is one run's point. */

export interface Points {
  x: number[];
  y: number[];
  smooth: number[] | null;
}

export interface Table {
  /** x, then for each line its values and its smoothed values; undefined: another line's row,
   * or a value that has no place; the line goes on to its next point. */
  data: (number | undefined)[][];
  /** For each line the row of each of its points. */
  rows: number[][];
}

/** @param place a value's place on the y axis; undefined: it has none */
export function merge(lines: Points[], place: (value: number) => number | undefined): Table {
  const size = lines.reduce((sum, line) => sum + line.x.length, 0);
  const data: (number | undefined)[][] = [new Array<number>(size)];
  const rows: number[][] = lines.map(() => []);
  for (const line of lines) {
    data.push(new Array<undefined>(size));
    if (line.smooth) data.push(new Array<undefined>(size));
  }
  const next = lines.map(() => 0);
  for (let row = 0; row < size; row++) {
    let first = -1;
    let least = Infinity;
    for (let i = 0; i < lines.length; i++) {
      const x = lines[i]?.x[next[i] ?? 0];
      if (x !== undefined && (x < least || first < 0)) {
        first = i;
        least = x;
      }
    }
    const line = lines[first] as Points;
    const point = next[first] as number;
    next[first] = point + 1;
    (data[0] as number[])[row] = least;
    rows[first]?.push(row);
    let column = 1;
    for (let i = 0; i < first; i++) column += lines[i]?.smooth ? 2 : 1;
    const shown = (y: number | undefined): number | undefined =>
      y === undefined ? undefined : place(y);
    (data[column] as (number | undefined)[])[row] = shown(line.y[point]);
    if (line.smooth) (data[column + 1] as (number | undefined)[])[row] = shown(line.smooth[point]);
  }
  return { data, rows };
}
