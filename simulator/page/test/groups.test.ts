import assert from "node:assert/strict";
import { test } from "node:test";
import { groupsOf, inTwo } from "../src/curves/groups";

const NAMES = ["loss", "train/loss", "val/loss", "train/acc/top1", "/odd", "lr"];

function shown(pinned: string[], search: string): Record<string, string[]> {
  const groups = groupsOf(NAMES, new Set(pinned), search);
  return Object.fromEntries(groups.map(({ kind, key, names }) => [`${kind} ${key}`, names]));
}

test("metrics are grouped by their first prefix, in the order of appearance", () => {
  assert.deepEqual(shown([], ""), {
    "none ": ["loss", "/odd", "lr"],
    "prefix train/": ["train/loss", "train/acc/top1"],
    "prefix val/": ["val/loss"],
  });
});

test("a pinned metric stands at the top and nowhere else", () => {
  assert.deepEqual(Object.keys(shown(["val/loss"], "")), ["pinned pinned", "none ", "prefix train/"]);
});

test("a search wants all of its words, in either case", () => {
  assert.deepEqual(shown([], " LOSS  tr "), { "prefix train/": ["train/loss"] });
  assert.deepEqual(shown(["lr"], "nothing"), {});
});

test("a long name keeps its end", () => {
  assert.deepEqual(inTwo("train/loss"), ["train/loss", ""]);
  const [head, tail] = inTwo("grad_norm/backbone.layer4.conv3.weight");
  assert.equal(head + tail, "grad_norm/backbone.layer4.conv3.weight");
  assert.equal(tail.length, 10);
  assert.equal(inTwo("损失".repeat(20)).join(""), "损失".repeat(20));
});
