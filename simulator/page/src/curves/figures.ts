/** The table below the enlarged chart: each run with its least, greatest and last value. */

import { h, setText } from "../dom";
import { count, value } from "../format";
import { t } from "../i18n";
import { runName } from "../ui";
import type { Line } from "./lines";
import { figuresOf, valueAt, type Place } from "./values";
import type { Window } from "./window";

export class FigureTable {
  private body = h("tbody");
  readonly element = h(
    "div",
    { class: "table-box figure-table", tabindex: "0", role: "group", "aria-label": t("values") },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ...(["run", "at_cursor", "least", "greatest", "last", "points"] as const).map((key) =>
            h("th", { scope: "col" }, t(key)),
          ),
        ),
      ),
      this.body,
    ),
  );
  private cursors: HTMLElement[] = [];
  private lines: Line[] = [];

  /** @param window that is shown; the figures are of it */
  update(lines: Line[], window: Window | null): void {
    this.lines = [...lines].reverse();
    this.cursors = lines.map(() => h("td", { class: "number" }));
    this.body.replaceChildren(
      ...this.lines.map((line, number) => {
        const { min, max, last } = figuresOf(line, window);
        const name = h("th", { scope: "row" }, h("span", { class: "swatch", "aria-hidden": "true" }));
        name.append(` ${runName(line.run)} `, h("span", { class: "note" }, line.run.instance));
        name.style.setProperty("--run", line.colour);
        return h(
          "tr",
          {},
          name,
          this.cursors[number],
          ...[value(min), value(max), value(last), count(line.curve.total)].map((text) =>
            h("td", { class: "number" }, text),
          ),
        );
      }),
    );
    this.hover(null);
  }

  hover(place: Place | null): void {
    this.lines.forEach((line, number) => {
      const cell = this.cursors[number];
      if (cell) setText(cell, place ? valueAt(line, place).text : "–");
    });
  }
}
