/** The line above a chart: each run's name with its value under the cursor, else with its last. */

import { h, setText } from "../dom";
import type { Axis } from "../types";
import { runName } from "../ui";
import type { Line } from "./lines";
import { position, valueAt, type Place } from "./values";

export class Readout {
  private at = h("span", { class: "readout-x" });
  private values = h("span", { class: "readout-values" });
  readonly element = h("div", { class: "readout" }, this.values, this.at);
  private slots: { name: HTMLElement; value: HTMLElement }[] = [];

  show(lines: Line[], place: Place | null, axis: Axis): void {
    if (this.slots.length !== lines.length) {
      this.slots = lines.map(() => ({
        name: h("span", { class: "readout-name" }),
        value: h("span", { class: "readout-value" }),
      }));
      const shown = [...this.slots].reverse(); // as the legend has them
      this.values.replaceChildren(
        ...shown.map(({ name, value }) => h("span", { class: "readout-run" }, name, value)),
      );
    }
    let at = place?.x ?? null;
    lines.forEach((line, number) => {
      const { name, value } = this.slots[number] as (typeof this.slots)[number];
      name.style.setProperty("--run", line.colour);
      value.style.setProperty("--run", line.colour);
      setText(name, runName(line.run));
      const found = valueAt(line, place, lines.length > 1); // the tooltip has both of each
      name.title = line.run.instance;
      setText(value, found.text);
      if (lines.length === 1 && found.x !== null) at = found.x;
    });
    setText(this.at, at === null ? "" : position(at, axis, lines.some(({ run }) => run.by_batch)));
    this.element.classList.toggle("hovering", place !== null);
  }
}
