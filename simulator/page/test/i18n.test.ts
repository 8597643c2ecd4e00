import assert from "node:assert/strict";
import { test } from "node:test";
import { t } from "../src/i18n";
import { en } from "../src/i18n/en";
import { zh } from "../src/i18n/zh";

const names = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();

test("one of a thing is not several", () => {
  assert.equal(t("n_metrics", { n: 1 }), "1 metric");
  assert.equal(t("n_metrics", { n: "12,345" }), "12,345 metrics");
  assert.equal(t("n_runs_shown", { n: "0", total: "1" }), "0 of 1 run");
});

test("no message has a plural beside its number", () => {
  for (const [key, text] of Object.entries(en)) {
    assert.doesNotMatch(text, /\{(n|total)\} (metric|run|point|line|message|image|row|value|duplicate)s\b/, key);
  }
});

test("both languages have every message, with the same placeholders", () => {
  assert.deepEqual(Object.keys(zh).sort(), Object.keys(en).sort());
  for (const key of Object.keys(en) as (keyof typeof en)[]) {
    assert.ok(en[key] && zh[key], key);
    assert.deepEqual(names(zh[key]), names(en[key]), key);
  }
});
