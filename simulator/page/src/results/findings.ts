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
  const special = inWords(finding.special);
  if (!special) return [row];
  return [row, h("tr", {}, h("td", { class: "note mono special", colspan: "3" }, special))];
}

/** What the algorithm added; its format is its own. */
function inWords(special: Json): string {
  if (special === null || special === undefined || special === "") return "";
  return typeof special === "string" ? special : JSON.stringify(special);
}
