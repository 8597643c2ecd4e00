import assert from "node:assert/strict";
import { test } from "node:test";
import { mistakesIn } from "../src/results/mistakes";

test("false alarms below the threshold are no mistakes, and take none away", () => {
  assert.equal(mistakesIn({ outcomes: { right: 6, wrong: 1, missed: 2, false: 0, none: 40 } }), 3);
  assert.equal(mistakesIn({ outcomes: {} }), 0);
});
