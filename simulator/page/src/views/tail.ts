/** The loaded part of a long list that grows at its end, as a scrolling window over it. */

import { h } from "../dom";
import { VirtualGrid } from "../virtual";

export interface TailOptions<T> {
  rowHeight: number;
  label: string;
  id(item: T): number;
  /** Items before or after the one with the given id, or the newest (null); ascending. */
  load(where: { before?: number; after?: number } | null): Promise<T[]>;
  create(): HTMLElement;
  fill(element: HTMLElement, item: T): void;
  failed(text: string): void;
  /** Whether the newest is kept in sight; scrolling up ends that. */
  followed(yes: boolean): void;
}

const KEEP = 50_000; // items in memory; beyond it the far end is forgotten

export class Tail<T> {
  items: T[] = [];
  follow = true;
  readonly scroller: HTMLElement;
  private grid: VirtualGrid;
  private busy = false;
  private more = false; // something new was said while a request was under way
  private complete = false; // the beginning is loaded
  private turn = 0; // counts the queries, so that an old answer is recognised

  constructor(private options: TailOptions<T>) {
    this.scroller = h("div", { class: "tail", tabindex: "0", role: "log", "aria-label": options.label, "aria-live": "off" });
    this.grid = new VirtualGrid({
      scroller: this.scroller,
      rowHeight: options.rowHeight,
      create: options.create,
      fill: (element, index) => {
        const item = this.items[index];
        if (item !== undefined) options.fill(element, item);
      },
      visible: (first) => {
        if (first < 50) void this.older();
      },
    });
    this.scroller.append(this.grid.element);
    this.scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
  }

  /** Begins anew at the end: the query has changed. */
  async restart(): Promise<void> {
    const turn = ++this.turn;
    try {
      const items = await this.options.load(null);
      if (turn !== this.turn) return;
      this.complete = items.length === 0;
      this.replace(items);
      if (this.follow) this.toEnd();
    } catch (error) {
      if (turn === this.turn) this.options.failed((error as Error).message);
    }
  }

  /** Fetches what was added at the end. */
  async newer(): Promise<void> {
    const last = this.items.at(-1);
    if (!last) return this.restart();
    if (this.busy) {
      this.more = true;
      return;
    }
    await this.exclusive(async (turn) => {
      const items = await this.options.load({ after: this.options.id(last) });
      if (turn !== this.turn || !items.length) return;
      this.more = true; // until an answer is empty
      const all = this.items.concat(items);
      this.replace(all.length > KEEP ? all.slice(-KEEP) : all);
      if (this.follow) this.toEnd();
    });
    if (this.more) {
      this.more = false;
      await this.newer();
    }
  }

  setFollow(yes: boolean): void {
    this.follow = yes;
    if (yes) this.toEnd();
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

  private async older(): Promise<void> {
    const first = this.items[0];
    if (!first || this.busy || this.complete) return;
    await this.exclusive(async (turn) => {
      const items = await this.options.load({ before: this.options.id(first) });
      if (turn !== this.turn) return;
      this.complete = items.length === 0;
      const top = this.scroller.scrollTop;
      this.replace(items.concat(this.items));
      this.scroller.scrollTop = top + items.length * this.options.rowHeight;
    });
  }

  private async exclusive(work: (turn: number) => Promise<void>): Promise<void> {
    this.busy = true;
    try {
      await work(this.turn);
    } catch (error) {
      this.more = false;
      this.options.failed((error as Error).message);
    }
    this.busy = false;
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
