/** One image that changed: what it was taken for, and what it is taken for now. */

import { h } from "../dom";
import { t } from "../i18n";
import { icon } from "../icons";
import { Picture, type PictureOptions } from "../results/picture";
import { PIXELS } from "../results/tile";
import type { Flip, ResultItem } from "../types";

export class FlipTile {
  private picture = new Picture();
  private text = h("span", { class: "tile-text flip-text" });
  readonly element: HTMLButtonElement;

  constructor(open: () => void) {
    this.element = h("button", { type: "button", class: "tile", onclick: open }, this.picture.element, this.text);
  }

  show(flip: Flip | null, options: PictureOptions): void {
    this.element.classList.toggle("loading", !flip);
    if (!flip) {
      this.picture.clear();
      this.text.replaceChildren();
      delete this.element.dataset.kind;
      return;
    }
    const { a, b, kind } = flip;
    this.picture.show(b, { ...options, labels: false, most: PIXELS });
    this.element.dataset.kind = kind;
    this.element.dataset.name = b.name;
    this.element.title = b.img_path;
    this.text.replaceChildren(...side(a), h("span", { class: "quiet" }, "→"), ...side(b));
    const words = [a, b].map((item) => `${t(`outcome_${item.outcome}`)} ${wordsOf(item)}`.trim());
    this.element.setAttribute("aria-label", `${b.name}: ${words.join(" → ")}`);
  }
}

function side(item: ResultItem): Node[] {
  return [
    h("span", { class: `tile-outcome ${item.outcome}` }, icon(item.outcome)),
    h("span", { class: "tile-label" }, wordsOf(item)),
  ];
}

/** The class of a single prediction; of several there is no room for more than how many. */
function wordsOf({ predictions }: ResultItem): string {
  const [only] = predictions;
  return predictions.length === 1 && only ? only.predicted || t("none") : `×${predictions.length}`;
}
