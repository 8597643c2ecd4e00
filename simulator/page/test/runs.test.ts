import assert from "node:assert/strict";
import { test } from "node:test";
import { lowerByName } from "../src/runs/best";
import { metricColumn, paramColumn } from "../src/runs/columns";
import { compared, factsOf, flat } from "../src/runs/facts";
import { wholeRun } from "../src/runs/metrics";
import { filtered, sorted } from "../src/runs/select";
import { store } from "../src/state";
import type { Run, RunDetails } from "../src/types";

function run(id: number, more: Partial<Run> = {}): Run {
  return {
    id, instance: `net-local-train-${id}`, kind: "train", number: 1, started_ms: id, ended_ms: id + 1000,
    status: 200, message: "", stopped: false, progress: 1, epoch: 1, by_batch: false, remaining_s: null, metrics: [], metric_count: 0,
    results: 0, images: 0, params: {}, name: "", note: "", tags: [], hue: null, hidden: false, turned: false, ...more,
  };
}

test("whether less is better follows from a metric's name", () => {
  const lower = "loss val/loss_cls bboxLoss RMSE top1_error wer mean_absolute_error totalloss inference_ms";
  const higher = "accuracy mAP50 val/f1 recall AUC iou terrors_found lossless lr";
  for (const name of lower.split(" ")) assert.ok(lowerByName(name), name);
  for (const name of higher.split(" ")) assert.ok(!lowerByName(name), name);
});

test("what has no value comes last in both directions", () => {
  const metric = (last: number | "NaN"): Run["metrics"] => [{ name: "f1", points: 1, last, low: 0, high: 1 }];
  const runs = [run(1), run(2, { metrics: metric(0.5) }), run(3, { metrics: metric("NaN") }), run(4, { metrics: metric(-2) })];
  const column = metricColumn("f1", "last");
  const ids = (descending: boolean): number[] => sorted(runs, column, descending).map((r) => r.id);
  assert.deepEqual(ids(false), [4, 2, 3, 1]);
  assert.deepEqual(ids(true), [2, 4, 3, 1]);
});

test("numbers sort as numbers, and before texts", () => {
  const given = [10, 9, "auto", "auto2", "auto10", 1e-4];
  const runs = given.map((lr, id) => run(id + 1, { params: { lr } }));
  const found = sorted(runs, paramColumn("lr"), false).map((r) => r.params.lr);
  assert.deepEqual(found, [1e-4, 9, 10, "auto", "auto2", "auto10"]);
});

test("all words must be found, anywhere", () => {
  const runs = [
    run(1, { name: "Baseline", tags: ["v1"], params: { "special_params.lr": 0.1 } }),
    run(2, { note: "baseline with 余弦", hidden: true }),
    run(3, { status: 300 }),
    run(4, { status: 300, stopped: true }),
  ];
  const ids = (text: string, more = {}): number[] =>
    filtered(runs, { text, state: "", hidden: false, ...more }).map((r) => r.id);
  assert.deepEqual(ids(""), [1, 3, 4]);
  assert.deepEqual(ids("base V1"), [1]);
  assert.deepEqual(ids("lr=0.1"), [1]);
  assert.deepEqual(ids("余弦", { hidden: true }), [2]);
  assert.deepEqual(ids("", { state: "failed" }), [3]);
  assert.deepEqual(ids("", { state: "stopped" }), [4]);
  assert.deepEqual(ids("#3"), [3]);
});

test("runs are compared by what each has for a name", () => {
  const details = (id: number, lr: number, packages: Record<string, string>): RunDetails => ({
    run: run(id, { started_ms: 0 }),
    owned: true,
    model: null,
    request: { at_ms: 0, body: { instance_id: `net-${id}`, special_params: { lr, net: "r18" }, code_list: ["a", "b"] } },
    provenance: {
      command: "bash run.sh", folder: "/net", environment: { LANG: "C" }, git: null, problems: [],
      host: { name: "h", system: "Linux", cpus: 2, memory: 0, gpus: [] },
      python: { executable: "python3", version: "3.11.7", packages },
    },
  });
  const rows = compared([factsOf(details(1, 0.1, { torch: "2.1", numpy: "1" })), factsOf(details(2, 0.2, { torch: "2.2" }))]);
  const different = rows.filter((row) => !row.same).map((row) => [row.name, ...row.texts]);
  assert.deepEqual(different.slice(-3), [
    ["special_params.lr", "0.1", "0.2"],
    ["torch", "2.1", "2.2"],
    ["numpy", "1", null],
  ]);
  assert.ok(rows.some((row) => row.same && row.name === "code_list" && row.texts[0] === '["a","b"]'));
  assert.ok(!rows.some((row) => row.name === "instance_id"));
  assert.deepEqual([...flat({ a: {}, b: { c: null, d: "x" } })], [["a", "{}"], ["b.c", "null"], ["b.d", "x"]]);
});

test("a run that was fetched keeps all its metrics while the list has a few of them", () => {
  const metric = (name: string, last: number) => ({ name, points: 1, last, low: last, high: last });
  const fetched = run(1, { metrics: [metric("loss", 1), metric("lr", 2)], metric_count: 2 });
  assert.equal(wholeRun(fetched), fetched);
  store.runs.set(1, { ...fetched, name: "best", metrics: [metric("loss", 1)] });
  assert.deepEqual([wholeRun(fetched).name, wholeRun(fetched).metrics.length], ["best", 2]);
  const changed = { ...fetched, metrics: [metric("loss", 0.5), metric("lr", 2)] };
  store.runs.set(1, changed);
  assert.equal(wholeRun(fetched), changed);
  store.runs.clear();
});
