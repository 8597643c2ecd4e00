/** An image with its predictions over it; small images are scaled up without blur. */

import { h, s } from "../dom";
import { t } from "../i18n";
import { ApiError, get } from "../transport";
import type { ResultItem } from "../types";
import { isLarge, Parts, PREVIEW } from "./parts";
import { shapes } from "./overlay";
import { whyNot } from "./why";

export interface PictureOptions {
  classes: string[];
  confidence: number;
  labels: boolean;
  /** Pixels of the longer side that suffice; absent: all. */
  most?: number;
}

export class Picture {
  private image = h("img", { alt: "", decoding: "async", draggable: "false" });
  private overlay = s("svg", { class: "overlay", preserveAspectRatio: "xMidYMid meet" });
  private missing = h("span", { class: "no-image" });
  private parts = new Parts((sharp) => this.element.toggleAttribute("data-sharp", sharp));
  readonly element = h("div", { class: "picture" }, this.image, this.parts.element, this.overlay, this.missing);
  private item: ResultItem | null = null;
  private options: PictureOptions | null = null;
  private zoom = 1;
  private moved: readonly [number, number] = [0, 0]; // px of the screen, of the magnified image
  private large = false;
  private wanted: string | null = null; // the address that is shown
  private again: string | null = null; // the one that was asked for once more
  private exchanged = false; // EXIF data exchange width and height, and it is shown as stored

  constructor() {
    this.image.addEventListener("load", () => {
      this.measure();
      this.draw();
    });
    this.image.addEventListener("error", () => void this.explain());
  }

  show(item: ResultItem, options: PictureOptions): void {
    this.options = options;
    this.large = !options.most && isLarge(item);
    this.parts.use(this.large ? item : null);
    const most = options.most ?? (this.large ? PREVIEW : null);
    const source = item.why ? null : item.url && item.size && most ? `${item.url}&most=${most}` : item.url;
    const other = this.image.getAttribute("src") !== source;
    this.item = item;
    this.wanted = source;
    this.image.alt = item.name;
    this.image.classList.toggle("turned", item.turned);
    this.missing.classList.toggle("plain", item.plain !== null);
    if (item.plain !== null) {
      this.blank(item.plain);
    } else if (!source) {
      this.blank(whyNot(item));
    } else if (other) {
      this.blank("");
      this.image.src = source;
    }
    if (!other) this.draw();
  }

  clear(): void {
    this.item = this.wanted = null;
    this.parts.use(null);
    this.blank("");
  }

  /** Draws for an image that is magnified by so much, and moved by so many px of the screen: strokes
   * and letters keep their size. */
  setView(zoom: number, right: number, down: number): void {
    this.moved = [right, down];
    const other = zoom !== this.zoom;
    this.zoom = zoom;
    if (other) this.draw();
    else this.look();
  }

  /** Screen pixels for one of the image, as long as it is not magnified. */
  get fit(): number {
    const { width, height } = this.size();
    return Math.min(this.element.clientWidth / width, this.element.clientHeight / height) || 1;
  }

  draw(): void {
    if (!this.item || !this.options || !this.image.naturalWidth || !this.image.getAttribute("src")) return;
    this.image.hidden = false;
    const { width, height } = this.size();
    const scale = this.fit * this.zoom;
    this.image.classList.toggle("crisp", scale >= 2);
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.overlay.replaceChildren(
      ...shapes(this.item.predictions, this.options.classes, { width, height }, { ...this.options, scale }),
    );
    this.look();
  }

  /** Asks for the parts of a large image that are seen. */
  private look(): void {
    if (!this.large) {
      this.element.toggleAttribute("data-sharp", true);
      return;
    }
    const { width, height } = this.size();
    const scale = this.fit * this.zoom;
    const { clientWidth, clientHeight } = this.element;
    const [right, down] = this.moved;
    const left = width / 2 - (clientWidth / 2 + right) / scale;
    const top = height / 2 - (clientHeight / 2 + down) / scale;
    this.parts.look({
      left,
      top,
      right: left + clientWidth / scale,
      bottom: top + clientHeight / scale,
      scale: scale * window.devicePixelRatio,
    });
  }

  /** The image's size in pixels, as it is shown. */
  private size(): { width: number; height: number } {
    const [knownWidth, knownHeight] = this.item?.size ?? [];
    if (knownWidth && knownHeight) return { width: knownWidth, height: knownHeight };
    const { naturalWidth: width, naturalHeight: height } = this.image;
    return this.exchanged ? { width: height, height: width } : { width, height };
  }

  /** Browsers give the size of an image as its EXIF data wants it turned, also where the style says
   * to show it as it is stored. Its layout alone has the stored size. */
  private measure(): void {
    const { naturalWidth: width, naturalHeight: height } = this.image;
    const probe = this.image.cloneNode() as HTMLImageElement;
    probe.className = "probe"; // as stored
    probe.hidden = false;
    this.element.append(probe);
    const { offsetWidth, offsetHeight } = probe;
    probe.remove();
    this.exchanged = !this.item?.turned && (offsetWidth - offsetHeight) * (width - height) < 0;
  }

  /** Tells why an image cannot be shown: by the server's reason, if it gives one. What it does give
   * is asked for once more: a network that changes, as each start of a container changes it, breaks
   * off what is on its way. */
  private async explain(): Promise<void> {
    const { wanted } = this;
    this.blank(t("image_unreadable"));
    if (!wanted || this.again === wanted) return;
    this.again = wanted;
    try {
      await get(wanted.replace(/^\/api\//, ""));
    } catch (error) {
      if (this.wanted !== wanted || !(error instanceof ApiError)) return;
      if (error.status >= 400) this.blank(error.message);
      else this.image.src = wanted;
    }
  }

  /** Takes the former image away, with what was drawn over it. */
  private blank(text: string): void {
    this.element.removeAttribute("data-sharp");
    this.image.removeAttribute("src");
    this.image.hidden = true; // until it is loaded: browsers go on showing the former one
    this.overlay.replaceChildren();
    this.missing.textContent = text;
    this.missing.hidden = !text;
  }
}
