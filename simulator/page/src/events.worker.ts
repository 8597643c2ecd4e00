/** One stream of events for all windows of a browser that show the page in one language.
 *
 * Over HTTP/1.1 a browser has six connections to a host for all its windows, and a stream keeps one:
 * with one each, the sixth window would stop every other. */

import { EVENTS, type FromWorker, type ToWorker } from "./event_names";

const language = new URLSearchParams(location.search).get("language") ?? "en";
const pages = new Set<MessagePort>();
let source: EventSource | null = null;
let cursor = 0; // of the last event, or what the stream began after
let opened = false;

function tell(what: FromWorker): void {
  for (const page of pages) page.postMessage(what);
}

function close(): void {
  source?.close();
  source = null;
  opened = false;
}

function open(after: number): void {
  close();
  cursor = after;
  const mine = (source = new EventSource(`api/events?${new URLSearchParams({ after: String(after), language })}`));
  mine.onopen = () => {
    opened = true;
    tell({ opened: true });
  };
  mine.onerror = () => {
    if (source !== mine) return;
    close();
    tell({ lost: true });
    pages.clear(); // each fetches the whole state, and follows again
  };
  for (const name of EVENTS) {
    mine.addEventListener(name, (event) => {
      const { data, lastEventId } = event as MessageEvent<string>;
      cursor = Number(lastEventId);
      tell({ name, data, id: cursor });
    });
  }
}

function receive(page: MessagePort, what: ToWorker): void {
  if ("ping" in what) return page.postMessage({ pong: true } satisfies FromWorker);
  if ("leave" in what) {
    pages.delete(page);
    if (pages.size === 0) close();
    return;
  }
  pages.add(page);
  // To the others, what comes once more is nothing new: an event holds its object as it is now.
  if (!source || cursor > what.after) open(what.after);
  else if (opened) page.postMessage({ opened: true } satisfies FromWorker);
}

(globalThis as unknown as { onconnect: (event: MessageEvent) => void }).onconnect = (event) => {
  const page = event.ports[0] as MessagePort;
  page.onmessage = ({ data }: MessageEvent<ToWorker>) => receive(page, data);
};
