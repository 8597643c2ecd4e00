/** Stands in for `transport.ts` where there is no server: answers from what the file holds. */

import { nothing } from "./snapshot";
import { reportData, type Columns, type ReportCurve } from "./data";
import type { Axis, Curve, Mark } from "../types";

export const LIVE = false;

export type Query = Record<string, string | number | null | undefined>;

export function url(): string {
  return "";
}

export function isAbort(): boolean {
  return false; // nothing takes long enough
}

export async function send<T>(): Promise<T> {
  throw new Error("there is no server");
}

export async function get<T>(path: string, query: Query = {}): Promise<T> {
  if (path === "state") return nothing(reportData()) as T;
  const run = reportData().runs.find((each) => each.run.id === query.run);
  const curve = run?.curves[String(query.metric)];
  if (path !== "curves" || !curve) throw new Error(`${path} ${String(query.metric)}`);
  return curveBy(curve, query.axis as Exclude<Axis, "relative">) as T;
}

/** A curve's points by one axis; all of them, whatever part is shown. */
function curveBy(curve: ReportCurve, axis: keyof Columns): Curve {
  const places = curve.value.map((_, place) => place);
  const by = curve[axis];
  places.sort((a, b) => (by[a] as number) - (by[b] as number) || a - b);
  const x = places.map((place) => by[place] as number);
  const marks = Object.entries(curve.marks).flatMap(([value, columns]) =>
    columns[axis].map((at) => ({ x: at, value: value as Mark })),
  );
  marks.sort((a, b) => a.x - b.x);
  const ends = [x[0], x.at(-1), marks[0]?.x, marks.at(-1)?.x].filter((end) => end !== undefined);
  return {
    x,
    y: places.map((place) => curve.value[place] as number),
    marks,
    total: curve.total,
    reduced: curve.reduced,
    extent: ends.length ? [Math.min(...ends), Math.max(...ends)] : null,
  };
}
