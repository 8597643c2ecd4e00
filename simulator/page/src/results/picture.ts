/** An image with its predictions over it; small images are scaled up without blur. */

import { h, s } from "../dom";
import { t } from "../i18n";
import type { ResultItem } from "../types";
import { shapes } from "./overlay";

export interface PictureOptions {
  classes: string[];
  confidence: number;
  labels: boolean;
}

export class Picture {
  private image = h("img", { alt: "", decoding: "async", draggable: "false" });
  private overlay = s("svg", { class: "overlay", preserveAspectRatio: "xMidYMid meet" });
  private missing = h("span", { class: "no-image" });
  readonly element = h("div", { class: "picture" }, this.image, this.overlay, this.missing);
  private item: ResultItem | null = null;
  private options: PictureOptions | null = null;
  private zoom = 1;

  constructor() {
    this.image.addEventListener("load", () => this.draw());
    this.image.addEventListener("error", () => this.blank(t("image_missing")));
  }

  show(item: ResultItem, options: PictureOptions): void {
    this.options = options;
    const other = this.image.getAttribute("src") !== item.url;
    this.item = item;
    this.image.alt = item.name;
    this.missing.classList.toggle("plain", item.plain !== null);
    if (item.plain !== null) {
      this.blank(item.plain);
    } else if (!item.url) {
      this.blank(t("image_unknown"));
    } else if (other) {
      this.blank("");
      this.image.src = item.url;
    }
    if (this.image.complete) this.draw();
  }

  clear(): void {
    this.item = null;
    this.blank("");
  }

  /** Draws for an image that is magnified by so much: strokes and letters keep their size. */
  setZoom(zoom: number): void {
    this.zoom = zoom;
    this.draw();
  }

  draw(): void {
    const { naturalWidth: width, naturalHeight: height } = this.image;
    if (!this.item || !this.options || !width || !this.image.getAttribute("src")) return;
    const scale = Math.min(this.element.clientWidth / width, this.element.clientHeight / height) * this.zoom || 1;
    this.image.hidden = false;
    this.image.classList.toggle("crisp", scale >= 2);
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.overlay.replaceChildren(
      ...shapes(this.item.predictions, this.options.classes, { width, height }, { ...this.options, scale }),
    );
  }

  /** Takes the former image away, with what was drawn over it. */
  private blank(text: string): void {
    this.image.removeAttribute("src");
    this.image.hidden = true; // until it is loaded: browsers go on showing the former one
    this.overlay.replaceChildren();
    this.missing.textContent = text;
    this.missing.hidden = !text;
  }
}
