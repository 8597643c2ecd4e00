import assert from "node:assert/strict";
import { test } from "node:test";
import { confine, pan, zoom } from "../src/curves/window";

test("panning keeps the width", () => {
  assert.deepEqual(pan([10, 20], 0.5), [15, 25]);
  assert.deepEqual(pan([10, 20], -1), [0, 10]);
});

test("zooming keeps what is under the anchor", () => {
  assert.deepEqual(zoom([0, 10], 0.5, 0.5), [2.5, 7.5]);
  assert.deepEqual(zoom([0, 10], 0.5, 0), [0, 5]);
  assert.deepEqual(zoom([0, 10], 2, 1), [-10, 10]);
});

test("zooming out undoes zooming in", () => {
  assert.deepEqual(zoom(zoom([4, 12], 0.5, 0.25), 2, 0.25), [4, 12]);
});

test("a window stays within the data", () => {
  assert.deepEqual(confine([-5, 5], [0, 100]), [0, 10]);
  assert.deepEqual(confine([95, 105], [0, 100]), [90, 100]);
  assert.deepEqual(confine([40, 50], [0, 100]), [40, 50]);
});

test("a window that shows everything is none", () => {
  assert.equal(confine([0, 100], [0, 100]), null);
  assert.equal(confine([-10, 300], [0, 100]), null);
});

test("without data, or without width, there is no window", () => {
  assert.equal(confine([0, 1], null), null);
  assert.equal(confine([1, 1], [0, 100]), null);
  assert.equal(confine([2, 1], [0, 100]), null);
  assert.equal(confine([Number.NaN, 1], [0, 100]), null);
});

test("a window cannot become narrower than numbers can tell apart", () => {
  const [from, to] = confine([50, 50 + 1e-12], [0, 100]) ?? [0, 0];
  assert.equal(from, 50);
  assert.ok(to - from >= 0.9e-7);
});
