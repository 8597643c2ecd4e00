/** Predictions drawn over their image, in the image's own pixels. */

import { s } from "../dom";
import { percent } from "../format";
import { hue } from "../theme";
import type { Prediction } from "../types";
import { outline, type Point } from "./outline";

const DOT = 4; // radius of a point, px of the screen

export interface OverlayOptions {
  /** Confidence below which a prediction is not drawn. */
  confidence: number;
  /** Whether class and confidence are written beside the shapes. */
  labels: boolean;
  /** Screen px for one image px: keeps strokes and letters the same size. */
  scale: number;
}

/** Colour of a class: by its place among all classes, so that neighbours differ. */
export function classHue(name: string, classes: string[]): string {
  const place = classes.indexOf(name);
  if (place >= 0) return hue(place);
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return hue(sum);
}

export function confidenceOf(prediction: Prediction): number | null {
  return typeof prediction.conf === "number" ? prediction.conf : null;
}

/** Shapes for an <svg> whose viewBox is the image's size. */
export function shapes(
  predictions: Prediction[],
  classes: string[],
  size: { width: number; height: number },
  options: OverlayOptions,
): SVGElement[] {
  return predictions.flatMap((prediction) => {
    const drawn = finite(prediction.position);
    const truth = truePosition(prediction);
    const confidence = confidenceOf(prediction);
    const below = confidence !== null && confidence < options.confidence;
    const points = below && truth.length ? truth : drawn; // what is missed lies where it truly is
    if (!points.length || (below && !prediction.truth)) return [];
    const name = (below ? "" : prediction.predicted) || prediction.truth;
    const shape = outline(String(prediction.shape_type ?? ""), points, DOT / options.scale);
    const group = s(
      "g",
      { class: `prediction ${below ? "missed" : prediction.outcome}`, "data-class": name },
      ...shape.elements,
    );
    (group as SVGGElement).style.setProperty("--class", `var(--${classHue(name, classes)})`);
    if (options.labels) group.append(...label(caption(prediction, below), shape.corner, size, options.scale));
    if (below || !truth.length) return [group];
    const word = String(prediction.shape_type ?? "");
    return [s("g", { class: "true-shape" }, ...outline(word, truth, DOT / options.scale).elements), group];
  });
}

/** Where a thing that was found truly is: `true_position` of what the algorithm adds. */
export function truePosition({ special }: Prediction): Point[] {
  const own = special !== null && typeof special === "object" && !Array.isArray(special) ? special.true_position : null;
  return Array.isArray(own) ? finite(own as Point[]) : [];
}

function finite(points: Point[] | null): Point[] {
  return (points ?? []).filter((p) => Array.isArray(p) && p.length >= 2 && p.every(Number.isFinite));
}

function caption(prediction: Prediction, below: boolean): string {
  const predicted = below ? "" : prediction.predicted;
  const confidence = confidenceOf(prediction);
  const parts = [predicted || `(${prediction.truth})`];
  if (predicted && confidence !== null) parts.push(percent(confidence, 0));
  if (predicted && prediction.truth && prediction.truth !== predicted) parts.push(`≠ ${prediction.truth}`);
  return parts.join(" ");
}

/** A tag above a shape's upper left corner, moved so that the image does not cut it off. */
function label(
  text: string,
  corner: Point,
  size: { width: number; height: number },
  scale: number,
): SVGElement[] {
  const letter = 12 / scale;
  const width = [...text].reduce((sum, c) => sum + ((c.codePointAt(0) ?? 0) > 0x2e80 ? 1 : 0.62), 0.6) * letter;
  const [left, top] = corner;
  const height = letter * 1.4;
  const x = Math.max(0, Math.min(left, size.width - width));
  const y = top >= height ? top - height : Math.min(top, size.height - height);
  return [
    s("rect", { class: "tag", x, y, width, height }),
    s("text", { x: x + letter * 0.3, y: y + letter * 1.05, "font-size": letter }, text),
  ];
}
