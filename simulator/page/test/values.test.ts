import assert from "node:assert/strict";
import { test } from "node:test";
import { durationTicks, timeTicks } from "../src/curves/ticks";
import { figuresOf, position } from "../src/curves/values";
import type { Line } from "../src/curves/lines";

const curve = { x: [1, 2, 3, 4], y: [5, -2, 9, 3], marks: [], total: 4, reduced: false, extent: null };
const line = { curve, smooth: null } as unknown as Line;

test("the figures are of the window", () => {
  assert.deepEqual(figuresOf(line, null), { min: -2, max: 9, last: 3 });
  assert.deepEqual(figuresOf(line, [1.5, 2.5]), { min: -2, max: -2, last: -2 });
  assert.deepEqual(figuresOf(line, [8, 9]), { min: null, max: null, last: null });
});

test("elapsed time reads as on a stopwatch", () => {
  assert.equal(position(3_723_045, "relative", false), "1:02:03.045");
  assert.deepEqual(durationTicks(0, 90_000, 6), {
    at: [0, 15_000, 30_000, 45_000, 60_000, 75_000, 90_000],
    labels: ["0:00", "0:15", "0:30", "0:45", "1:00", "1:15", "1:30"],
  });
  assert.deepEqual(durationTicks(0, 3 * 86_400_000, 4).labels, ["0:00", "24:00:00", "48:00:00", "72:00:00"]);
  assert.deepEqual(durationTicks(0, 0.5, 6).labels, ["0:00.000"]);
});

test("times lie at full hours and days of this zone", () => {
  const from = new Date(2025, 5, 1, 22, 40).getTime();
  const { labels } = timeTicks(from, from + 3 * 3_600_000, 4);
  assert.deepEqual(labels, ["23:00", "00:00", "01:00"]);
  assert.deepEqual(timeTicks(from, from + 3 * 86_400_000, 4).labels, ["06-02", "06-03", "06-04"]);
});
