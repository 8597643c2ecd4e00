/** A scrolling list of very many rows of different heights, of which the visible ones have elements.
 *
 * A browser limits how high an element can be. Beyond that the scroll bar stands for more than it
 * has pixels, so a movement of it is scaled. */

import { perFrame } from "../dom";
import { Heights } from "./heights";

const HIGHEST = 15_000_000; // px; Firefox allows 17.8 million
const MARGIN = 4; // rows beyond what is visible

export interface ListOptions {
  scroller: HTMLElement;
  /** In px, of a row that is not higher than usual. */
  rowHeight: number;
  create(): HTMLElement;
  /** Shows row `index` in an element that may have shown another one. */
  fill(element: HTMLElement, index: number): void;
  /** Called with what is visible: the first row, and one past the last. */
  visible(first: number, stop: number): void;
  /** Whether the end is kept in sight; scrolling up ends that. */
  followed(yes: boolean): void;
}

export class RowList {
  readonly element = document.createElement("div");
  follow = true;
  private heights: Heights;
  private rows = new Map<number, HTMLElement>();
  private spare: HTMLElement[] = [];
  private observer: ResizeObserver;
  private width = 0;
  private placed = -1; // where this list has put the scroll bar; elsewhere it is a person's doing
  readonly render = perFrame(() => this.draw());

  constructor(private options: ListOptions) {
    this.heights = new Heights(options.rowHeight);
    this.element.className = "virtual";
    options.scroller.append(this.element);
    options.scroller.addEventListener("scroll", this.scrolled, { passive: true });
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(options.scroller);
  }

  get count(): number {
    return this.heights.count;
  }

  set count(count: number) {
    this.heights.resize(count);
    this.render();
  }

  /** The first row in sight. */
  get first(): number {
    return this.heights.at(this.place());
  }

  /** Fills what is visible again; measures anew if the look of all rows has changed. */
  refresh(anew = false): void {
    const { first } = this;
    if (anew) this.heights.clear();
    for (const [index, row] of this.rows) this.options.fill(row, index);
    if (anew) this.scrollTo(first, "top");
    this.render();
  }

  /** Brings a row into sight: as the first one, or amidst if it is not there yet. */
  scrollTo(index: number, where: "top" | "middle"): void {
    this.size();
    const top = this.heights.top(index);
    const free = this.options.scroller.clientHeight - this.heights.of(index);
    const from = this.place();
    if (where === "middle" && top >= from && top <= from + free) return;
    this.moveTo(where === "top" ? top : top - Math.max(0, free) / 2);
    this.draw();
  }

  setFollow(yes: boolean): void {
    this.follow = yes;
    this.render();
  }

  destroy(): void {
    this.render.cancel();
    this.observer.disconnect();
    this.options.scroller.removeEventListener("scroll", this.scrolled);
  }

  private scrolled = (): void => {
    const { scroller } = this.options;
    if (Math.abs(scroller.scrollTop - this.placed) >= 1) {
      const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < this.options.rowHeight;
      if (this.follow !== atEnd) this.options.followed((this.follow = atEnd));
      this.placed = -1;
    }
    this.render();
  };

  private resized(): void {
    if (this.width && this.width !== this.options.scroller.clientWidth) this.refresh(true);
    this.width = this.options.scroller.clientWidth;
    this.render();
  }

  /** How many px of rows one px of the scroll bar stands for. */
  private get scale(): number {
    const room = this.options.scroller.clientHeight;
    const { total } = this.heights;
    return total > HIGHEST ? (total - room) / (HIGHEST - room) : 1;
  }

  private place(): number {
    return this.options.scroller.scrollTop * this.scale;
  }

  private moveTo(place: number): void {
    this.options.scroller.scrollTop = place / this.scale;
    this.placed = this.options.scroller.scrollTop;
  }

  private size(): void {
    this.element.style.height = `${Math.min(this.heights.total, HIGHEST)}px`;
  }

  private draw(): void {
    const { scroller } = this.options;
    if (!this.element.isConnected) return;
    this.size();
    if (this.follow) this.moveTo(this.heights.total);
    let [first, stop] = this.fillFrom(this.place());
    // Rows are measured where they are shown. What is above keeps the rest in its place.
    for (let turn = 0; turn < 3; turn++) {
      const anchor = this.heights.at(this.place());
      const into = this.place() - this.heights.top(anchor);
      if (!this.measure()) break;
      this.size();
      this.moveTo(this.follow ? this.heights.total : this.heights.top(anchor) + into);
      [first, stop] = this.fillFrom(this.place());
    }
    const shift = scroller.scrollTop - this.place();
    for (const [index, row] of this.rows) {
      row.style.transform = `translateY(${Math.round(this.heights.top(index) + shift)}px)`;
    }
    this.options.visible(first, stop);
  }

  private fillFrom(place: number): [first: number, stop: number] {
    const { count } = this;
    const first = Math.max(0, this.heights.at(place) - MARGIN);
    const stop = Math.min(count, this.heights.at(place + this.options.scroller.clientHeight) + 1 + MARGIN);
    for (const [index, row] of this.rows) {
      if (index >= first && index < stop) continue;
      this.rows.delete(index);
      this.spare.push(row);
      row.hidden = true;
    }
    let before: HTMLElement | null = null; // selecting and reading aloud follow the elements' order
    for (let index = first; index < stop; index++) {
      let row = this.rows.get(index);
      if (!row) {
        row = this.spare.pop() ?? this.options.create();
        row.hidden = false;
        this.rows.set(index, row);
        this.options.fill(row, index);
      }
      const place: ChildNode | null = before ? before.nextSibling : this.element.firstChild;
      if (place !== row) this.element.insertBefore(row, place);
      before = row;
    }
    return [first, stop];
  }

  private measure(): boolean {
    let changed = false;
    for (const [index, row] of this.rows) {
      changed = this.heights.set(index, row.offsetHeight || this.options.rowHeight) !== 0 || changed;
    }
    return changed;
  }
}
