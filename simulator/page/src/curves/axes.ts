/** A chart's axes, and how places on them are written. */

import type uPlot from "uplot";
import { colour } from "../theme";
import type { Axis } from "../types";
import type { YScale } from "./scale";
import { linearTicks, logTicks, type Ticks } from "./ticks";

const Y_SPACE = 34; // px between two marks
const X_SPACE = 56;
const LABEL_GAP = 14; // px between two labels of the x axis, at least
const GAP = 6;
const LEAST_SIZE = 40; // of the y axis: charts below each other begin at the same place

/** @param axis what x is
 * @param scale what y is now */
export function axes(axis: Axis, scale: () => YScale): uPlot.Axis[] {
  const common: uPlot.Axis = {
    stroke: colour("muted"),
    grid: { stroke: colour("grid"), width: 1 },
    ticks: { show: false },
    font: `12px ${getComputedStyle(document.body).fontFamily}`,
  };
  const x: uPlot.Axis = { ...common, size: 30, gap: 4 };
  if (axis === "time") {
    x.space = 90;
    x.values = (_, splits, __, ___, step) => splits.map((at) => timeLabel(at, step));
  } else {
    const least = axis === "step" ? 1 : 0;
    Object.assign(x, marked((u, min, max) => xTicks(u, min, max, least)));
  }
  const y: uPlot.Axis = { ...common, gap: GAP, size: sizeOfLabels };
  Object.assign(
    y,
    marked((u, min, max) => {
      const most = Math.max(2, Math.floor(u.bbox.height / devicePixelRatio / Y_SPACE));
      const { log, shift } = scale();
      return log ? logTicks(min, max, most) : linearTicks(min, max, most, shift);
    }),
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

/** As many marks as there is room for their labels. */
function xTicks(u: uPlot, min: number, max: number, least: number): Ticks {
  const width = u.bbox.width / devicePixelRatio || u.width;
  let most = Math.max(1, Math.floor(width / X_SPACE));
  for (;;) {
    const ticks = linearTicks(min, max, most, 0, least);
    const longest = widest(u, 0, ticks.labels) + LABEL_GAP;
    if (most === 1 || longest * (ticks.at.length - 1) <= width) return ticks;
    most -= 1;
  }
}

function sizeOfLabels(u: uPlot, labels: string[] | null, place: number, cycle: number): number {
  const axis = u.axes[place] as uPlot.Axis & { _size: number };
  if (cycle > 1) return axis._size; // it has to come to an end
  return Math.max(LEAST_SIZE, Math.ceil(widest(u, place, labels ?? [])) + GAP + 4);
}

/** The width of the longest label, CSS px. */
function widest(u: uPlot, place: number, labels: string[]): number {
  const font: unknown = u.axes[place]?.font;
  u.ctx.save();
  u.ctx.font = Array.isArray(font) ? String(font[0]) : String(font); // uPlot makes it an array
  const widths = labels.map((label) => u.ctx.measureText(label).width);
  u.ctx.restore();
  return Math.max(0, ...widths) / devicePixelRatio;
}

function timeLabel(ms: number, step: number): string {
  const at = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, "0");
  if (step >= 86_400_000) return `${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const minutes = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (step >= 60_000) return minutes;
  const seconds = `${minutes}:${two(at.getSeconds())}`;
  return step >= 1000 ? seconds : `${seconds}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}
