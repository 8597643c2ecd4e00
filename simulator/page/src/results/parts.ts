/** A large image in parts: what is looked at is fetched as sharp as the screen shows it. */

import { s, setAttribute } from "../dom";
import type { ResultItem } from "../types";

const LARGE = 12_000_000; // pixels: smaller images are loaded as a whole
const LONG = 8192; // of the longer side, which graphics cards may not have in one texture
export const PREVIEW = 2048; // of the longer side, under the parts
const SIDE = 512; // of a part, as it is sent
const MOST = 64; // parts at once: more than any screen has
const SETTLED_MS = 80; // without a movement

/** Whether an image is shown by a preview with parts over it. */
export function isLarge(item: ResultItem): boolean {
  const [width, height] = item.size ?? [0, 0];
  return Boolean(item.url) && !item.why && (width * height > LARGE || Math.max(width, height) > LONG);
}

export interface Look {
  /** The rectangle that is seen, in the image's pixels. */
  left: number;
  top: number;
  right: number;
  bottom: number;
  /** Pixels of the screen's hardware for one of the image. */
  scale: number;
}

export class Parts {
  readonly element = s("svg", { class: "parts", preserveAspectRatio: "xMidYMid meet" });
  private images = new Map<string, SVGElement>();
  private item: ResultItem | null = null;
  private timer = 0;

  /** @param sharp called when all that is seen is there, or is not any more */
  constructor(private sharp: (yes: boolean) => void) {}

  /** @param item null: no image that needs parts */
  use(item: ResultItem | null): void {
    if (this.item?.url === item?.url) return;
    this.item = item;
    this.clear();
    this.element.setAttribute("viewBox", `0 0 ${(item?.size ?? [1, 1]).join(" ")}`);
  }

  /** Fetches what is seen, once the movement is over. */
  look(at: Look): void {
    clearTimeout(this.timer);
    if (!this.item) return;
    this.sharp(false);
    this.timer = window.setTimeout(() => this.fetch(at), SETTLED_MS);
  }

  private clear(): void {
    clearTimeout(this.timer);
    this.images.clear();
    this.element.replaceChildren();
  }

  private fetch(at: Look): void {
    const { url, size } = this.item ?? {};
    if (!url || !size) return;
    const [width, height] = size;
    this.element.classList.toggle("crisp", at.scale >= 2);
    const wanted = new Map<string, [number, number, number]>();
    if (at.scale * Math.max(width, height) > PREVIEW) {
      const step = SIDE * 2 ** Math.max(0, Math.floor(Math.log2(1 / at.scale)));
      const first = (from: number): number => Math.max(0, Math.floor(from / step)) * step;
      for (let y = first(at.top); y < Math.min(height, at.bottom); y += step) {
        for (let x = first(at.left); x < Math.min(width, at.right); x += step) {
          if (wanted.size < MOST) wanted.set(`${x},${y},${step}`, [x, y, step]);
        }
      }
    }
    for (const [key, [x, y, step]] of wanted) {
      if (this.images.has(key)) continue;
      const [w, h] = [Math.min(step, width - x), Math.min(step, height - y)];
      const image = s("image", { x, y, width: w, height: h, preserveAspectRatio: "none" });
      image.addEventListener("load", () => this.arrived(key, image, wanted));
      image.addEventListener("error", () => this.arrived(key, image, wanted));
      this.images.set(key, image);
      this.element.append(image);
      setAttribute(image, "href", `${url}&part=${x},${y},${w},${h}&most=${Math.max(1, Math.round((SIDE * Math.max(w, h)) / step))}`);
    }
    this.settle(wanted);
  }

  private arrived(key: string, image: SVGElement, wanted: Map<string, unknown>): void {
    if (this.images.get(key) !== image) return;
    image.classList.add("there");
    this.settle(wanted);
  }

  /** When all that is seen is there, the parts of former looks go. */
  private settle(wanted: Map<string, unknown>): void {
    if ([...wanted.keys()].some((key) => !this.images.get(key)?.classList.contains("there"))) return;
    for (const [key, image] of this.images) {
      if (wanted.has(key)) continue;
      image.remove();
      this.images.delete(key);
    }
    this.sharp(true);
  }
}
