/** How good the predictions are: figures, confusion matrix, figures per class. */

import { h, show } from "../dom";
import { count, percent } from "../format";
import { t } from "../i18n";
import type { Summary } from "../types";
import { notice } from "../ui";
import { Confusions } from "./confusions";
import { classTable, matrixTable } from "./matrix";
import { mistakesIn } from "./mistakes";
import type { PrecisionCurve } from "./precision";
import type { Cell } from "./query";

/** Classes of which a matrix still fits on a screen. */
export const MATRIX_CLASSES = 50;

export class Figures {
  private feedback = notice();
  private figures = h("div", { class: "figures" });
  private tables = h("div", { class: "tables" });
  readonly element: HTMLElement;
  private confusions: Confusions;

  /** @param curve of precision over recall */
  constructor(
    private pick: (cell: Cell) => void,
    private curve: PrecisionCurve,
  ) {
    this.element = h(
      "section",
      { class: "numbers", "aria-label": t("figures") },
      this.feedback.element,
      this.figures,
      this.tables,
      this.curve.element,
    );
    this.confusions = new Confusions(pick);
    this.clear();
  }

  /** Shows nothing: of what is shown now, nothing is known yet. */
  clear(): void {
    this.feedback.show("");
    this.figures.replaceChildren();
    this.tables.replaceChildren();
    this.curve.clear();
    show(this.element, false);
  }

  fail(text: string): void {
    show(this.element, true);
    this.feedback.show(text, true);
  }

  /** @param chosen the matrix's cell whose images are shown */
  show(summary: Summary, chosen: Cell | null): void {
    show(this.element, true);
    this.feedback.show("");
    const known = summary.truth;
    const mistakes = mistakesIn(summary);
    this.figures.replaceChildren(
      figure(t("accuracy"), known ? percent(summary.accuracy, 2) : "–"),
      figure(t("images"), count(summary.images)),
      figure(t("predictions"), count(summary.predictions)),
      figure(t("mistakes"), known ? count(mistakes) : "–"),
    );
    if (known && summary.classes.length > MATRIX_CLASSES) {
      this.confusions.show(summary, chosen);
      // What is being typed into its search stays.
      if (!this.confusions.element.isConnected) this.tables.replaceChildren(this.confusions.element);
      return;
    }
    const focused = this.tables.contains(document.activeElement);
    this.tables.replaceChildren(
      ...(known
        ? [matrixTable(summary, chosen, this.pick), classTable(summary.per_class)]
        : [h("p", { class: "note" }, t("no_truth"))]),
    );
    if (focused) this.tables.querySelector<HTMLElement>("[aria-pressed=true]")?.focus();
  }
}

function figure(name: string, text: string): HTMLElement {
  return h("div", { class: "figure" }, h("b", {}, text), h("span", {}, name));
}
