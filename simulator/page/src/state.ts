/** What the page knows of the server, and who wants to hear of changes. */

import { perFrame } from "./dom";
import { EventStream } from "./events";
import type { EventName } from "./event_names";
import { get } from "./transport";
import type { Algorithm, Deleted, Forgotten, Instance, Metric, Run, Snapshot, Source, Workflow } from "./types";

export type Topic = EventName | "connection";
const MOST_RUNS = 100; // of one request
const MOST_NAMES = 50;
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
  /** Of metrics, those that most runs have first. */
  metricNames: string[] = [];
  private partial = new Set<number>(); // runs whose metrics are not all here, or are not those of now
  private asked = new Set<string>(); // names of metrics that were asked for of all runs
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
    this.metricNames = state.metric_names;
    this.partial.clear();
    this.asked.clear();
    const former = this.runs;
    this.runs = new Map(
      state.runs.map((run) => {
        if (run.metrics.length < run.metric_count) this.partial.add(run.id);
        for (const metric of run.metrics) this.asked.add(metric.name);
        // What was shown stays until it is fetched again, if it is of the same run.
        const old = former.get(run.id);
        const same = old?.instance === run.instance && old.started_ms === run.started_ms;
        return [run.id, same ? withMetrics(run, old.metrics, run.metrics) : run];
      }),
    );
  }

  /** Whether metrics of a run are missing, or are those of before the connection was lost. */
  isPartial(run: number): boolean {
    return this.partial.has(run);
  }

  /** Fetches all metrics of runs of which only a few are here. */
  needMetrics(runs: Run[]): void {
    const ids = runs.map((run) => run.id).filter((id) => this.partial.delete(id));
    for (let at = 0; at < ids.length; at += MOST_RUNS) {
      const some = ids.slice(at, at + MOST_RUNS);
      void this.fetchMetrics(`run=${some.join(",")}`, () => some.forEach((id) => this.partial.add(id)));
    }
  }

  /** Fetches these metrics of all runs, unless that was done. */
  needNamed(names: string[]): void {
    const missing = names.filter((name) => !this.asked.has(name)).slice(0, MOST_NAMES);
    if (!missing.length || !this.partial.size) return;
    missing.forEach((name) => this.asked.add(name));
    const query = missing.map((name) => `name=${encodeURIComponent(name)}`).join("&");
    void this.fetchMetrics(query, () => missing.forEach((name) => this.asked.delete(name)));
  }

  private async fetchMetrics(query: string, failed: () => void): Promise<void> {
    const { runs } = this;
    const found = await get<{ runs: { run: number; metrics: Metric[] }[] }>(`metrics?${query}`).catch(() => null);
    if (this.runs !== runs) return; // there is another state, and whoever needs them asks again
    if (!found) return failed(); // a banner tells it, and the next event asks again
    for (const { run, metrics } of found.runs) {
      const known = runs.get(run);
      if (known) runs.set(run, withMetrics(known, known.metrics, metrics));
    }
    this.emit("run");
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
        this.partial.delete((data as Run).id);
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

/** The run with these metrics; the later ones of a name count. */
function withMetrics(run: Run, ...lists: Metric[][]): Run {
  const all = new Map(lists.flat().map((metric) => [metric.name, metric]));
  return { ...run, metrics: [...all.values()] };
}

export const store = new Store();
