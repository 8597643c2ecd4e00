import assert from "node:assert/strict";
import { test } from "node:test";
import { inWords } from "../src/reasons";

test("the text of an END is told without what only programs need", () => {
  assert.equal(inWords("digits-a-train-1 current model error ValueError: no images"), "ValueError: no images");
  const stopped = "digits-a-train-1 current model error the task was stopped";
  assert.equal(inWords(`${stopped} by SIGTERM before its end`), "Stopped by SIGTERM before its end");
  assert.equal(inWords(`${stopped} before its end`), "Stopped before its end");
  assert.equal(inWords(`${stopped} by SIGTERM before its end (deleted)`), "Stopped by SIGTERM before its end (deleted)");
  assert.equal(inWords("exit status 1"), "exit status 1");
  assert.equal(inWords("x current model error "), "x current model error ");
});
