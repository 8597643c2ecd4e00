/** What the page knows of the server, and who wants to hear of changes. */

import { get, EventStream, type EventName } from "./transport";
import type { Algorithm, Flow, Instance, Run, Snapshot, Source } from "./types";

export type Topic = EventName | "connection";
type Listener = (data: unknown) => void;

class Store {
  ready = false;
  connected = true;
  version = "";
  mode = "";
  source: Source = { name: "", ok: true, error: null };
  algorithm: Algorithm | null = null;
  canStart = false;
  flow: Flow | null = null;
  instances = new Map<string, Instance>();
  runs = new Map<number, Run>();
  private listeners = new Map<Topic, Set<Listener>>();

  /** Calls `listener` on each change of the topics; returns what ends that. */
  on(topics: Topic[], listener: Listener): () => void {
    for (const topic of topics) {
      if (!this.listeners.has(topic)) this.listeners.set(topic, new Set());
      this.listeners.get(topic)?.add(listener);
    }
    return () => topics.forEach((topic) => this.listeners.get(topic)?.delete(listener));
  }

  emit(topic: Topic, data: unknown = null): void {
    for (const listener of [...(this.listeners.get(topic) ?? [])]) listener(data);
  }

  /** Instances, those that were heard of last first. */
  listInstances(): Instance[] {
    return [...this.instances.values()].sort(
      (a, b) => (b.first_ms ?? Infinity) - (a.first_ms ?? Infinity) || (a.id < b.id ? 1 : -1),
    );
  }

  /** Runs, the newest first. */
  listRuns(): Run[] {
    return [...this.runs.values()].sort((a, b) => b.id - a.id);
  }

  replace(state: Snapshot): void {
    this.ready = true;
    this.version = state.version;
    this.mode = state.mode;
    this.source = state.source;
    this.algorithm = state.algorithm;
    this.canStart = state.can_start;
    this.flow = state.flow;
    this.instances = new Map(state.instances.map((i) => [i.id, i]));
    this.runs = new Map(state.runs.map((r) => [r.id, r]));
  }

  receive(name: EventName, data: unknown): void {
    switch (name) {
      case "state":
        this.replace(data as Snapshot);
        break;
      case "instance":
        this.instances.set((data as Instance).id, data as Instance);
        break;
      case "run":
        this.runs.set((data as Run).id, data as Run);
        break;
      case "source":
        this.source = data as Source;
        break;
      case "algorithm":
        this.algorithm = data as Algorithm | null;
        break;
      case "flow":
        this.flow = data as Flow | null;
        break;
    }
    this.emit(name, data);
  }

  follow(): Promise<void> {
    const stream = new EventStream(
      async () => {
        const state = await get<Snapshot>("state");
        this.receive("state", state);
        return state.cursor;
      },
      (name, data) => this.receive(name, data),
      (yes) => {
        if (this.connected === yes) return;
        this.connected = yes;
        this.emit("connection");
      },
    );
    return stream.start();
  }
}

export const store = new Store();
