/** The loaded part of a long list that grows at its end, as a scrolling window over it. */

import { h } from "../dom";
import { VirtualGrid } from "../virtual";

export interface Loaded<T> {
  items: T[];
  /** How many there are altogether. */
  total: number;
}

export interface TailOptions<T> {
  /** The scrolling element; receives the list. */
  scroller: HTMLElement;
  rowHeight: number;
  id(item: T): number;
  /** Items before or after the one with the given id, or the newest (null); ascending. */
  load(where: { before?: number; after?: number } | null): Promise<Loaded<T>>;
  create(): HTMLElement;
  fill(element: HTMLElement, item: T, index: number): void;
  /** Called with each answer that was used. */
  arrived(total: number): void;
  failed(text: string): void;
  /** Whether the newest is kept in sight; scrolling up ends that. */
  followed(yes: boolean): void;
}

const KEEP = 50_000; // items in memory
const BEFORE = 50; // rows from the beginning at which older ones are fetched

export class Tail<T> {
  items: T[] = [];
  follow = true;
  private grid: VirtualGrid;
  private scroller: HTMLElement;
  // One request at a time; a new query replaces it, and its answer is dropped.
  private turn = 0;
  private busy = false;
  private more = false; // something new was reported while a request was under way
  private complete = false; // the beginning is loaded
  private cut = false; // newer items were not loaded, so as not to lose those that are read

  constructor(private options: TailOptions<T>) {
    this.scroller = options.scroller;
    this.grid = new VirtualGrid({
      scroller: this.scroller,
      rowHeight: options.rowHeight,
      create: options.create,
      fill: (element, index) => {
        const item = this.items[index];
        if (item !== undefined) options.fill(element, item, index);
      },
      visible: (first) => {
        if (first < BEFORE) this.older();
      },
    });
    this.scroller.append(this.grid.element);
    this.scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
  }

  /** Begins anew at the end: the query has changed. */
  restart(): void {
    this.turn++;
    this.more = this.cut = false;
    void this.request(null, ({ items }) => {
      this.complete = items.length === 0;
      this.replace(items);
      if (this.follow) this.toEnd();
    });
  }

  /** Fetches what was added at the end. */
  newer(): void {
    const last = this.items.at(-1);
    if (this.busy) this.more = true;
    else if (!last) this.restart();
    else if (!this.follow && this.items.length >= KEEP) this.cut = true;
    else {
      void this.request({ after: this.options.id(last) }, ({ items }) => {
        if (!items.length) return;
        this.more = true; // until an answer is empty
        const all = this.items.concat(items);
        const gone = Math.max(0, all.length - KEEP);
        if (gone) this.complete = false;
        this.replace(gone ? all.slice(gone) : all);
        if (this.follow) this.toEnd();
        else if (gone) this.scroller.scrollTop -= gone * this.options.rowHeight;
      });
    }
  }

  setFollow(yes: boolean): void {
    this.follow = yes;
    if (!yes) return;
    if (this.cut) this.restart();
    else this.toEnd();
  }

  /** Shows the items anew: their look has changed. */
  refresh(): void {
    this.grid.refresh();
  }

  scrollTo(index: number): void {
    this.grid.scrollTo(index);
  }

  destroy(): void {
    this.turn++;
    this.grid.destroy();
  }

  private older(): void {
    const first = this.items[0];
    if (!first || this.busy || this.complete || this.items.length >= 2 * KEEP) return;
    void this.request({ before: this.options.id(first) }, ({ items }) => {
      this.complete = items.length === 0;
      const top = this.scroller.scrollTop;
      this.replace(items.concat(this.items));
      this.scroller.scrollTop = top + items.length * this.options.rowHeight;
    });
  }

  private async request(
    where: { before?: number; after?: number } | null,
    use: (answer: Loaded<T>) => void,
  ): Promise<void> {
    const { turn } = this;
    this.busy = true;
    try {
      const answer = await this.options.load(where);
      if (turn !== this.turn) return;
      this.busy = false;
      this.options.arrived(answer.total); // first: it shows the list, which then has a height
      use(answer);
    } catch (error) {
      if (turn !== this.turn) return;
      this.busy = this.more = false; // the next event, or scrolling, asks again
      this.options.failed((error as Error).message);
    }
    if (!this.more) return;
    this.more = false;
    this.newer();
  }

  private replace(items: T[]): void {
    this.items = items;
    this.grid.element.style.height = `${items.length * this.options.rowHeight}px`;
    this.grid.count = items.length;
    this.grid.refresh();
  }

  private toEnd(): void {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  private scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const atEnd = scrollHeight - scrollTop - clientHeight < this.options.rowHeight;
    if (this.follow === atEnd) return;
    this.follow = atEnd;
    this.options.followed(atEnd);
  }
}

/** The scrolling element of a list: reachable by keyboard, which then scrolls it. */
export function scroller(label: string, role: string): HTMLElement {
  return h("div", { class: "tail", tabindex: "0", role, "aria-label": label, "aria-live": "off" });
}
