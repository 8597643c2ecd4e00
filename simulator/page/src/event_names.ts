/** What the stream of events holds, and what a page and the worker that shares it tell each other. */

export const EVENTS = [
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
export type EventName = (typeof EVENTS)[number];

export type ToWorker = { after: number } | { leave: true } | { ping: true };
export type FromWorker =
  | { opened: true }
  | { lost: true }
  | { pong: true }
  | { name: EventName; data: string; id: number };
