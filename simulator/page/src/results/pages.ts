/** Results of a query, fetched page by page as they come into sight. */

import { get, isAbort, type Query } from "../transport";
export const PAGE = 120;

export interface Answer<T> {
  total: number;
  items: T[];
}

export class Pages<T> {
  total = 0;
  private items = new Map<number, T>();
  private pending = new Set<number>();
  private fresh = new Map<number, number>(); // page → the growth that its answer knew of
  private growth = 0;
  private control = new AbortController();

  constructor(
    private path: string,
    private query: Query,
    private arrived: (answer: Answer<T>) => void,
    private failed: (text: string) => void,
  ) {}

  get(index: number): T | null {
    return this.items.get(index) ?? null;
  }

  /** Sees to it that the items from `first` to before `end` come. */
  want(first: number, end: number): void {
    for (let page = Math.floor(first / PAGE); page * PAGE < Math.max(end, 1); page++) {
      if (!this.pending.has(page) && this.fresh.get(page) !== this.growth) {
        void this.fetch(page);
      }
    }
  }

  /** More results came: what is known may have changed, and stays until the new answer. */
  invalidate(): void {
    this.growth++;
  }

  close(): void {
    this.control.abort();
  }

  /** An item that may not be in sight, for the lightbox. */
  async load(index: number): Promise<T | null> {
    if (!this.items.has(index)) await this.fetch(Math.floor(index / PAGE));
    return this.get(index);
  }

  private async fetch(page: number): Promise<void> {
    const { growth } = this;
    this.pending.add(page);
    try {
      const query = { ...this.query, offset: page * PAGE, limit: PAGE };
      const answer = await get<Answer<T>>(this.path, query, this.control.signal);
      this.fresh.set(page, growth);
      this.total = answer.total;
      answer.items.forEach((item, place) => this.items.set(page * PAGE + place, item));
      for (const index of [...this.items.keys()]) if (index >= answer.total) this.items.delete(index);
      this.pending.delete(page);
      this.arrived(answer);
    } catch (error) {
      this.pending.delete(page);
      if (!isAbort(error)) this.failed((error as Error).message);
    }
  }
}
