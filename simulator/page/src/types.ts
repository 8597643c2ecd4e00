/** What the server's API says, as its JSON has it. Times are milliseconds since 1970. */

export type Kind = "train" | "evaluate" | "infer";
export type Step = Kind;
export type State = "starting" | "ready" | "running" | "paused" | "stopping" | "ended" | "stopped" | "failed" | "lost" | "unknown";
export type Outcome = "right" | "wrong" | "missed" | "false" | "none";
/** `relative`: since the run began. */
export type Axis = "step" | "epoch" | "time" | "relative";
export type Mark = "NaN" | "Infinity" | "-Infinity";
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface Delivery {
  sidecar: "running" | "not running" | "unknown";
  sink: string | null;
  delivered: number | null;
  undelivered: number | null;
  undelivered_bytes: number | null;
  oldest_s: number | null;
  retries: number | null;
  dropped: number | null;
  dead_letters: number | null;
  last_error: string | null;
  /** What endangers or slows delivery that works. */
  warnings: string[];
  at_ms: number | null;
}

export interface Instance {
  id: string;
  kind: Kind | null;
  state: State;
  reason: string;
  owned: boolean;
  /** What runs it; empty if it was attached. */
  engine: "" | "process" | "docker" | "kubernetes";
  protocol: "http" | "tcp" | null;
  address: string | null;
  first_ms: number | null;
  last_ms: number | null;
  last: string;
  messages: number;
  duplicates: number;
  malformed: number;
  progress: number | null;
  remaining_s: number | null;
  run: number | null;
  /** Which of its logs can be read. */
  logs: LogName[];
  delivery: Delivery | null;
}

/** An instance of which nothing is kept any more. */
export interface Forgotten {
  instance: string;
}

export interface Metric {
  name: string;
  points: number;
  last: number | Mark | null;
  /** The lowest and the highest finite value; null while there is none. */
  low: number | null;
  high: number | null;
}

export interface Run {
  id: number;
  instance: string;
  kind: Kind | null;
  number: number;
  started_ms: number;
  ended_ms: number | null;
  status: number | null;
  message: string;
  /** Somebody stopped it: it has not failed by itself. */
  stopped: boolean;
  progress: number | null;
  epoch: number | null;
  /** Whether points lie within epochs: those of epoch 3 between 3 and 4, its end at 4. */
  by_batch: boolean;
  remaining_s: number | null;
  /** In the list of all runs those that most runs have; `metric_count` tells how many there are. */
  metrics: Metric[];
  metric_count: number;
  results: number;
  images: number;
  /** Of the request that began it; nested ones by a path: `special_params.lr`. */
  params: { [path: string]: null | boolean | number | string };
  name: string;
  note: string;
  tags: string[];
  /** Of the colours in the theme; null: that of its number. */
  hue: number | null;
  hidden: boolean;
  /** Its images are shown as their EXIF data want it; else as they are stored. */
  turned: boolean;
}

/** What people note on a run. */
export type Annotation = Pick<Run, "name" | "note" | "tags" | "hue" | "hidden" | "turned">;

/** A run of which nothing is kept any more. */
export interface Deleted {
  run: number;
}

/** With what an instance ran. */
export interface Provenance {
  command: string;
  folder: string;
  host: { name: string; system: string; cpus: number; memory: number; gpus: string[] };
  environment: { [name: string]: string };
  git: { commit: string; branch: string; changed: string[]; changes: number } | null;
  python: { executable: string; version: string; packages: { [name: string]: string } } | null;
  /** What could not be told, and why. */
  problems: string[];
  /** Of its container, in which nothing was looked at; null: none. Absent in runs of before. */
  image?: { name: string; id: string; digest: string } | null;
}

export interface RunDetails {
  run: Run;
  /** Whether this platform started its instance. */
  owned: boolean;
  model: string | null;
  request: { at_ms: number; body: { [name: string]: Json } } | null;
  provenance: Provenance | null;
}

export interface Model {
  path: string;
  name: string;
  epoch: number;
  loss: number | string;
  time_ms: number;
  /** Bytes; null if it cannot be read. */
  size: number | null;
}

export interface Algorithm {
  name: string;
  folder: string;
  protocol: string;
  kinds: Kind[];
  /** Of them, those that the algorithm's files have no method for; empty if that cannot be told. */
  missing: Kind[];
  special_params: { [key: string]: Json };
  data: { classes: string[]; images: string[] } & Record<string, Json>;
  models: Model[];
  /** Path of the one that is taken unless another is named. */
  best: string | null;
}

export interface Source {
  name: string;
  ok: boolean;
  error: string | null;
  /** What threads of the platform failed at, and try again. */
  failures: string[];
}

export interface Workflow {
  state: "running" | "done" | "stopped" | "failed";
  step: Step;
  error: string | null;
  /** What is worth knowing of it: a task was skipped, or there is no model file. */
  note: string | null;
}

