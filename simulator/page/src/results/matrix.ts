/** The confusion matrix; a cell opens its images. And the figures per class. For few classes: the
 * elements of a matrix are as many as the square of their number, see `confusions.ts`. */

import { h } from "../dom";
import { count, percent } from "../format";
import { t } from "../i18n";
import type { Summary } from "../types";
import type { Cell } from "./query";

export function matrixTable(summary: Summary, chosen: Cell | null, pick: (cell: Cell) => void): HTMLElement {
  const names = [...summary.classes, ""];
  const counts = names.map(() => new Array<number>(names.length).fill(0));
  for (const [truth, predicted, n] of summary.cells) (counts[truth] as number[])[predicted] = n;
  const used = (place: number): boolean =>
    names[place] !== "" || summary.cells.some(([truth, predicted]) => truth === place || predicted === place);
  const shown = names.map((_, place) => place).filter(used);
  const head = shown.map((place) =>
    h("th", { scope: "col", class: names[place] ? "" : "quiet" }, h("span", {}, names[place] || t("none"))),
  );
  const rows = shown.map((truth) => {
    const row = counts[truth] ?? [];
    const sum = row.reduce((a, b) => a + b, 0);
    const cells = shown.map((predicted) => {
      const n = row[predicted] ?? 0;
      const cell = { truth: names[truth] ?? "", predicted: names[predicted] ?? "" };
      const right = truth === predicted;
      const label = t("matrix_cell", {
        truth: cell.truth || t("none"),
        predicted: cell.predicted || t("none"),
        n,
      });
      const pressed = chosen?.truth === cell.truth && chosen.predicted === cell.predicted;
      const inside = n
        ? h(
            "button",
            {
              type: "button",
              "aria-label": label,
              "aria-pressed": String(pressed),
              title: label,
              "data-truth": cell.truth,
              "data-predicted": cell.predicted,
              onclick: () => pick(cell),
            },
            count(n),
          )
        : h("span", { class: "zero" }, "·");
      const td = h("td", { class: right ? "right" : "wrong" }, inside);
      // The root makes a single mistake among hundreds visible.
      const heat = n && sum ? Math.max(0.1, Math.sqrt(n / sum)) : 0;
      td.style.setProperty("--heat", `${Math.round(heat * 100)}%`);
      return td;
    });
    return h("tr", {}, h("th", { scope: "row", class: names[truth] ? "" : "quiet" }, names[truth] || t("none")), ...cells);
  });
  return h(
    "div",
    { class: "table-box" },
    h(
      "table",
      { class: "matrix" },
      h("caption", {}, h("span", {}, t("matrix_note"))),
      h(
        "thead",
        {},
        h("tr", {}, h("td", {}), h("th", { class: "axis-name", colspan: String(shown.length), scope: "colgroup" }, `${t("predicted")} →`)),
        h("tr", {}, h("th", { class: "axis-name", scope: "col" }, `${t("truth")} ↓`), ...head),
      ),
      h("tbody", {}, ...rows),
    ),
  );
}

export function classTable(classes: Summary["per_class"]): HTMLElement {
  const numbers = (share: number | null): HTMLElement => h("td", { class: "number" }, percent(share));
  return h(
    "div",
    { class: "table-box" },
    h(
      "table",
      { class: "per-class" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "col" }, t("class")),
          ...(["precision", "recall", "f1", "support"] as const).map((name) =>
            h("th", { scope: "col", class: "number" }, t(name)),
          ),
        ),
      ),
      h(
        "tbody",
        {},
        ...classes.map((row) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, row.class || t("none")),
            numbers(row.precision),
            numbers(row.recall),
            numbers(row.f1),
            h("td", { class: "number" }, count(row.support)),
          ),
        ),
      ),
    ),
  );
}
