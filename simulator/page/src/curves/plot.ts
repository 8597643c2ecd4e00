/** The drawing of a chart by uPlot. */

import uPlot from "uplot";
import type { Axis } from "../types";
import { axes } from "./axes";
import { panWithMouse, type Zoomable } from "./gestures";
import type { Line } from "./lines";
import { drawMarks } from "./marks";
import { merge } from "./merge";
import { linearScale, logScale, rangeOf, type YScale } from "./scale";
import { nearest } from "./smooth";
import { snap, type Snap } from "./snap";
import { wide, type Window } from "./window";

export interface PlotOptions {
  axis: Axis;
  log: boolean;
  lines: Line[];
  syncKey: string;
  chart: Zoomable;
  hover(at: Hover | null): void;
}

/** What the cursor is at. */
export interface Hover {
  x: number;
  /** How far from it a mark may lie, in units of x. */
  distance: number;
  /** The line that is nearest to the mouse; null: the mouse is over another chart. */
  line: number | null;
  /** Where the cursor is in the plot's area, CSS px. */
  left: number;
  top: number;
}

const REACH = 5; // px
const CLICK = 4; // px that a press may move and still be no selection

export class Plot {
  private u: uPlot;
  private lines: Line[];
  private rows: number[][] = [];
  private scale: YScale;
  private pressed = false; // a range is being selected: its ends are where the mouse is
  private snapped: Snap | null = null;

  constructor(
    private host: HTMLElement,
    readonly shape: string,
    private options: PlotOptions,
  ) {
    this.lines = options.lines;
    this.scale = options.log ? logScale() : linearScale([]);
    this.u = new uPlot(this.config(), [[]], host);
  }

  get canvas(): HTMLCanvasElement {
    return this.u.ctx.canvas;
  }

  get area(): HTMLElement {
    return this.u.over;
  }

  destroy(): void {
    this.u.destroy();
  }

  /** Fits the host again; returns whether its width has changed. */
  resize(): boolean {
    const { clientWidth: width, clientHeight: height } = this.host;
    const wider = width !== this.u.width;
    if (wider || height !== this.u.height) this.u.setSize({ width, height });
    return wider;
  }

  setWindow([from, to]: Window): void {
    this.u.setScale("x", { min: from, max: to });
  }

  /** Draws; what the cursor is at, or that it is at nothing, is told again. */
  setData(lines: Line[], window: Window | null): void {
    this.lines = lines;
    if (!this.options.log) this.scale = linearScale(lines.flatMap(({ curve }) => curve.y));
    const table = merge(
      lines.map(({ curve, smooth }) => ({ x: curve.x, y: curve.y, smooth })),
      (value) => this.scale.place(value),
    );
    this.rows = table.rows;
    const [min, max] = window ?? [0, 1];
    this.u.batch(() => {
      this.u.setData(table.data as uPlot.AlignedData, false);
      this.u.setScale("x", { min, max });
    });
    const { left = -1, top = -1 } = this.u.cursor;
    this.u.setCursor({ left, top });
  }

  private config(): uPlot.Options {
    return {
      width: Math.max(100, this.host.clientWidth),
      height: this.host.clientHeight,
      padding: [10, 10, 0, 0],
      legend: { show: false },
      ms: 1,
      scales: {
        x: { time: false, auto: false, range: (_, a, b) => wide(a, b) },
        y: { range: (_, a: number | null, b: number | null) => rangeOf(this.scale, a, b) },
      },
      axes: axes(this.options.axis, () => this.scale),
      series: [{}, ...this.series()],
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false, dist: CLICK },
        points: { size: 7 },
        move: (u, left, top) => this.move(u, left, top),
        dataIdx: (_, series, __, x) => this.rowNear(series, x),
        sync: {
          key: this.options.syncKey,
          setSeries: false,
          filters: { pub: (type) => type === "mousemove" || type === "mouseleave" },
        },
        bind: {
          mousedown: (u, _, handler) => (event) => {
            if (event.shiftKey) panWithMouse(u.over, event, this.options.chart);
            else {
              this.pressed = event.button === 0;
              handler(event);
            }
            return null;
          },
          mouseup: (_, __, handler) => (event) => {
            this.pressed = false;
            handler(event);
            return null;
          },
          dblclick: () => () => {
            this.options.chart.change(null);
            return null;
          },
        },
      },
      hooks: {
        draw: [
          (u) =>
            drawMarks(
              u,
              this.lines.map(({ curve, colour: c }) => ({ colour: c, marks: curve.marks })),
            ),
        ],
        setCursor: [(u) => this.hover(u)],
        setSelect: [(u) => this.select(u)],
      },
    };
  }

  private series(): uPlot.Series[] {
    return this.lines.flatMap(({ colour: stroke, smooth }): uPlot.Series[] => {
      const raw: uPlot.Series = { stroke, width: smooth ? 1 : 1.6, alpha: smooth ? 0.32 : 1 };
      if (!smooth) return [raw];
      return [
        { ...raw, points: { show: false } },
        { stroke, width: 2, points: { show: false } },
      ];
    });
  }

  /** The row of the point of a series that is nearest to `x`. */
  private rowNear(series: number, x: number): number {
    const smoothed = this.lines[0]?.smooth !== null;
    const line = Math.floor((series - 1) / (smoothed ? 2 : 1));
    const found = nearest(this.lines[line]?.curve.x ?? [], x);
    // uPlot takes null for "nothing here", its type says number alone
    return this.rows[line]?.[found] ?? (null as unknown as number);
  }

  private hover(u: uPlot): void {
    const left = u.cursor.left ?? -1;
    if (left < 0 || !u.bbox.width) {
      this.options.hover(null);
      return;
    }
    const own = u.cursor.event != null; // not another chart's cursor
    this.options.hover({
      x: own && this.snapped ? this.snapped.x : u.posToVal(left, "x"),
      distance: reach(u),
      line: own ? (this.snapped?.line ?? null) : null,
      left,
      top: u.cursor.top ?? 0,
    });
  }

  /** Moves the cursor to the point that is nearest to the mouse. */
  private move(u: uPlot, left: number, top: number): [number, number] {
    this.snapped = null;
    if (left < 0 || this.pressed || u.cursor.event == null) return [left, top];
    this.snapped = snap(this.lines, u.posToVal(left, "x"), top, reach(u), (value) => {
      const place = this.scale.place(value);
      return place === undefined ? null : u.valToPos(place, "y");
    });
    return this.snapped ? [u.valToPos(this.snapped.x, "x"), top] : [left, top];
  }

  private select(u: uPlot): void {
    const { left, width } = u.select;
    if (width < CLICK) return;
    const window: Window = [u.posToVal(left, "x"), u.posToVal(left + width, "x")];
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.options.chart.change(window);
  }
}

/** How far the mouse may be from a mark, in units of x. */
function reach(u: uPlot): number {
  return Math.abs(u.posToVal(REACH, "x") - u.posToVal(0, "x"));
}
