/** The values of all runs beside the cursor, the one that is pointed at first. */

import { h, show } from "../dom";
import { t } from "../i18n";
import type { Axis } from "../types";
import { runName } from "../ui";
import type { Line } from "./lines";
import type { Hover } from "./plot";
import { position, valueAt } from "./values";

const MOST = 12; // runs
const BESIDE = 14; // px from the cursor

export class Tooltip {
  readonly element = h("div", { class: "chart-tip", role: "tooltip", hidden: true });

  /** @param area the plot's own, in which the cursor is
   * @param at null, or over another chart: nothing is shown */
  show(lines: Line[], at: Hover | null, axis: Axis, area: HTMLElement): void {
    if (!at || at.line === null) {
      show(this.element, false);
      return;
    }
    const pointed = at.line;
    const newest = lines.map((_, number) => number).reverse(); // as the legend has them
    const order = newest.slice(0, MOST);
    if (!order.includes(pointed)) order[MOST - 1] = pointed;
    this.element.replaceChildren(
      h("p", { class: "tip-x" }, position(at.x, axis, lines.some(({ run }) => run.by_batch))),
      ...order.map((number) => row(lines[number] as Line, at, number === pointed)),
      lines.length > MOST ? h("p", { class: "note" }, t("n_more", { n: lines.length - MOST })) : "",
    );
    show(this.element, true);
    this.place(at, area);
  }

  /** At the side of the cursor that has room for it. */
  private place({ left, top }: Hover, area: HTMLElement): void {
    const { element } = this;
    const [x, y] = [area.offsetLeft + left, area.offsetTop + top];
    const after = x + BESIDE;
    const { clientWidth, clientHeight } = element.parentElement as HTMLElement;
    const fits = after + element.offsetWidth <= clientWidth;
    const before = Math.max(0, x - BESIDE - element.offsetWidth);
    const lowest = Math.max(0, clientHeight - element.offsetHeight);
    element.style.left = `${fits ? after : before}px`;
    element.style.top = `${Math.min(lowest, Math.max(0, y - element.offsetHeight / 2))}px`;
  }
}

function row(line: Line, at: Hover, pointed: boolean): HTMLElement {
  const element = h(
    "p",
    { class: pointed ? "tip-run pointed" : "tip-run" },
    h("span", { class: "swatch", "aria-hidden": "true" }),
    h("span", { class: "tip-name" }, runName(line.run)),
    h("span", { class: "tip-value" }, valueAt(line, at).text),
  );
  element.style.setProperty("--run", line.colour);
  return element;
}
