import assert from "node:assert/strict";
import { test } from "node:test";
import { Heights } from "../src/log/heights";

test("places and rows agree with sums over all rows, also as rows are added", () => {
  const heights = new Heights(20);
  const plain: number[] = [];
  let seed = 1;
  const random = (n: number): number => (seed = (seed * 48271) % 2147483647) % n;
  for (let turn = 0; turn < 300; turn++) {
    if (turn % 10 === 0) {
      const count = plain.length + random(30);
      while (plain.length < count) plain.push(20);
      heights.resize(count);
    }
    const row = random(plain.length);
    const height = random(3) ? 20 * (1 + random(5)) : 20;
    assert.equal(heights.set(row, height), height - (plain[row] ?? 0));
    plain[row] = height;
    const total = plain.reduce((sum, each) => sum + each, 0);
    assert.equal(heights.total, total);
    const some = random(plain.length);
    const top = plain.slice(0, some).reduce((sum, each) => sum + each, 0);
    assert.equal(heights.top(some), top);
    assert.equal(heights.at(top), some);
    assert.equal(heights.at(top + (plain[some] ?? 0) - 1), some);
    assert.equal(heights.at(total + 100), plain.length - 1);
  }
});

test("rows that go take their heights with them", () => {
  const heights = new Heights(20);
  heights.resize(10);
  heights.set(8, 100);
  heights.set(2, 60);
  heights.resize(5);
  assert.equal(heights.total, 140);
  heights.resize(10);
  assert.equal(heights.total, 240);
  heights.clear();
  assert.equal(heights.total, 200);
});
