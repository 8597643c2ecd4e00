import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, clock, count, duration, percent, value } from "../src/format";
import { setLanguage } from "../src/i18n";

test("what is not known is a dash", () => {
  for (const format of [bytes, clock, count, duration, percent, value]) {
    assert.equal(format(null), "–");
    assert.equal(format(undefined), "–");
  }
});

test("measured values have the digits that tell them apart", () => {
  assert.equal(value(0.1234567), "0.12346");
  assert.equal(value(12345.678), "12345.68");
  assert.equal(value(0), "0");
  assert.equal(value(-2.5), "-2.5");
  assert.equal(value(0.00001234), "1.234e-5");
  assert.equal(value(12345678), "1.235e7");
});

test("names of values that JSON lacks", () => {
  assert.equal(value("NaN"), "NaN");
  assert.equal(value("-Infinity"), "-∞");
});

test("shares are percentages", () => {
  assert.equal(percent(0.81884), "81.9 %");
  assert.equal(percent(1, 0), "100 %");
});

test("durations have the units of their size, in the page's language", () => {
  assert.equal(duration(0.25), "0.3 s");
  assert.equal(duration(42.4), "42 s");
  assert.equal(duration(187), "3 min 7 s");
  assert.equal(duration(7500), "2 h 5 min");
  setLanguage("zh");
  try {
    assert.equal(duration(187), "3 分 7 秒");
  } finally {
    setLanguage("en");
  }
});

test("sizes are in powers of 1024", () => {
  assert.equal(bytes(0), "0 B");
  assert.equal(bytes(1023), "1023 B");
  assert.equal(bytes(1536), "1.5 KiB");
  assert.equal(bytes(5 * 1024 ** 4), "5120.0 GiB");
});

test("a time of today has no date, another has one", () => {
  const now = new Date();
  now.setHours(7, 8, 9, 45);
  assert.equal(clock(now.getTime()), "07:08:09");
  assert.equal(clock(now.getTime(), true), "07:08:09.045");
  assert.equal(clock(new Date(2020, 0, 2, 3, 4, 5).getTime()), "2020-01-02 03:04:05");
});
