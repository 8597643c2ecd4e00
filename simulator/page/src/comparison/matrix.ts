/** The difference of two confusion matrices. As in `results/`, of many classes only a list. */

import { h } from "../dom";
import { count } from "../format";
import { t } from "../i18n";
import type { Cell } from "../results/query";
import type { Comparison } from "../types";
import { signed } from "./figures";

const PAIRS = 100;
type Pick = (cell: Cell) => void;

export function differenceTable(found: Comparison, chosen: Cell | null, pick: Pick): HTMLElement {
  const names = [...found.classes, ""];
  const known = new Map(found.cells.map(([truth, predicted, a, b]) => [truth * names.length + predicted, [a, b]]));
  const most = Math.max(1, ...found.cells.map(([, , a, b]) => Math.abs(b - a)));
  const used = new Set(found.cells.flatMap(([truth, predicted]) => [truth, predicted]));
  const shown = names.map((_, place) => place).filter((place) => names[place] !== "" || used.has(place));
  const heading = (place: number, scope: string): HTMLElement =>
    h("th", { scope, class: names[place] ? "" : "quiet" }, h("span", {}, names[place] || t("none")));
  const rows = shown.map((truth) => {
    const cells = shown.map((predicted) => {
      const [a = 0, b = 0] = known.get(truth * names.length + predicted) ?? [];
      const td = h("td", { class: isBetter(truth, predicted, b - a) ? "right" : "wrong" }, inside(names, truth, predicted, a, b, chosen, pick));
      td.style.setProperty("--heat", `${a === b ? 0 : Math.round(Math.max(0.12, Math.sqrt(Math.abs(b - a) / most)) * 100)}%`);
      return td;
    });
    return h("tr", {}, heading(truth, "row"), ...cells);
  });
  const across = h("th", { class: "axis-name", colspan: String(shown.length), scope: "colgroup" }, `${t("predicted")} →`);
  const down = h("th", { class: "axis-name", scope: "col" }, `${t("truth")} ↓`);
  return h(
    "div",
    { class: "table-box" },
    h(
      "table",
      { class: "matrix difference-matrix" },
      h("caption", {}, h("span", {}, t("difference_note"))),
      h("thead", {}, h("tr", {}, h("td"), across), h("tr", {}, down, ...shown.map((place) => heading(place, "col")))),
      h("tbody", {}, ...rows),
    ),
  );
}

function inside(
  names: string[], truth: number, predicted: number, a: number, b: number, chosen: Cell | null, pick: Pick,
): HTMLElement {
  if (a === b) return h("span", { class: "zero", title: a ? count(a) : null }, a ? "=" : "·");
  const cell = { truth: names[truth] ?? "", predicted: names[predicted] ?? "" };
  return cellButton(cell, a, b, chosen, pick, signed(b - a, count(b - a)));
}

/** Many classes: the pairs that changed most. */
export function changedPairs(found: Comparison, chosen: Cell | null, pick: Pick): HTMLElement {
  const names = [...found.classes, ""];
  const changed = found.cells.filter(([, , a, b]) => a !== b).slice(0, PAIRS);
  const items = changed.map(([truth, predicted, a, b]) => {
    const cell = { truth: names[truth] ?? "", predicted: names[predicted] ?? "" };
    const better = isBetter(truth, predicted, b - a);
    const text = `${cell.truth || t("none")} → ${cell.predicted || t("none")}`;
    const button = cellButton(
      cell, a, b, chosen, pick,
      h("span", { class: "pair-names" }, text),
      h("span", { class: `difference ${better ? "better" : "worse"}` }, `${count(a)} → ${count(b)} (${signed(b - a, count(b - a))})`),
    );
    return h("li", {}, button);
  });
  return h(
    "section",
    {},
    h("h3", {}, t("changed_pairs")),
    h("p", { class: "note" }, t("n_shown", { n: count(items.length), total: count(found.changed) })),
    h("ol", { class: "pairs" }, ...items),
  );
}

function cellButton(
  cell: Cell, a: number, b: number, chosen: Cell | null, pick: Pick, ...content: (string | HTMLElement)[]
): HTMLElement {
  const label = t("difference_cell", {
    truth: cell.truth || t("none"),
    predicted: cell.predicted || t("none"),
    a: count(a),
    b: count(b),
  });
  return h(
    "button",
    {
      type: "button",
      title: label,
      "aria-label": label,
      "aria-pressed": String(chosen?.truth === cell.truth && chosen.predicted === cell.predicted),
      "data-truth": cell.truth,
      "data-predicted": cell.predicted,
      onclick: () => pick(cell),
    },
    ...content,
  );
}

/** More of what is right, or fewer confusions. */
function isBetter(truth: number, predicted: number, by: number): boolean {
  return (truth === predicted) === by > 0;
}
