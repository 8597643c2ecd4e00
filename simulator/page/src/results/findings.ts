/** What was found in an image, as a table. */

import { h } from "../dom";
import { percent } from "../format";
import { t } from "../i18n";
import type { Finding, Json } from "../types";
import { classHue, confidenceOf } from "./overlay";

export function findingsTable(findings: Finding[], classes: string[]): HTMLElement {
  const names = ["truth", "predicted", "confidence"] as const;
  const head = names.map((name) => h("th", { scope: "col", class: name }, t(name)));
  return h(
    "div",
    { class: "table-box" },
    h(
      "table",
      { class: "findings" },
      h("thead", {}, h("tr", {}, ...head)),
      h("tbody", {}, ...findings.flatMap((finding) => rows(finding, classes))),
    ),
  );
}

function rows(finding: Finding, classes: string[]): HTMLElement[] {
  const swatch = h("span", { class: "swatch" });
  const hue = classHue(finding.predicted || finding.truth, classes);
  swatch.style.setProperty("--run", `var(--${hue})`);
  const row = h(
    "tr",
    { class: finding.verdict },
    h("td", {}, swatch, finding.truth || t("none")),
    h("td", {}, finding.predicted || t("none")),
    h("td", { class: "number" }, percent(confidenceOf(finding))),
  );
  const shape = inWords(finding.shape_type);
  const rest = [shape === "rectangle" ? "" : shape, inWords(finding.special)].filter(Boolean);
  if (!rest.length) return [row];
  const cell = h("td", { class: "note mono special", colspan: "3" }, rest.join(" · "));
  return [row, h("tr", {}, cell)];
}

/** What is the algorithm's own, in whatever format. */
function inWords(own: Json): string {
  if (own === null || own === undefined) return "";
  return typeof own === "string" ? own : JSON.stringify(own);
}
