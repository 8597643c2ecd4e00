/** The lines of a log by their rank, fetched page by page as they come into sight. */

import type { LogLine, LogLines } from "../types";

export const PAGE = 200; // lines
const KEPT = 100; // pages

export class LinePages {
  begin = 0;
  end = 0;
  private pages = new Map<number, (LogLine | undefined)[]>(); // what was used last is the last
  private turn = 0;
  private busy = false;

  /** @param load asks the server for lines from a rank on; null: the last ones
   * @param arrived called when lines have come
   * @param failed called when they cannot be had */
  constructor(
    private load: (at: number | null, limit: number) => Promise<LogLines>,
    private arrived: () => void,
    private failed: (text: string) => void,
  ) {}

  get(rank: number): LogLine | undefined {
    return this.pages.get(Math.floor(rank / PAGE))?.[rank % PAGE];
  }

  /** Forgets everything; answers that are under way are dropped. */
  clear(): void {
    this.turn++;
    this.busy = false;
    this.begin = this.end = 0;
    this.pages.clear();
  }

  /** Fetches the last lines; returns whether that worked. */
  async newest(): Promise<boolean> {
    return this.ask(null);
  }

  /** Fetches what was added: the last line may have grown, too. */
  async newer(): Promise<boolean> {
    return this.ask(this.end ? this.end - 1 : null);
  }

  /** Fetches the first of these lines that are not here, unless another request is under way. */
  want(first: number, stop: number): void {
    if (this.busy) return; // when it is over, the list is drawn, and asks again
    for (let rank = first; rank < stop; rank++) {
      if (this.get(rank)) continue;
      this.busy = true;
      void this.ask(Math.max(this.begin, rank - (rank % PAGE))).then((good) => {
        if (!good) this.busy = false;
      });
      return;
    }
  }

  private async ask(at: number | null): Promise<boolean> {
    const { turn } = this;
    try {
      const answer = await this.load(at, PAGE);
      if (turn !== this.turn) return false;
      this.busy = false;
      this.take(answer);
      this.arrived();
      return true;
    } catch (error) {
      if (turn === this.turn) this.failed((error as Error).message);
      return false;
    }
  }

  private take({ begin, end, at, lines }: LogLines): void {
    // What was the last line may have grown before others followed it.
    const last = this.end - 1;
    if (end > this.end && last >= 0) {
      const page = this.pages.get(Math.floor(last / PAGE));
      if (page) page[last % PAGE] = undefined;
    }
    this.begin = begin;
    this.end = end;
    lines.forEach((line, place) => {
      const page = Math.floor((at + place) / PAGE);
      const found = this.pages.get(page) ?? [];
      found[(at + place) % PAGE] = line;
      this.pages.delete(page);
      this.pages.set(page, found);
    });
    for (const page of this.pages.keys()) {
      if (this.pages.size <= KEPT) break;
      this.pages.delete(page);
    }
  }
}
