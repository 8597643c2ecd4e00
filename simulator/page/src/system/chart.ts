/** A chart of one figure against the time of day. */

import uPlot from "uplot";
import { axes } from "../curves/axes";
import { linearScale, rangeOf } from "../curves/scale";
import { h, KeyedList, setText, type Row } from "../dom";
import { clock } from "../format";
import { t } from "../i18n";
import { colour, hue } from "../theme";
import type { Figure } from "./samples";

const ALONE_MS = 5000; // on either side of a single sample
const SYNC = "system";
const HEIGHT = 170; // px, as in system.css

export class SystemChart implements Row<Figure> {
  readonly element: HTMLElement;
  private title = h("h2");
  private when = h("span", { class: "note" });
  private host = h("div", { class: "plot system-plot" });
  private values = h("div", { class: "system-values" });
  private readout = new KeyedList<Reading>(this.values, (reading) => reading.name, reading);
  private u: uPlot | null = null;
  private shape = "";
  private scale = linearScale([]);
  private times: number[] = [];
  private figure: Figure | null = null;
  private resized = new ResizeObserver(() => this.fit());

  constructor(private latest: () => number[]) {
    this.element = h(
      "section",
      { class: "system-chart", role: "listitem" },
      h("div", { class: "chart-head" }, this.title, this.when),
      this.values,
      this.host,
    );
    this.resized.observe(this.host);
  }

  update(figure: Figure): void {
    this.figure = figure;
    this.times = this.latest();
    this.element.dataset.figure = figure.key;
    setText(this.title, `${t(figure.key)} (${figure.unit})`);
    const shape = JSON.stringify(figure.series.map(({ name }) => name));
    if (shape !== this.shape) {
      this.shape = shape;
      this.draw();
    }
    this.fill();
  }

  /** Draws it anew: the theme has changed. */
  recolour(): void {
    this.draw();
    this.fill();
  }

  destroy(): void {
    this.resized.disconnect();
    this.u?.destroy();
    this.u = null;
  }

  private fill(): void {
    if (!this.figure || !this.u) return;
    const values = this.figure.series.map((series) => series.values);
    this.scale = linearScale(values.flat().map((value) => value ?? 0));
    const placed = values.map((of) => of.map((v) => (v === null ? null : (this.scale.place(v) ?? null))));
    const { u, times } = this;
    u.batch(() => {
      u.setData([times, ...placed], false);
      u.setScale("x", { min: times[0] ?? 0, max: times.at(-1) ?? 0 }); // around one, uPlot would show years
    });
    this.read();
  }

  private fit(): void {
    if (this.u && this.host.clientWidth && this.host.clientWidth !== this.u.width) {
      this.u.setSize({ width: this.host.clientWidth, height: HEIGHT });
    }
  }

  private draw(): void {
    this.u?.destroy();
    const series = this.figure?.series ?? [];
    const options: uPlot.Options = {
      width: Math.max(100, this.host.clientWidth),
      height: HEIGHT,
      padding: [8, 10, 0, 0],
      legend: { show: false },
      ms: 1,
      scales: {
        x: { time: false, auto: false, range: (_, a, b) => (a === b ? [a - ALONE_MS, b + ALONE_MS] : [a, b]) },
        // From 0, so that a figure that hardly moves looks like that.
        y: { range: (_, __, b: number | null) => rangeOf(this.scale, 0, b) },
      },
      axes: axes("time", () => this.scale),
      // A slow reader is asked more seldom than the others: its line goes on over their samples.
      series: [
        {},
        ...series.map((_, place) => ({ stroke: colour(hue(place)), width: 1.6, spanGaps: true })),
      ],
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 }, sync: { key: SYNC } },
      hooks: { setCursor: [() => this.read()] },
    };
    this.u = new uPlot(options, [[], ...series.map(() => [])], this.host);
  }

  private text(value: number | null): string {
    return value === null || !this.figure ? "–" : this.figure.text(value);
  }

  /** Shows the values at the cursor, or the latest ones. */
  private read(): void {
    if (!this.figure) return;
    const at = this.u?.cursor.idx ?? null;
    setText(this.when, clock(this.times[at ?? this.times.length - 1]));
    this.readout.update(
      this.figure.series.map(({ name, values }, place) => ({
        name,
        hue: hue(place),
        text: this.text(nearest(values, at ?? values.length - 1)),
      })),
    );
  }
}

interface Reading {
  name: string;
  hue: string;
  text: string;
}

function reading(first: Reading): Row<Reading> {
  const value = h("b", { class: "mono" });
  const element = h("span", { class: "system-value" }, h("span", { class: "swatch" }), first.name, value);
  return {
    element,
    update(now) {
      element.style.setProperty("--run", `var(--${now.hue})`);
      setText(value, now.text);
    },
  };
}

/** The latest value up to a place. */
export function nearest(values: (number | null)[], place: number): number | null {
  for (let at = Math.min(place, values.length - 1); at >= 0; at -= 1) {
    const value = values[at];
    if (value !== null && value !== undefined) return value;
  }
  return null;
}
