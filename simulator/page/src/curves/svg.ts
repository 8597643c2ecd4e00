/** A chart as an SVG picture that stands for itself: title, legend with figures, axes, background. */

import { value } from "../format";
import { t } from "../i18n";
import { colour } from "../theme";
import type { Axis, Mark } from "../types";
import { runName } from "../ui";
import { FONT_SIZE, sizeOfLabels, xTicks, yTicks, type Measure } from "./axes";
import type { Line } from "./lines";
import { linearScale, logScale, rangeOf, type YScale } from "./scale";
import { figuresOf } from "./values";
import { wide, type Window } from "./window";

export interface SvgChart {
  title: string;
  subtitle: string;
  /** Remarks below the chart. */
  notes: string[];
  axis: Axis;
  log: boolean;
  lines: Line[];
  window: Window | null;
}

export const WIDTH = 960; // px
const HEIGHT = 400; // of the plot with its x axis
const EDGE = 20;
const X_AXIS = 30;
const SPARSE = 12; // px a point, from which on points are drawn

/** The picture's text. */
export function svgOf(chart: SvgChart): string {
  const family = getComputedStyle(document.body).fontFamily;
  const legend = [...chart.lines].reverse(); // as the page has it
  const head = 70 + 20 * legend.length;
  const height = head + HEIGHT + 18 * chart.notes.length + EDGE;
  const muted = colour("muted");
  const text = (x: number, y: number, content: string, more = ""): string =>
    `<text x="${x}" y="${y}" ${more}>${escape(content)}</text>`;
  const parts = [
    `<rect width="${WIDTH}" height="${height}" fill="${colour("surface")}"/>`,
    text(EDGE, 32, chart.title, `font-size="17" font-weight="600" fill="${colour("text")}"`),
    text(EDGE, 51, chart.subtitle, `fill="${muted}"`),
    ...legend.flatMap((line, place) => {
      const y = 72 + 20 * place;
      return [
        `<rect x="${EDGE}" y="${y - 6}" width="16" height="3" fill="${line.colour}"/>`,
        text(EDGE + 24, y, legendText(line, chart.window), `fill="${colour("text")}"`),
      ];
    }),
    `<g transform="translate(0 ${head})">${plot(chart, measureIn(family), muted)}</g>`,
    ...chart.notes.map((note, place) =>
      text(EDGE, head + HEIGHT + 18 * (place + 1), note, `fill="${muted}"`),
    ),
  ];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" ` +
    `viewBox="0 0 ${WIDTH} ${height}" font-family="${escape(family)}" font-size="${FONT_SIZE}">` +
    `${parts.join("\n")}</svg>\n`
  );
}

function legendText(line: Line, window: Window | null): string {
  const { min, max, last } = figuresOf(line, window);
  const figures = [
    `${t("least")} ${value(min)}`,
    `${t("greatest")} ${value(max)}`,
    `${t("last")} ${value(last)}`,
  ];
  return [runName(line.run), line.run.instance, ...figures].join(" · ");
}

