import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest, smooth } from "../src/curves/smooth";

test("weight 0 changes nothing", () => {
  assert.deepEqual(smooth([3, 1, 2], 0), [3, 1, 2]);
});

test("a constant stays: there is no pull to zero at the beginning", () => {
  for (const value of smooth([5, 5, 5, 5], 0.9)) assert.ok(Math.abs(value - 5) < 1e-12);
});

test("the first value is the first smoothed value", () => {
  assert.ok(Math.abs((smooth([7, 0, 0], 0.99)[0] ?? 0) - 7) < 1e-9);
});

test("later values weigh more: weights 1/3 and 2/3 after two values at weight 0.5", () => {
  const [, second] = smooth([0, 3], 0.5);
  assert.ok(Math.abs((second ?? 0) - 2) < 1e-12);
});

test("smoothed values lie between the smallest and the greatest", () => {
  const values = [1, 9, -4, 6, 6, 2];
  for (const value of smooth(values, 0.7)) assert.ok(value >= -4 && value <= 9);
});

test("the nearest of several", () => {
  const xs = [0, 10, 20, 30];
  assert.equal(nearest(xs, -5), 0);
  assert.equal(nearest(xs, 4), 0);
  assert.equal(nearest(xs, 6), 1);
  assert.equal(nearest(xs, 20), 2);
  assert.equal(nearest(xs, 99), 3);
});

test("half-way the left one is nearest; of none it is -1", () => {
  assert.equal(nearest([0, 10], 5), 0);
  assert.equal(nearest([], 5), -1);
  assert.equal(nearest([3], 5), 0);
});
