/** What a chart does not show as it is: reduction, what is no number, what has no logarithm. */

import { count } from "../format";
import { t } from "../i18n";
import type { Line } from "./lines";

export function remarks(lines: Line[], log: boolean): string[] {
  const sum = (of: (line: Line) => number): number => lines.reduce((n, line) => n + of(line), 0);
  const reduced = sum(({ curve }) => (curve.reduced ? curve.total : 0));
  const marks = sum(({ curve }) => curve.marks.length);
  const hidden = log ? sum(({ curve }) => curve.y.filter((y) => y <= 0).length) : 0;
  return [
    reduced ? t("reduced", { n: count(reduced) }) : "",
    marks ? t("marks", { n: count(marks) }) : "",
    hidden ? t("log_hides", { n: count(hidden) }) : "",
  ].filter(Boolean);
}
