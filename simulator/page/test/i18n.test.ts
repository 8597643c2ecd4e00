import assert from "node:assert/strict";
import { test } from "node:test";
import { en } from "../src/i18n/en";
import { zh } from "../src/i18n/zh";

const names = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();

test("both languages have every message, with the same placeholders", () => {
  assert.deepEqual(Object.keys(zh).sort(), Object.keys(en).sort());
  for (const key of Object.keys(en) as (keyof typeof en)[]) {
    assert.ok(en[key] && zh[key], key);
    assert.deepEqual(names(zh[key]), names(en[key]), key);
  }
});
