/** What is no number, at the chart's top edge: a shape of its own for each kind. */

import type uPlot from "uplot";
import type { Mark } from "../types";

export interface MarkSet {
  colour: string;
  marks: { x: number; value: Mark }[];
}

const SIZE = 5; // half of a mark's width, CSS px

export function drawMarks(u: uPlot, sets: MarkSet[]): void {
  const { ctx } = u;
  const ratio = devicePixelRatio || 1;
  const r = SIZE * ratio;
  const top = u.bbox.top + r + 2 * ratio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(u.bbox.left - r, u.bbox.top, u.bbox.width + 2 * r, u.bbox.height);
  ctx.clip();
  ctx.lineWidth = 1.8 * ratio;
  for (const { colour, marks } of sets) {
    ctx.strokeStyle = ctx.fillStyle = colour;
    const drawn = new Set<string>();
    for (const mark of marks) {
      const x = Math.round(u.valToPos(mark.x, "x", true));
      const place = `${Math.round(x / r)} ${mark.value}`; // a mark hides those of its kind behind it
      if (drawn.has(place)) continue;
      drawn.add(place);
      ctx.beginPath();
      shape(ctx, mark.value, x, top, r);
      if (mark.value === "NaN") ctx.stroke();
      else ctx.fill();
    }
  }
  ctx.restore();
}

/** NaN: a cross; infinity: a triangle that points up; minus infinity: one that points down. */
function shape(ctx: CanvasRenderingContext2D, kind: Mark, x: number, y: number, r: number): void {
  if (kind === "NaN") {
    ctx.moveTo(x - r * 0.8, y - r * 0.8);
    ctx.lineTo(x + r * 0.8, y + r * 0.8);
    ctx.moveTo(x + r * 0.8, y - r * 0.8);
    ctx.lineTo(x - r * 0.8, y + r * 0.8);
    return;
  }
  const up = kind === "Infinity" ? -1 : 1;
  ctx.moveTo(x, y + up * r);
  ctx.lineTo(x - r, y - up * r);
  ctx.lineTo(x + r, y - up * r);
  ctx.closePath();
}
