/** Which value of a metric is its best. */

import { remember, remembered } from "../settings";
import type { Metric } from "../types";

const KEPT = "best";
/** Words of names of metrics of which less is better; all others count as the more the better. */
const LOWER = new Set(
  (
    "loss losses err error errors mae mse rmse mape rmsle msle nll bce ce kl entropy perplexity ppl " +
    "wer cer eer fid lpips hausdorff hd95 distance dist deviation std var variance residual regret " +
    "time latency duration ms seconds fpr fnr false missed misses penalty cost overkill escape"
  ).split(" "),
);

type Directions = Record<string, boolean>;

function chosen(): Directions {
  try {
    return JSON.parse(remembered(KEPT) ?? "{}") as Directions;
  } catch {
    return {}; // something else wrote it
  }
}

/** The words of a metric's name: "val/bboxLoss_2" → val, bbox, loss. */
export function words(name: string): string[] {
  return name
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .flatMap((word) => [word, word.replace(/\d+$/, "")])
    .filter(Boolean);
}

/** Whether less is better by a metric's name alone. */
export function lowerByName(name: string): boolean {
  return words(name).some((word) => LOWER.has(word) || /(loss|error)$/.test(word));
}

/** Whether less is better: as it was chosen in this browser, else by the name. */
export function isLower(name: string): boolean {
  return chosen()[name] ?? lowerByName(name);
}

export function setLower(name: string, lower: boolean): void {
  const all = chosen();
  if (lower === lowerByName(name)) delete all[name];
  else all[name] = lower;
  remember(KEPT, Object.keys(all).length ? JSON.stringify(all) : null);
}

export function best(metric: Metric): number | null {
  return isLower(metric.name) ? metric.low : metric.high;
}