function plot({ axis, log, lines, window }: SvgChart, measure: Measure, muted: string): string {
  const [from, to] = wide(...(window ?? ([0, 1] as Window)));
  const scale = log ? logScale() : linearScale(lines.flatMap(({ curve }) => curve.y));
  const [low, high] = rangeOf(scale, ...extremes(lines, scale, [from, to]));
  const bottom = HEIGHT - X_AXIS;
  const ys = yTicks(scale, low, high, bottom);
  const left = EDGE + sizeOfLabels(ys.labels, measure);
  const width = WIDTH - EDGE - left;
  const xs = xTicks(axis, from, to, width, measure);
  const toX = (x: number): number => left + ((x - from) / (to - from)) * width;
  const toY = (place: number): number => bottom - ((place - low) / (high - low)) * bottom;
  const grid = [
    ...ys.at.map((y) => `M${left} ${short(toY(y))}h${short(width)}`),
    ...xs.at.map((x) => `M${short(toX(x))} 0v${bottom}`),
  ].join("");
  return [
    `<path d="${grid}" stroke="${colour("grid")}" fill="none"/>`,
    ...ys.at.map(
      (y, place) =>
        `<text x="${left - 6}" y="${short(toY(y) + 4)}" text-anchor="end" fill="${muted}">${escape(ys.labels[place] ?? "")}</text>`,
    ),
    ...xs.at.map(
      (x, place) =>
        `<text x="${short(toX(x))}" y="${bottom + 18}" text-anchor="middle" fill="${muted}">${escape(xs.labels[place] ?? "")}</text>`,
    ),
    `<clipPath id="plot"><rect x="${left}" width="${short(width)}" height="${bottom}"/></clipPath>`,
    `<g clip-path="url(#plot)" fill="none" stroke-linejoin="round">`,
    ...lines.flatMap((line) => {
      const points = (values: number[]): [number, number][] =>
        line.curve.x.flatMap((x, place) => {
          const y = scale.place(values[place] as number);
          return y === undefined ? [] : [[toX(x), toY(y)]];
        });
      const raw = points(line.curve.y);
      const { smooth, colour: stroke } = line;
      return [
        path(raw, `stroke="${stroke}" stroke-width="${smooth ? 1 : 1.6}"${smooth ? ' opacity="0.32"' : ""}`),
        smooth ? path(points(smooth), `stroke="${stroke}" stroke-width="2"`) : dots(raw, width, stroke),
      ];
    }),
    `</g>`,
    ...lines.flatMap((line) =>
      line.curve.marks
        .filter(({ x }) => x >= from && x <= to)
        .map(({ x, value: kind }) => mark(kind, toX(x), line.colour)),
    ),
  ].join("\n");
}

/** The least and the greatest place on the y axis, within a window and of the points beside it. */
function extremes(lines: Line[], scale: YScale, [from, to]: Window): [number | null, number | null] {
  let min: number | null = null;
  let max: number | null = null;
  for (const { curve, smooth } of lines) {
    curve.x.forEach((x, place) => {
      if (x < from || x > to) return;
      for (const y of [curve.y[place], smooth?.[place]]) {
        const at = y === undefined ? undefined : scale.place(y);
        if (at === undefined) continue;
        if (min === null || at < min) min = at;
        if (max === null || at > max) max = at;
      }
    });
  }
  return [min, max];
}

function path(points: [number, number][], style: string): string {
  const d = points.map(([x, y], place) => `${place ? "L" : "M"}${short(x)} ${short(y)}`).join("");
  return `<path d="${d}" ${style}/>`;
}

function dots(points: [number, number][], width: number, fill: string): string {
  if (points.length * SPARSE > width) return "";
  const circles = points.map(([x, y]) => `<circle cx="${short(x)}" cy="${short(y)}" r="2.5"/>`);
  return `<g fill="${fill}">${circles.join("")}</g>`;
}

/** The shapes of `marks.ts`. */
function mark(kind: Mark, x: number, stroke: string): string {
  if (kind === "NaN") {
    const d = `M${short(x - 4)} 3l8 8m0 -8l-8 8`;
    return `<path d="${d}" stroke="${stroke}" stroke-width="1.8" fill="none"/>`;
  }
  const d = kind === "Infinity" ? `M${short(x)} 2l5 10h-10z` : `M${short(x)} 12l5 -10h-10z`;
  return `<path d="${d}" fill="${stroke}"/>`;
}

function measureIn(family: string): Measure {
  const context = document.createElement("canvas").getContext("2d");
  if (context) context.font = `${FONT_SIZE}px ${family}`;
  return (text) => context?.measureText(text).width ?? text.length * 7;
}

function short(x: number): string {
  return String(Math.round(x * 100) / 100);
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escape(text: string): string {
  // Control characters and half letters are no XML, whatever a metric is called.
  return text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd")
    .replace(/[&<>"]/g, (letter) => ENTITIES[letter] as string);
}
