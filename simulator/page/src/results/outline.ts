/** What a prediction's points mean, by the word for its shape. */

import { s } from "../dom";

export type Point = [x: number, y: number];

export interface Outline {
  elements: SVGElement[];
  /** The upper left corner of what is drawn. */
  corner: Point;
}

/** The lines of a shape. One whose word is not known is a rectangle if it has two points, else a
 * polygon. A circle is its centre and a point on it.
 * @param points at least one
 * @param dot radius of a point */
export function outline(word: string, points: Point[], dot: number): Outline {
  const kind = word.toLowerCase();
  const [first, second] = points as [Point, Point?];
  if (!second || kind === "point" || kind === "points") {
    const dots = points.map(([x, y]) => s("circle", { cx: x, cy: y, r: dot, class: "dot" }));
    return { elements: dots, corner: corner(points, dot) };
  }
  if (kind === "circle") {
    const [cx, cy] = first;
    const r = Math.hypot(second[0] - cx, second[1] - cy);
    return { elements: [s("circle", { cx, cy, r })], corner: corner([first], r) };
  }
  return { elements: [lines(kind, points)], corner: corner(points, 0) };
}

function lines(kind: string, points: Point[]): SVGElement {
  const text = points.map((p) => p.join(",")).join(" ");
  if (kind === "line" || kind === "linestrip" || kind === "polyline") {
    return s("polyline", { points: text });
  }
  if (points.length > 2) return s("polygon", { points: text });
  const [x, y] = corner(points, 0);
  const width = Math.max(...points.map((p) => p[0])) - x;
  const height = Math.max(...points.map((p) => p[1])) - y;
  return s("rect", { x, y, width, height });
}

function corner(points: Point[], around: number): Point {
  return [
    Math.min(...points.map((p) => p[0])) - around,
    Math.min(...points.map((p) => p[1])) - around,
  ];
}
