/** Many classes: no matrix, but the most frequent confusions and the worst classes, with a search. */

import { h, setText } from "../dom";
import { count } from "../format";
import { t } from "../i18n";
import type { Summary } from "../types";
import { field } from "../ui";
import { classTable } from "./matrix";
import type { Cell } from "./query";

const ROWS = 100; // of each list; the search finds the others

export class Confusions {
  private search = h("input", { type: "search", oninput: () => this.draw() });
  private lists = h("div", { class: "tables" });
  private pairsNote = h("p", { class: "note" });
  private summary: Summary | null = null;
  private chosen: Cell | null = null;
  readonly element = h(
    "div",
    { class: "tables" },
    this.pairsNote,
    field(t("search_class"), this.search),
    this.lists,
  );

  constructor(private pick: (cell: Cell) => void) {}

  show(summary: Summary, chosen: Cell | null): void {
    this.summary = summary;
    this.chosen = chosen;
    this.draw();
  }

  private draw(): void {
    const { summary } = this;
    if (!summary) return;
    const wanted = this.search.value.trim().toLowerCase();
    const fits = (name: string): boolean => name.toLowerCase().includes(wanted);
    const names = [...summary.classes, ""];
    const known = names.map((name) => fits(name || t("none")));
    const wrong = summary.cells.filter(([truth, predicted]) => truth !== predicted);
    const pairs = wrong.filter(([truth, predicted]) => known[truth] || known[predicted]);
    const classes = summary.per_class.filter((row) => fits(row.class));
    classes.sort((a, b) => (a.f1 ?? 1) - (b.f1 ?? 1) || b.support - a.support);
    setText(this.pairsNote, t("many_classes", { n: count(summary.classes.length) }));
    const focused = this.lists.contains(document.activeElement);
    this.lists.replaceChildren(
      h(
        "section",
        {},
        h("h3", {}, t("confusions")),
        shown(Math.min(pairs.length, ROWS), wanted ? pairs.length : summary.confusions),
        h("ol", { class: "pairs" }, ...pairs.slice(0, ROWS).map((cell) => this.pair(cell, names))),
      ),
      h(
        "section",
        {},
        h("h3", {}, t("worst_classes")),
        shown(Math.min(classes.length, ROWS), classes.length),
        classTable(classes.slice(0, ROWS)),
      ),
    );
    if (focused) this.lists.querySelector<HTMLElement>("[aria-pressed=true]")?.focus();
  }

  private pair([truth, predicted, n]: [number, number, number], names: string[]): HTMLElement {
    const cell = { truth: names[truth] ?? "", predicted: names[predicted] ?? "" };
    const pressed = this.chosen?.truth === cell.truth && this.chosen.predicted === cell.predicted;
    const text = `${cell.truth || t("none")} → ${cell.predicted || t("none")}`;
    return h(
      "li",
      {},
      h(
        "button",
        {
          type: "button",
          title: text,
          "aria-pressed": String(pressed),
          "data-truth": cell.truth,
          "data-predicted": cell.predicted,
          onclick: () => this.pick(cell),
        },
        h("span", { class: "pair-names" }, text),
        h("span", { class: "pair-count" }, count(n)),
      ),
    );
  }
}

function shown(n: number, total: number): HTMLElement {
  return h("p", { class: "note" }, t("n_shown", { n: count(n), total: count(total) }));
}
