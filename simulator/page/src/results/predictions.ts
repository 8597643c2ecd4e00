/** The predictions of an image, as a table. */

import { h } from "../dom";
import { percent } from "../format";
import { t } from "../i18n";
import type { Prediction, Json } from "../types";
import { classHue, confidenceOf } from "./overlay";

export function predictionsTable(predictions: Prediction[], classes: string[]): HTMLElement {
  const names = ["truth", "predicted", "confidence"] as const;
  const head = names.map((name) => h("th", { scope: "col", class: name }, t(name)));
  return h(
    "div",
    { class: "table-box", tabindex: "0", role: "group", "aria-label": t("predictions") },
    h(
      "table",
      { class: "predictions" },
      h("thead", {}, h("tr", {}, ...head)),
      h("tbody", {}, ...predictions.flatMap((prediction) => rows(prediction, classes))),
    ),
  );
}

function rows(prediction: Prediction, classes: string[]): HTMLElement[] {
  const swatch = h("span", { class: "swatch" });
  const hue = classHue(prediction.predicted || prediction.truth, classes);
  swatch.style.setProperty("--run", `var(--${hue})`);
  const row = h(
    "tr",
    { class: prediction.outcome },
    h("td", {}, swatch, prediction.truth || t("none")),
    h("td", {}, prediction.predicted || t("none")),
    h("td", { class: "number" }, percent(confidenceOf(prediction))),
  );
  const shape = inWords(prediction.shape_type);
  const rest = [shape === "rectangle" ? "" : shape, inWords(prediction.special)].filter(Boolean);
  if (!rest.length) return [row];
  const cell = h("td", { class: "note mono special", colspan: "3" }, rest.join(" · "));
  return [row, h("tr", {}, cell)];
}

/** What is the algorithm's own, in whatever format. */
function inWords(own: Json): string {
  if (own === null || own === undefined) return "";
  return typeof own === "string" ? own : JSON.stringify(own);
}
