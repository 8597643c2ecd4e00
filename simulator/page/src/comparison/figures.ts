/** Two runs' figures side by side, with the differences. */

import { h, show } from "../dom";
import { count, percent } from "../format";
import { t, type Key } from "../i18n";
import { MATRIX_CLASSES } from "../results/figures";
import { mistakesIn } from "../results/mistakes";
import type { Cell } from "../results/query";
import type { Comparison, Quality } from "../types";
import { notice } from "../ui";
import { changedPairs, differenceTable } from "./matrix";

const ROWS = 100; // of the table of classes

export class ComparedFigures {
  private feedback = notice();
  private body = h("div", { class: "tables" });
  readonly element = h("section", { class: "numbers", "aria-label": t("figures") }, this.feedback.element, this.body);

  constructor(private pick: (cell: Cell) => void) {
    this.clear();
  }

  clear(): void {
    this.feedback.show("");
    this.body.replaceChildren();
    show(this.element, false);
  }

  fail(text: string): void {
    show(this.element, true);
    this.feedback.show(text, true);
  }

  /** @param chosen the cell whose images are shown */
  show(found: Comparison, chosen: Cell | null): void {
    show(this.element, true);
    this.feedback.show("");
    const focused = this.body.contains(document.activeElement);
    const rated = found.a.truth && found.b.truth;
    const many = found.classes.length > MATRIX_CLASSES;
    const matrix = many ? changedPairs(found, chosen, this.pick) : differenceTable(found, chosen, this.pick);
    this.body.replaceChildren(
      overall(found),
      ...(rated ? [matrix, classes(found)] : [h("p", { class: "note" }, t("compare_no_truth"))]),
    );
    if (focused) this.body.querySelector<HTMLElement>("[aria-pressed=true]")?.focus();
  }
}

function overall({ a, b }: Comparison): HTMLElement {
  const mistakes = (side: Comparison["a"]): number | null => (side.truth ? mistakesIn(side) : null);
  const [before, after] = [mistakes(a), mistakes(b)];
  const rows = [
    row("accuracy", percent(a.accuracy, 2), percent(b.accuracy, 2), points(a.accuracy, b.accuracy)),
    row("mistakes", count(before), count(after), number(before, after, -1)),
    row("predictions", count(a.predictions), count(b.predictions), number(a.predictions, b.predictions, 0)),
    row("images", count(a.images), count(b.images), number(a.images, b.images, 0)),
  ];
  return table("compared overall", ["", "A", "B", t("difference")], rows);
}

function row(name: Key, before: string, after: string, difference: HTMLElement): HTMLElement {
  const cells = [before, after].map((text) => h("td", { class: "number" }, text));
  return h("tr", {}, h("th", { scope: "row" }, t(name)), ...cells, h("td", { class: "number" }, difference));
}

/** The classes that changed most come first. */
function classes(found: Comparison): HTMLElement {
  const names = ["precision", "recall", "f1"] as const;
  const change = ({ a, b }: Comparison["per_class"][number]): number => Math.abs((b?.f1 ?? 0) - (a?.f1 ?? 0));
  const sorted = [...found.per_class].sort((x, y) => change(y) - change(x));
  const rows = sorted.slice(0, ROWS).map(({ class: name, a, b }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, name),
      ...names.map((figure) => both(a, b, figure)),
    ),
  );
  return h(
    "section",
    {},
    h("h3", {}, t("compared_classes")),
    sorted.length > ROWS ? h("p", { class: "note" }, t("n_shown", { n: ROWS, total: count(sorted.length) })) : null,
    table("compared", [t("class"), ...names.map((name) => t(name))], rows),
  );
}

function both(a: Quality | null, b: Quality | null, name: "precision" | "recall" | "f1"): HTMLElement {
  const [before, after] = [a?.[name] ?? null, b?.[name] ?? null];
  return h(
    "td",
    { class: "number" },
    h("span", {}, `${percent(before)} → ${percent(after)}`),
    points(before, after),
  );
}

function table(name: string, heads: string[], rows: HTMLElement[]): HTMLElement {
  const cells = heads.map((text, place) =>
    text ? h("th", { scope: "col", class: place ? "number" : "" }, text) : h("td", {}),
  );
  return h(
    "div",
    { class: "table-box" },
    h("table", { class: `per-class ${name}` }, h("thead", {}, h("tr", {}, ...cells)), h("tbody", {}, ...rows)),
  );
}

/** A difference of two shares, in percentage points. */
function points(before: number | null, after: number | null): HTMLElement {
  if (before === null || after === null) return difference("–", 0);
  const by = (after - before) * 100;
  return difference(Math.abs(by) < 0.005 ? "0" : `${signed(by, by.toFixed(2))} pp`, Math.sign(Math.round(by * 100)));
}

/** @param better 1: more is better; -1: less is; 0: neither */
function number(before: number | null, after: number | null, better: number): HTMLElement {
  if (before === null || after === null) return difference("–", 0);
  return difference(signed(after - before, count(after - before)), Math.sign(after - before) * better);
}

export function signed(by: number, text: string): string {
  return by > 0 ? `+${text}` : text.replace("-", "−");
}

function difference(text: string, better: number): HTMLElement {
  const mood = better > 0 ? "better" : better < 0 ? "worse" : "quiet";
  return h("span", { class: `difference ${mood}` }, text);
}
