/** The stream of what changes; it reconnects by itself. */

import type { EventName } from "./event_names";
import { follow } from "./feed";
import { get, LIVE } from "./transport";
import type { Snapshot } from "./types";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 2000;

/** Follows /api/events. After a loss the whole state is fetched again before the stream goes on,
 * so what the page shows is right also if the server is another process by now.
 *
 * A tab that is not shown has no stream: it would only make work. When it is shown again it goes on
 * behind the last event that it has received; to a server that does not know that number, the whole
 * state is the first event. */
export class EventStream {
  private end: (() => void) | null = null; // of the stream
  private pause = FIRST_PAUSE_MS;
  private timer = 0;
  private cursor: number | null = null; // of the last event; null: there is no state yet
  private turn = 0; // counts the attempts, so that a late answer to an earlier one is dropped

  constructor(
    private receive: (name: EventName, data: unknown) => void,
    private connected: (yes: boolean) => void,
  ) {
    document.addEventListener("visibilitychange", () => {
      if (!LIVE) return;
      if (document.hidden) this.close();
      else if (this.cursor === null) void this.start();
      else this.open(this.cursor);
    });
  }

  /** Connects; what was connected before is closed. */
  async start(): Promise<void> {
    const turn = this.close();
    const state = await get<Snapshot>("state").catch(() => null);
    if (turn !== this.turn) return;
    if (!state) return this.lost(); // a banner tells it
    this.receive("state", state);
    this.cursor = state.cursor;
    if (LIVE && !document.hidden) this.open(state.cursor);
  }

  private close(): number {
    clearTimeout(this.timer);
    this.end?.();
    this.end = null;
    return ++this.turn;
  }

  private open(cursor: number): void {
    this.close();
    const turn = this.turn;
    this.end = follow(cursor, {
      opened: () => {
        if (turn !== this.turn) return;
        this.pause = FIRST_PAUSE_MS;
        this.connected(true);
      },
      lost: () => {
        if (turn === this.turn) this.lost();
      },
      event: (name, data, id) => {
        if (turn !== this.turn) return;
        this.cursor = id;
        this.receive(name, JSON.parse(data));
      },
    });
  }

  private lost(): void {
    this.close();
    this.cursor = null;
    this.connected(false);
    this.timer = window.setTimeout(() => void this.start(), this.pause);
    this.pause = Math.min(LONGEST_PAUSE_MS, this.pause * 1.5);
  }
}
