import assert from "node:assert/strict";
import { test } from "node:test";
import { snap } from "../src/curves/snap";
import type { Curve, Mark } from "../src/types";

function line(x: number[], y: number[], marks: { x: number; value: Mark }[] = []) {
  const curve: Curve = { x, y, marks, total: x.length, reduced: false, extent: null };
  return { curve, smooth: null };
}
const height = (value: number): number => 100 - value;

test("the point beside the mouse, of the line whose height is nearest", () => {
  const lines = [line([0, 10], [90, 90]), line([0, 7], [10, 10])];
  assert.deepEqual(snap(lines, 6, 12, 0, height), { x: 10, line: 0 });
  assert.deepEqual(snap(lines, 6, 80, 0, height), { x: 7, line: 1 });
});

test("what is no number is reached at the upper edge", () => {
  const lines = [line([0, 10], [90, 90], [{ x: 5, value: "NaN" }])];
  assert.deepEqual(snap(lines, 5.5, 3, 1, height), { x: 5, line: 0 });
  assert.deepEqual(snap(lines, 7, 3, 1, height), { x: 10, line: 0 });
});

test("no point, no place", () => {
  assert.equal(snap([line([], [])], 0, 0, 0, height), null);
  assert.deepEqual(snap([line([3], [-1])], 0, 0, 0, () => null), { x: 3, line: 0 });
});
