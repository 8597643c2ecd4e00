/** What the page knows of the server, and who wants to hear of changes. */

import { perFrame } from "./dom";
import { EventStream, type EventName } from "./events";
import type { Algorithm, Deleted, Forgotten, Instance, Run, Snapshot, Source, Workflow } from "./types";

export type Topic = EventName | "connection";
type Listener = (data: unknown) => void;

class Store {
  ready = false;
  connected = true;
  version = "";
  mode = "";
  source: Source = { name: "", ok: true, error: null, failures: [] };
  algorithm: Algorithm | null = null;
  canStart = false;
  workflow: Workflow | null = null;
  instances = new Map<string, Instance>();
  runs = new Map<number, Run>();
  private listeners = new Map<Topic, Set<Listener>>();
  private stream = new EventStream(
    (name, data) => this.receive(name, data),
    (yes) => {
      if (this.connected === yes) return;
      this.connected = yes;
      this.emit("connection");
    },
  );

  /** Calls `listener` on each change of the topics; returns what ends that. */
  on(topics: Topic[], listener: Listener): () => void {
    for (const topic of topics) {
      if (!this.listeners.has(topic)) this.listeners.set(topic, new Set());
      this.listeners.get(topic)?.add(listener);
    }
    return () => topics.forEach((topic) => this.listeners.get(topic)?.delete(listener));
  }

  /** Like `on`, but at most once per frame, for work that shows the present state. */
  onFrame(topics: Topic[], work: () => void): () => void {
    const ask = perFrame(work);
    const stop = this.on(topics, ask);
    return () => {
      stop();
      ask.cancel();
    };
  }

  private emit(topic: Topic, data: unknown = null): void {
    for (const listener of [...(this.listeners.get(topic) ?? [])]) listener(data);
  }

  /** Instances, those that were last_received of last first. */
  listInstances(): Instance[] {
    return [...this.instances.values()].sort(
      (a, b) => (b.first_ms ?? Infinity) - (a.first_ms ?? Infinity) || (a.id < b.id ? 1 : -1),
    );
  }

  /** Runs, the newest first. */
  listRuns(): Run[] {
    return [...this.runs.values()].sort((a, b) => b.id - a.id);
  }

  private replace(state: Snapshot): void {
    this.ready = true;
    this.version = state.version;
    this.mode = state.mode;
    this.source = state.source;
    this.algorithm = state.algorithm;
    this.canStart = state.can_start;
    this.workflow = state.workflow;
    this.instances = new Map(state.instances.map((i) => [i.id, i]));
    this.runs = new Map(state.runs.map((r) => [r.id, r]));
  }

  private forget(id: string): void {
    this.instances.delete(id);
    for (const run of [...this.runs.values()]) if (run.instance === id) this.runs.delete(run.id);
  }

  private receive(name: EventName, data: unknown): void {
    switch (name) {
      case "state":
        this.replace(data as Snapshot);
        break;
      case "instance":
        this.instances.set((data as Instance).id, data as Instance);
        break;
      case "forgotten":
        this.forget((data as Forgotten).instance);
        break;
      case "run":
        this.runs.set((data as Run).id, data as Run);
        break;
      case "deleted":
        this.runs.delete((data as Deleted).run);
        return this.emit("forgotten", data); // for a view it is the same
      case "source":
        this.source = data as Source;
        break;
      case "algorithm":
        this.algorithm = data as Algorithm | null;
        break;
      case "workflow":
        this.workflow = data as Workflow | null;
        break;
    }
    this.emit(name, data);
  }

  /** Follows the server from now on; again, when the language of its reasons has changed. */
  follow(): void {
    void this.stream.start();
  }
}

export const store = new Store();