export interface Snapshot {
  version: string;
  mode: "embedded" | "kafka";
  source: Source;
  algorithm: Algorithm | null;
  can_start: boolean;
  instances: Instance[];
  runs: Run[];
  /** Of metrics, those that most runs have first. */
  metric_names: string[];
  workflow: Workflow | null;
  cursor: number;
}

export interface Curve {
  x: number[];
  y: number[];
  marks: { x: number; value: Mark }[];
  total: number;
  reduced: boolean;
  extent: [number, number] | null;
}

export interface Prediction {
  truth: string;
  predicted: string;
  conf: number | string | null;
  outcome: Outcome;
  shape_type: Json;
  position: [number, number][] | null;
  special: Json;
}

export interface ResultItem {
  id: number | string;
  img_path: string;
  name: string;
  url: string | null;
  /** Whether it is shown as its EXIF data want it; else as it is stored. */
  turned: boolean;
  /** In pixels as it is shown, if it is known; then `url` has reduced images, too. */
  size: [width: number, height: number] | null;
  /** By what it is shown smaller than it is, since its pixels take too much memory; null: not at
   * all. */
  reduction: number | null;
  /** Why there is no URL, or (`large`) why the file is not shown. */
  why: "kind" | "outside" | "missing" | "large" | null;
  /** A result of the algorithm's own format, as JSON; null: it is one of the platform's. */
  plain: string | null;
  predictions: Prediction[];
  outcome: Outcome;
}

export interface Summary {
  classes: string[];
  /** Truth, prediction (places in `classes`, one past the last: none) and how many: of all pairs
   * that there are, the most frequent confusions first, then what is right. */
  cells: [truth: number, predicted: number, n: number][];
  /** How many confusions there are; not all of a great many are in `cells`. */
  confusions: number;
  accuracy: number | null;
  per_class: {
    class: string;
    precision: number | null;
    recall: number | null;
    f1: number | null;
    support: number;
  }[];
  images: number;
  predictions: number;
  outcomes: Partial<Record<Outcome, number>>;
  /** Whether the truth of any image is known. */
  truth: boolean;
  /** Whether the results are of images. */
  pictures: boolean;
}

export type Quality = Summary["per_class"][number];

export interface PrecisionRecall {
  /** Whether boxes were matched with true ones. */
  by_boxes: boolean;
  /** Predictions without the true box, where others have it. */
  unknown_boxes: number;
  /** From the highest confidence down. */
  points: [recall: number, precision: number, confidence: number][];
  average_precision: number | null;
  mean: number | null;
  mean_50_95: number | null;
  per_class: { class: string; average_precision: number; positives: number }[];
  working: {
    confidence: number;
    right: number;
    false: number;
    missed: number;
    precision: number | null;
    recall: number | null;
    f1: number | null;
  };
}

/** A prediction as a row. */
export interface TableRow {
  id: string;
  truth: string;
  predicted: string;
  confidence: number | string | null;
  outcome: Outcome;
  /** What the algorithm adds. */
  own: { [name: string]: Json };
}

/** Two runs' results beside each other. */
export interface Comparison {
  classes: string[];
  /** Truth, prediction (places in `classes`, one past the last: none), how many in a and in b: what
   * changed most comes first. */
  cells: [truth: number, predicted: number, a: number, b: number][];
  /** How many cells changed; not all of a great many are in `cells`. */
  changed: number;
  /** null: the run does not have the class. */
  per_class: { class: string; a: Quality | null; b: Quality | null }[];
  a: Omit<Summary, "cells" | "per_class" | "pictures">;
  b: Omit<Summary, "cells" | "per_class" | "pictures">;
}

/** Right → a mistake; a mistake → right; neither is right, and the predictions differ. */
export type FlipKind = "broken" | "fixed" | "other";

export interface Flip {
  kind: FlipKind;
  a: ResultItem;
  b: ResultItem;
}

export interface Message {
  id: number;
  topic: string;
  partition: number | null;
  offset: number | null;
  timestamp_ms: number | null;
  headers: Record<string, Json>;
  value: string;
  malformed: string | null;
  repeat: boolean;
  instance: string | null;
}

/** The SDK's log, and what the algorithm wrote to its console. */
export type LogName = "log" | "console";

export interface LogLine {
  n: number;
  time: string;
  /** Empty: it names none. */
  level: string;
  text: string;
}

export interface LogLines {
  /** Ranks among the lines of the level that was asked for: the first that is there, one past the
   * last, and that of the first one in `lines`. */
  begin: number;
  end: number;
  at: number;
  lines: LogLine[];
}

export interface Form {
  name: "heartbeat" | Kind;
  body: Record<string, Json>;
  fits: boolean;
}

/** What became of a request. */
export interface Answer {
  reply: Json;
  error: string | null;
  ms: number | null;
  results?: ResultItem[] | null;
}

export interface Send extends Answer {
  id: number;
  instance: string;
  at_ms: number;
  body: Json;
}
