import assert from "node:assert/strict";
import { test } from "node:test";
import { merge, type Points } from "../src/curves/merge";

const _ = undefined;
const same = (y: number): number => y;

function line(x: number[], y: number[], smooth: number[] | null = null): Points {
  return { x, y, smooth };
}

test("nothing gives an empty table", () => {
  assert.deepEqual(merge([], same), { data: [[]], rows: [] });
  assert.deepEqual(merge([line([], [])], same), { data: [[], []], rows: [[]] });
});

test("one line is taken as it is", () => {
  const { data, rows } = merge([line([1, 2, 2], [5, 6, 7])], same);
  assert.deepEqual(data, [[1, 2, 2], [5, 6, 7]]);
  assert.deepEqual(rows, [[0, 1, 2]]);
});

test("lines are interleaved by x, and each row holds one point", () => {
  const { data, rows } = merge([line([1, 3], [10, 30]), line([2, 4], [20, 40])], same);
  assert.deepEqual(data[0], [1, 2, 3, 4]);
  assert.deepEqual([...(data[1] ?? [])], [10, _, 30, _]);
  assert.deepEqual([...(data[2] ?? [])], [_, 20, _, 40]);
  assert.deepEqual(rows, [[0, 2], [1, 3]]);
});

test("at the same x the first line comes first", () => {
  const { rows } = merge([line([1, 1], [1, 2]), line([1], [3])], same);
  assert.deepEqual(rows, [[0, 1], [2]]);
});

test("a smoothed line has a column of its own behind its values", () => {
  const { data } = merge([line([1, 3], [4, 8], [4, 6]), line([2], [5])], same);
  assert.deepEqual(data.map((column) => [...column]), [[1, 2, 3], [4, _, 8], [4, _, 6], [_, 5, _]]);
});

test("what has no place on the axis is left out, but keeps its row", () => {
  const { data, rows } = merge([line([1, 2, 3], [0, -1, 2], [1, -2, 3])], (y) => (y > 0 ? y : undefined));
  assert.deepEqual(data, [[1, 2, 3], [_, _, 2], [1, _, 3]]);
  assert.deepEqual(rows, [[0, 1, 2]]);
});

test("every point of random lines is in the row that is named for it", () => {
  let seed = 7;
  const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let round = 0; round < 50; round++) {
    const lines = Array.from({ length: 1 + (round % 4) }, () => {
      const x = Array.from({ length: Math.floor(random() * 20) }, () => Math.floor(random() * 9));
      return line(x.sort((a, b) => a - b), x.map(random));
    });
    const { data, rows } = merge(lines, same);
    const x = data[0] as number[];
    assert.deepEqual(x, [...x].sort((a, b) => a - b));
    lines.forEach((each, at) => {
      assert.deepEqual(rows[at]?.map((row) => data[0]?.[row]), each.x);
      assert.deepEqual(rows[at]?.map((row) => data[at + 1]?.[row]), each.y);
    });
    assert.equal(rows.flat().length, x.length);
  }
});
