/** Saves a chart as a picture: SVG, or PNG with two pixels for each of its own. */

import { clock } from "../format";
import { t } from "../i18n";
import { saveBlob } from "../ui";
import type { Lines } from "./lines";
import type { CurvesModel } from "./model";
import { remarks } from "./remarks";
import { svgOf, WIDTH } from "./svg";
import type { Window } from "./window";

const SCALE = 2;

/** @param window that is shown
 * @throws Error: the points cannot be fetched, or the browser cannot draw the picture */
export async function savePicture(
  form: "svg" | "png",
  metric: string,
  model: CurvesModel,
  source: Lines,
  window: Window | null,
): Promise<void> {
  // Wider than on the screen: for the picture's own pixels.
  const lines = await source.load(WIDTH * SCALE, 0);
  const log = model.isLog(metric);
  const smoothing = model.smoothing ? t("smoothed", { n: model.smoothing }) : "";
  const text = svgOf({
    title: metric,
    subtitle: [t(`axis_${model.axis}`), smoothing, clock(Date.now())].filter(Boolean).join(" · "),
    notes: remarks(lines, log),
    axis: model.axis,
    log,
    lines,
    window,
  });
  const svg = new Blob([text], { type: "image/svg+xml" });
  const name = metric.replace(/[^\p{L}\p{N}._-]+/gu, "_");
  saveBlob(form === "svg" ? svg : await toPng(svg), `${name}.${form}`);
}

async function toPng(svg: Blob): Promise<Blob> {
  const address = URL.createObjectURL(svg);
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth * SCALE, image.naturalHeight * SCALE];
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"));
    if (!blob) throw new Error(t("no_picture"));
    return blob;
  } finally {
    URL.revokeObjectURL(address);
  }
}
