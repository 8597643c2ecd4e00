/** The gallery: a grid of which only the visible part exists. */

import { h, show } from "../dom";
import { t } from "../i18n";
import type { Query } from "../transport";
import { notice } from "../ui";
import { VirtualGrid } from "../virtual";
import { openLightbox, type Pane } from "./lightbox";
import { Pages, type Answer } from "./pages";

export interface TileOf<T> {
  element: HTMLElement;
  /** @param item null: it is on its way */
  show(item: T | null): void;
}

/** What a gallery is of. */
export interface GalleryItems<T> {
  /** The API's path. */
  path: string;
  tile(open: () => void): TileOf<T>;
  /** The pictures of an item in large, beside each other. */
  panes(item: T): Pane[];
}

export class Gallery<T> {
  private feedback = notice();
  private nothing = h("p", { class: "hint" }, t("no_matches"));
  private grid: VirtualGrid;
  private pages: Pages<T> | null = null;
  private tiles = new WeakMap<HTMLElement, { tile: TileOf<T>; index: number }>();
  // One tile alone is reached by Tab; arrow keys go on from there. Elements are used again for
  // other tiles, so their order in the document is no order to walk in.
  private current = 0;
  readonly element: HTMLElement;

  constructor(
    scroller: HTMLElement,
    private items: GalleryItems<T>,
    private arrived: (answer: Answer<T>) => void,
    cellWidth = 132,
  ) {
    this.grid = new VirtualGrid({
      scroller,
      rowHeight: 168,
      cellWidth,
      create: () => this.create(),
      fill: (cell, index) => this.fill(cell, index),
      visible: (first, end) => this.seen(first, end),
    });
    this.grid.element.classList.add("gallery");
    this.grid.element.setAttribute("role", "group");
    this.grid.element.setAttribute("aria-label", t("gallery"));
    this.grid.element.addEventListener("keydown", (event) => this.walk(event));
    this.element = h("div", {}, this.feedback.element, this.grid.element, this.nothing);
    show(this.nothing, false);
  }

  /** Shows the results of another query. */
  ask(query: Query): void {
    this.pages?.close();
    const pages = new Pages<T>(
      this.items.path,
      query,
      (answer) => this.show(pages, answer),
      (text) => this.feedback.show(text, true),
    );
    this.pages = pages;
    pages.want(0, 1);
  }

  /** More results were reported. */
  grown(): void {
    this.pages?.invalidate();
    if (this.grid.count === 0) this.pages?.want(0, 1);
    this.grid.render();
  }

  refresh(): void {
    this.grid.refresh();
  }

  destroy(): void {
    this.pages?.close();
    this.grid.destroy();
  }

  private show(pages: Pages<T>, answer: Answer<T>): void {
    if (pages !== this.pages) return;
    this.feedback.show("");
    this.grid.count = pages.total;
    show(this.nothing, pages.total === 0);
    this.arrived(answer);
    this.grid.refresh();
  }

  private seen(first: number, end: number): void {
    this.pages?.want(first, end);
    if (this.current < first || this.current >= end) this.current = first;
    for (let index = first; index < end; index++) {
      const known = this.tiles.get(this.grid.cell(index) as HTMLElement);
      if (known) known.tile.element.tabIndex = index === this.current ? 0 : -1;
    }
  }

  private create(): HTMLElement {
    const tile = this.items.tile(() => this.open(cell));
    const cell = h("div", { class: "cell" }, tile.element);
    this.tiles.set(cell, { tile, index: -1 });
    return cell;
  }

  private fill(cell: HTMLElement, index: number): void {
    const known = this.tiles.get(cell);
    if (!known) return;
    known.index = index;
    known.tile.show(this.pages?.get(index) ?? null);
  }

  private open(cell: HTMLElement): void {
    const index = this.tiles.get(cell)?.index ?? -1;
    const { pages } = this;
    if (index < 0 || !pages) return;
    openLightbox({
      index,
      total: () => pages.total,
      panes: async (place) => {
        const item = await pages.load(place);
        return item && this.items.panes(item);
      },
      closed: (place) => this.focus(place),
    });
  }

  private focus(index: number): void {
    this.current = index;
    this.grid.scrollTo(index);
    this.grid.cell(index)?.querySelector("button")?.focus();
  }

  /** Arrow keys walk over the grid, Home and End to its ends. */
  private walk(event: KeyboardEvent): void {
    const cell = (event.target as HTMLElement).closest<HTMLElement>(".cell");
    const index = cell ? (this.tiles.get(cell)?.index ?? -1) : -1;
    const { columns, count } = this.grid;
    const steps: Record<string, number> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -columns,
      ArrowDown: columns,
      Home: -index,
      End: count - 1 - index,
    };
    const step = steps[event.key];
    if (index < 0 || step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const next = index + step;
    if (next >= 0 && next < count) this.focus(next);
  }
}
