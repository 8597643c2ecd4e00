/** Long lists and grids of which only the visible part has elements. */

import { perFrame } from "./dom";

export interface VirtualOptions {
  scroller: HTMLElement;
  /** Height of a row in px, its gap included. */
  rowHeight: number;
  /** Smallest width of a cell in px; 0: one column. */
  cellWidth?: number;
  create(): HTMLElement;
  /** Shows item `index` in an element that may have shown another one. */
  fill(element: HTMLElement, index: number): void;
  /** Called with what is visible: the first item, and one past the last. */
  visible?(first: number, end: number): void;
}

export class VirtualGrid {
  readonly element = document.createElement("div");
  columns = 1;
  private total = 0;
  private cells = new Map<number, HTMLElement>();
  private spare: HTMLElement[] = [];
  private observer: ResizeObserver;
  private content: Element | null = null; // what the scroller moves, the grid within it
  readonly render = perFrame(() => this.renderNow());

  constructor(private options: VirtualOptions) {
    this.element.className = "virtual";
    options.scroller.addEventListener("scroll", this.render, { passive: true });
    this.observer = new ResizeObserver(this.render);
    this.observer.observe(this.element);
    this.observer.observe(options.scroller);
  }

  get count(): number {
    return this.total;
  }

  set count(total: number) {
    this.total = total;
    this.render();
  }

  /** Fills what is visible again: its items have changed. */
  refresh(): void {
    for (const [index, cell] of this.cells) this.options.fill(cell, index);
    this.render();
  }

  cell(index: number): HTMLElement | undefined {
    return this.cells.get(index);
  }

  scrollTo(index: number): void {
    const { scroller, rowHeight } = this.options;
    const top = Math.floor(index / this.columns) * rowHeight + this.offset();
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + rowHeight > scroller.scrollTop + scroller.clientHeight) {
      scroller.scrollTop = top + rowHeight - scroller.clientHeight;
    }
    this.renderNow();
  }

  destroy(): void {
    this.render.cancel();
    this.observer.disconnect();
    this.options.scroller.removeEventListener("scroll", this.render);
  }

  /** Where the grid begins in the scroller's content. */
  private offset(): number {
    const { scroller } = this.options;
    return (
      this.element.getBoundingClientRect().top -
      scroller.getBoundingClientRect().top +
      scroller.scrollTop
    );
  }

  /** What comes and goes above the grid moves it, and changes no size but that of the whole. */
  private observeContent(): void {
    const { scroller } = this.options;
    if (this.content && scroller.contains(this.content)) return;
    this.content = [...scroller.children].find((child) => child.contains(this.element)) ?? null;
    if (this.content && this.content !== this.element) this.observer.observe(this.content);
  }

  private renderNow(): void {
    if (!this.element.isConnected) return;
    this.observeContent();
    const { scroller, rowHeight, cellWidth = 0 } = this.options;
    const width = this.element.clientWidth;
    this.columns = cellWidth ? Math.max(1, Math.floor(width / cellWidth)) : 1;
    const rows = Math.ceil(this.total / this.columns);
    this.element.style.height = `${rows * rowHeight}px`;
    const from = scroller.scrollTop - this.offset();
    const firstRow = Math.max(0, Math.floor(from / rowHeight) - 2);
    const endRow = Math.min(rows, Math.ceil((from + scroller.clientHeight) / rowHeight) + 2);
    const first = firstRow * this.columns;
    const end = Math.min(this.total, endRow * this.columns);
    for (const [index, cell] of this.cells) {
      if (index < first || index >= end) {
        this.cells.delete(index);
        this.spare.push(cell);
        cell.style.display = "none";
      }
    }
    const share = width / this.columns;
    for (let index = first; index < end; index++) {
      let cell = this.cells.get(index);
      if (!cell) {
        cell = this.spare.pop() ?? this.element.appendChild(this.options.create());
        cell.style.display = "";
        this.cells.set(index, cell);
        this.options.fill(cell, index);
      }
      cell.style.transform = `translate(${(index % this.columns) * share}px, ${Math.floor(index / this.columns) * rowHeight}px)`;
      cell.style.width = cellWidth ? `${share}px` : "";
    }
    this.options.visible?.(first, end);
  }
}
