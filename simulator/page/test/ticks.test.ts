import assert from "node:assert/strict";
import { test } from "node:test";
import { xTicks } from "../src/curves/axes";
import { linearScale, logScale, rangeOf } from "../src/curves/scale";
import { linearTicks, logTicks } from "../src/curves/ticks";

/** The labels of the axis that shows these values. */
function labels(values: number[], log = false): string {
  const scale = log ? logScale() : linearScale(values);
  const places = values.map((y) => scale.place(y)).filter((y) => y !== undefined);
  const [min, max] = rangeOf(scale, Math.min(...places), Math.max(...places));
  assert.ok(Number.isFinite(max - min) && max > min, `${min} … ${max}`);
  for (const place of places) assert.ok(place >= min && place <= max);
  const ticks = log ? logTicks(min, max, 6) : linearTicks(min, max, 6, scale.shift);
  ticks.at.forEach((at, n) => assert.ok(at >= min && at <= max && at > (ticks.at[n - 1] ?? -Infinity)));
  assert.equal(new Set(ticks.labels).size, ticks.labels.length, "two marks with one label");
  return ticks.labels.join(" ");
}

test("everyday curves: the digits follow from the distance of two marks", () => {
  assert.equal(labels([1e-4, 1e-7]), "0.00000 0.00002 0.00004 0.00006 0.00008 0.00010");
  assert.equal(labels([3e-4, 2e-5]), "0.0001 0.0002 0.0003");
  assert.equal(labels([0.9971, 0.9975]), "0.9971 0.9972 0.9973 0.9974 0.9975");
  assert.equal(labels([0, 1]), "0.0 0.2 0.4 0.6 0.8 1.0");
  assert.equal(labels([-3, 7]), "-2 0 2 4 6");
  assert.equal(labels([0, 1_300_000]), "0 5e5 1.0e6");
});

test("values that hardly move", () => {
  assert.equal(labels([3e-4, 3e-4 + 2e-7]), "0.00030000 0.00030005 0.00030010 0.00030015 0.00030020");
  assert.equal(labels([2.7, 2.7 * (1 + 1e-10)]), "2.7000000000 2.7000000001 2.7000000002");
  assert.equal(labels([100, 100 + 6e-6], true), "100.000000 100.000002 100.000004 100.000006");
  assert.equal(labels([42, 42]), "38 40 42 44 46");
  assert.equal(labels([0, 0]), "0.0 0.2 0.4 0.6 0.8 1.0");
});

test("decades", () => {
  assert.equal(labels([1e-7, 1e-4], true), "1e-7 1e-6 1e-5 0.0001");
  assert.equal(labels([1, 1e-23], true), "1e-20 1e-15 1e-10 1e-5 1");
  assert.equal(labels([0.5, 30], true), "0.5 1 2 5 10 20");
  assert.equal(labels([5e-324, 1.7e308], true), "1e-200 1 1e200");
});

test("every finite double", () => {
  assert.equal(labels([-Number.MAX_VALUE, Number.MAX_VALUE]), "-2e308 -1e308 0 1e308 2e308");
  assert.equal(labels([5e-324, 1e-320]), "0 2e-321 4e-321 6e-321 8e-321 1.0e-320");
  for (let power = -323; power <= 308; power++) {
    for (const factor of [1, 1.3, 9.7]) {
      const value = Number(`${factor}e${power}`);
      if (!Number.isFinite(value)) continue;
      for (const log of [false, true]) {
        for (const other of [value, value * 0.5, value * (1 - 1e-9), 1]) {
          if (other <= 0) continue;
          assert.ok(labels([value, other], log).split(" ").length >= 2, `${value} ${other}`);
        }
      }
    }
  }
});

test("epochs have whole marks, unless one looks between two of them", () => {
  const measure = (text: string): number => 6 * text.length;
  assert.deepEqual(xTicks("epoch", 0, 2, 400, measure).labels, ["0", "1", "2"]);
  assert.deepEqual(xTicks("epoch", 3, 4, 200, measure).labels, ["3.0", "3.5", "4.0"]);
});
