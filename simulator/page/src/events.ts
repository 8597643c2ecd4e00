/** The stream of what changes; it reconnects by itself. */

import { language } from "./i18n";
import { get, LIVE, url } from "./transport";
import type { Snapshot } from "./types";

const EVENTS = [
  "state",
  "instance",
  "forgotten",
  "run",
  "deleted",
  "source",
  "algorithm",
  "workflow",
  "log",
  "messages",
  "sends",
] as const;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 2000;

export type EventName = (typeof EVENTS)[number];

/** Follows /api/events. After a loss the whole state is fetched again before the stream goes on,
 * so what the page shows is right also if the server is another process by now.
 *
 * Over HTTP/1.1 a browser has six connections to a host for all its tabs, and a stream keeps one:
 * the sixth tab would stop every other, without a message. So a tab that is not shown has no
 * stream. When it is shown again it goes on behind the last event that it has received; to a server
 * that does not know that number, the whole state is the first event. */
export class EventStream {
  private source: EventSource | null = null;
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
    this.source?.close();
    this.source = null;
    return ++this.turn;
  }

  private open(cursor: number): void {
    this.close();
    // An EventSource sets no headers, so the language is a parameter.
    const source = new EventSource(url("events", { after: cursor, language: language() }));
    this.source = source;
    source.onopen = () => {
      this.pause = FIRST_PAUSE_MS;
      this.connected(true);
    };
    source.onerror = () => {
      if (this.source === source) this.lost();
    };
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => {
        const { data, lastEventId } = event as MessageEvent<string>;
        this.cursor = Number(lastEventId);
        this.receive(name, JSON.parse(data));
      });
    }
  }

  private lost(): void {
    this.close();
    this.cursor = null;
    this.connected(false);
    this.timer = window.setTimeout(() => void this.start(), this.pause);
    this.pause = Math.min(LONGEST_PAUSE_MS, this.pause * 1.5);
  }
}
