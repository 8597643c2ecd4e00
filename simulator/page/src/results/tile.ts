/** One result in the gallery: the image, what it is, what it was taken for. */

import { h } from "../dom";
import { percent } from "../format";
import { t } from "../i18n";
import { icon } from "../icons";
import type { Prediction, ResultItem } from "../types";
import { confidenceOf } from "./overlay";
import { Picture, type PictureOptions } from "./picture";

export const PIXELS = 400; // for tiles of 132 px and a bit more, on screens of any density

export class Tile {
  private picture = new Picture();
  private outcome = h("span", { class: "tile-outcome" });
  private label = h("span", { class: "tile-label" });
  readonly element: HTMLButtonElement;
  private shown = "";

  constructor(open: (tile: Tile) => void) {
    this.element = h(
      "button",
      { type: "button", class: "tile", onclick: () => open(this) },
      this.picture.element,
      h("span", { class: "tile-text" }, this.outcome, this.label),
    );
  }

  show(item: ResultItem | null, options: PictureOptions): void {
    const state = item ? JSON.stringify([item, options.confidence, options.classes]) : "";
    if (state === this.shown && item) return;
    this.shown = state;
    this.element.classList.toggle("loading", !item);
    if (!item) {
      this.picture.clear();
      this.outcome.replaceChildren();
      this.label.replaceChildren();
      this.element.removeAttribute("data-outcome");
      return;
    }
    this.picture.show(item, { ...options, labels: false, most: PIXELS });
    this.element.dataset.outcome = item.outcome;
    this.element.dataset.name = item.name;
    this.outcome.replaceChildren(icon(item.outcome));
    const own = h("span", { class: "quiet" }, t("own_format"));
    this.label.replaceChildren(...(item.plain === null ? summary(item.predictions) : [own]));
    this.element.title = item.img_path;
    this.element.setAttribute(
      "aria-label",
      `${item.name}: ${t(`outcome_${item.outcome}`)}, ${this.label.textContent ?? ""}`,
    );
  }
}

/** Truth → prediction of a single prediction; how many of which class for several. */
function summary(predictions: Prediction[]): Node[] {
  const only = predictions[0];
  if (!only) return [h("span", { class: "quiet" }, t("no_predictions"))];
  if (predictions.length === 1) {
    const confidence = confidenceOf(only);
    const predicted = h("b", {}, only.predicted || t("none"));
    const parts: Node[] = only.truth && only.truth !== only.predicted
      ? [h("span", { class: "truth" }, only.truth), h("span", { class: "quiet" }, " → "), predicted]
      : [predicted];
    if (only.truth === "" && only.outcome === "false") {
      parts.unshift(h("span", { class: "quiet" }, `${t("none")} → `));
    }
    if (confidence !== null) parts.push(h("span", { class: "quiet" }, ` ${percent(confidence, 0)}`));
    return parts;
  }
  const counts = new Map<string, number>();
  for (const { predicted } of predictions) if (predicted) counts.set(predicted, (counts.get(predicted) ?? 0) + 1);
  const text = [...counts].map(([name, n]) => (n > 1 ? `${name}×${n}` : name)).join(" ");
  return [h("b", {}, text || t("none")), h("span", { class: "quiet" }, ` · ${predictions.length}`)];
}
