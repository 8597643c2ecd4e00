/** The values under the cursor, one for each run; without a cursor the last ones. */

import { h, setText } from "../dom";
import { clock, percent, value } from "../format";
import { t } from "../i18n";
import type { Axis } from "../types";
import { runName } from "../ui";
import type { Line } from "./lines";
import { nearest } from "./smooth";

export class Readout {
  private at = h("span", { class: "readout-x" });
  private values = h("span", { class: "readout-values" });
  readonly element = h("div", { class: "readout" }, this.values, this.at);
  private slots: HTMLElement[] = [];

  show(lines: Line[], x: number | null, distance: number, axis: Axis): void {
    if (this.slots.length !== lines.length) {
      this.slots = lines.map(() => h("span", { class: "readout-value" }));
      this.values.replaceChildren(...[...this.slots].reverse()); // as the legend has them
    }
    let at = x;
    lines.forEach(({ run, curve, colour, smooth }, place) => {
      const slot = this.slots[place] as HTMLElement;
      slot.style.setProperty("--run", colour);
      slot.title = `${runName(run)} · ${run.instance}`;
      const found = x === null ? curve.x.length - 1 : nearest(curve.x, x);
      if (found >= 0 && lines.length === 1) at = curve.x[found] ?? null;
      const mark = x === null ? undefined : curve.marks.find((m) => Math.abs(m.x - x) <= distance);
      if (mark && lines.length === 1) at = mark.x;
      const { x: xs } = curve;
      const beside = x !== null && (x < (xs[0] ?? 0) - distance || x > (xs.at(-1) ?? 0) + distance);
      if (beside && !mark) {
        setText(slot, "–"); // this run has nothing here
        return;
      }
      const raw = mark ? value(mark.value) : value(curve.y[found]);
      const smoothed = smooth && !mark && found >= 0 ? `${value(smooth[found])} (${raw})` : raw;
      setText(slot, smoothed);
    });
    setText(this.at, at === null ? "" : position(at, axis, lines.some(({ run }) => run.by_batch)));
    this.element.classList.toggle("hovering", x !== null);
  }
}

/** A place on the x axis; epochs are counted as the algorithm does. */
function position(x: number, axis: Axis, byBatch: boolean): string {
  if (axis === "time") return clock(x, true);
  const name = t(`axis_${axis}`);
  if (axis === "step") return `${name} ${Math.round(x)}`;
  if (!byBatch) return `${name} ${Number(x.toFixed(3))}`;
  const epoch = Math.ceil(Number(x.toFixed(6))) - 1;
  return `${name} ${epoch} · ${percent(x - epoch)}`;
}
