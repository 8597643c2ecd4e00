/** A page's way to the stream of events: shared with other windows where the browser can do that. */

import { EVENTS, type EventName, type FromWorker, type ToWorker } from "./event_names";
import { language } from "./i18n";
import { url } from "./transport";

export interface Feed {
  opened(): void;
  lost(): void;
  event(name: EventName, data: string, id: number): void;
}

const FORM = 1; // of the messages: a worker lives on while windows of an earlier page are open
const PING_MS = 10_000;

/** Follows the events after a cursor; returns what ends that. */
export function follow(after: number, feed: Feed): () => void {
  return typeof SharedWorker === "undefined" ? alone(after, feed) : shared(after, feed);
}

function alone(after: number, feed: Feed): () => void {
  // An EventSource sets no headers, so the language is a parameter.
  const source = new EventSource(url("events", { after, language: language() }));
  source.onopen = () => feed.opened();
  source.onerror = () => feed.lost();
  for (const name of EVENTS) {
    source.addEventListener(name, (event) => {
      const { data, lastEventId } = event as MessageEvent<string>;
      feed.event(name, data, Number(lastEventId));
    });
  }
  return () => source.close();
}

function shared(after: number, feed: Feed): () => void {
  const worker = new SharedWorker(`events.js?${new URLSearchParams({ form: String(FORM), language: language() })}`);
  const { port } = worker;
  const post = (what: ToWorker): void => port.postMessage(what);
  let end = (): void => {
    clearInterval(timer);
    post({ leave: true });
    port.close();
  };
  let answered = true;
  const timer = window.setInterval(() => {
    if (!answered) return feed.lost(); // the browser has ended it
    answered = false;
    post({ ping: true });
  }, PING_MS);
  worker.onerror = () => {
    end();
    end = alone(after, feed); // it cannot be loaded
  };
  port.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    answered = true;
    if ("opened" in data) feed.opened();
    else if ("lost" in data) feed.lost();
    else if ("name" in data) feed.event(data.name, data.data, data.id);
  };
  post({ after });
  return () => end();
}
