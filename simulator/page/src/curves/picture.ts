/** A chart as a picture that stands for itself: title, legend, background. */

import { clock, value } from "../format";
import { t } from "../i18n";
import { colour } from "../theme";
import { runName, saveBlob } from "../ui";
import type { Line } from "./lines";
import type { CurvesModel } from "./model";

interface PictureText {
  title: string;
  subtitle: string;
  legend: { text: string; colour: string }[];
  note: string;
  background: string;
  colour: string;
  muted: string;
}

/** @param chart the curves as they are drawn
 * @param note remarks on them, separated by " · " */
export function savePicture(
  chart: HTMLCanvasElement,
  metric: string,
  model: CurvesModel,
  lines: Line[],
  note: string,
): void {
  const smoothing = model.smoothing ? t("smoothed", { n: model.smoothing }) : "";
  const text: PictureText = {
    title: metric,
    subtitle: [t(`axis_${model.axis}`), smoothing, clock(Date.now())].filter(Boolean).join(" · "),
    legend: lines.map(({ run, curve, colour: c }) => ({
      text: `${runName(run)} · ${run.instance} · ${value(curve.y.at(-1))}`,
      colour: c,
    })),
    note,
    background: colour("surface"),
    colour: colour("text"),
    muted: colour("muted"),
  };
  paint(chart, text, `${metric.replace(/[^\p{L}\p{N}._-]+/gu, "_")}.png`);
}

function paint(chart: HTMLCanvasElement, text: PictureText, name: string): void {
  const ratio = devicePixelRatio || 1;
  const px = (n: number): number => n * ratio;
  const family = getComputedStyle(document.body).fontFamily;
  const canvas = document.createElement("canvas");
  const notes = text.note ? text.note.split(" · ") : [];
  const head = px(64 + 20 * text.legend.length);
  const foot = px(14 + 18 * notes.length);
  canvas.width = chart.width + px(32);
  canvas.height = head + chart.height + foot;
  const ctx = canvas.getContext("2d");
  if (!ctx) return;
  ctx.fillStyle = text.background;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.textBaseline = "alphabetic";
  ctx.fillStyle = text.colour;
  ctx.font = `600 ${px(17)}px ${family}`;
  ctx.fillText(text.title, px(20), px(30));
  ctx.fillStyle = text.muted;
  ctx.font = `${px(12)}px ${family}`;
  ctx.fillText(text.subtitle, px(20), px(49));
  text.legend.forEach((entry, place) => {
    const y = px(70 + 20 * place);
    ctx.fillStyle = entry.colour;
    ctx.fillRect(px(20), y - px(6), px(16), px(3));
    ctx.fillStyle = text.colour;
    ctx.fillText(entry.text, px(44), y);
  });
  ctx.drawImage(chart, px(16), head);
  ctx.fillStyle = text.muted;
  notes.forEach((note, place) =>
    ctx.fillText(note, px(20), head + chart.height + px(16 + 18 * place)),
  );
  canvas.toBlob((blob) => {
    if (blob) saveBlob(blob, name);
  }, "image/png");
}
