/** Where a chart's axes have their marks, for a number of pixels; and uPlot's axes made of them. */

import type uPlot from "uplot";
import { colour } from "../theme";
import type { Axis } from "../types";
import type { YScale } from "./scale";
import { durationTicks, linearTicks, logTicks, timeTicks, type Ticks } from "./ticks";

export const FONT_SIZE = 12;
const Y_SPACE = 34; // px between two marks
const X_SPACE = 56;
const LABEL_GAP = 14; // px between two labels of the x axis, at least
const END_ROOM = 10; // px right of the plot
const GAP = 6;
const LEAST_SIZE = 40; // of the y axis: charts below each other begin at the same place

/** The width of a text in px. */
export type Measure = (text: string) => number;

/** As many marks as there is room for their labels.
 * @param width of the axis in px */
export function xTicks(axis: Axis, min: number, max: number, width: number, measure: Measure): Ticks {
  let most = Math.max(1, Math.floor(width / X_SPACE));
  for (;;) {
    const ticks = xTicksOf(axis, min, max, most);
    const longest = Math.max(0, ...ticks.labels.map(measure)) + LABEL_GAP;
    if (most === 1 || longest * (ticks.at.length - 1) <= width) {
      const toEnd = (x: number): number => ((max - x) / (max - min)) * width;
      const fits = (label: string, place: number): boolean =>
        measure(label) / 2 <= toEnd(ticks.at[place] as number) + END_ROOM;
      return { ...ticks, labels: ticks.labels.map((text, place) => (fits(text, place) ? text : "")) };
    }
    most -= 1;
  }
}

function xTicksOf(axis: Axis, min: number, max: number, most: number): Ticks {
  if (axis === "time") return timeTicks(min, max, most);
  if (axis === "relative") return durationTicks(min, max, most);
  const whole = axis === "step" || max - min >= 2; // between two epochs there are batches, if one looks closely
  return linearTicks(min, max, most, 0, whole ? 1 : 0);
}

/** @param min, max in the units of `scale`
 * @param height of the axis in px */
export function yTicks({ log, shift }: YScale, min: number, max: number, height: number): Ticks {
  const most = Math.max(2, Math.floor(height / Y_SPACE));
  return log ? logTicks(min, max, most) : linearTicks(min, max, most, shift);
}

/** How much room the labels of the y axis take, px. */
export function sizeOfLabels(labels: string[], measure: Measure): number {
  return Math.max(LEAST_SIZE, Math.ceil(Math.max(0, ...labels.map(measure))) + GAP + 4);
}

/** @param axis what x is
 * @param scale what y is now */
export function axes(axis: Axis, scale: () => YScale): uPlot.Axis[] {
  const common: uPlot.Axis = {
    stroke: colour("muted"),
    grid: { stroke: colour("grid"), width: 1 },
    ticks: { show: false },
    font: `${FONT_SIZE}px ${getComputedStyle(document.body).fontFamily}`,
  };
  const x: uPlot.Axis = { ...common, size: 30, gap: 4 };
  Object.assign(
    x,
    marked((u, min, max) =>
      xTicks(axis, min, max, u.bbox.width / devicePixelRatio || u.width, measureOf(u, 0)),
    ),
  );
  const y: uPlot.Axis = {
    ...common,
    gap: GAP,
    size: (u, labels, place, cycle) => {
      if (cycle > 1) return (u.axes[place] as uPlot.Axis & { _size: number })._size; // it has to end
      return sizeOfLabels(labels ?? [], measureOf(u, place));
    },
  };
  Object.assign(
    y,
    marked((u, min, max) => yTicks(scale(), min, max, u.bbox.height / devicePixelRatio)),
  );
  return [x, y];
}

/** The parts of an axis that has our own marks instead of uPlot's. */
function marked(ticks: (u: uPlot, min: number, max: number) => Ticks): Partial<uPlot.Axis> {
  let labels: string[] = [];
  return {
    // uPlot looks for an increment that it knows, and draws nothing without one.
    incrs: () => [Number.MAX_VALUE],
    splits: (u, _, min, max) => {
      const found = ticks(u, min, max);
      labels = found.labels;
      return found.at;
    },
    values: () => labels,
  };
}

function measureOf(u: uPlot, place: number): Measure {
  const font: unknown = u.axes[place]?.font;
  const name = Array.isArray(font) ? String(font[0]) : String(font); // uPlot makes it an array
  return (text) => {
    u.ctx.save();
    u.ctx.font = name;
    const { width } = u.ctx.measureText(text);
    u.ctx.restore();
    return width / devicePixelRatio;
  };
}
