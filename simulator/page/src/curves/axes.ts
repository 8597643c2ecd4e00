/** A chart's axes, and how places on them are written. */

import type uPlot from "uplot";
import { colour } from "../theme";
import type { Axis } from "../types";

/** @param axis what x is
 * @param log whether y is logarithmic */
export function axes(axis: Axis, log: boolean): uPlot.Axis[] {
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
  }
  const y: uPlot.Axis = { ...common, size: 62, gap: 6 };
  if (log) {
    y.values = (_, splits) => splits.map((at) => ((at as number | null) === null ? "" : tick(at)));
  }
  return [x, y];
}

/** A power of ten; uPlot would round small ones to 0. */
function tick(at: number): string {
  return at >= 1e-4 && at < 1e6 ? String(Number(at.toPrecision(3))) : at.toExponential(0);
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
