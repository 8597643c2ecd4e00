/** The row of buttons above a chart. */

import { h, setAttribute } from "../dom";
import { t } from "../i18n";
import { iconButton } from "../ui";

export interface ChartActions {
  toggleLog(): void;
  /** @param factor of the window's width */
  zoomBy(factor: number): void;
  showAll(): void;
  savePicture(): void;
}

export class ChartTools {
  readonly element: HTMLElement;
  private logButton: HTMLButtonElement;
  private csv = h("a", { class: "small button", title: t("save_csv"), download: true }, "CSV");

  constructor(metric: string, chart: ChartActions) {
    const small = (text: string, title: string, onclick: () => void): HTMLButtonElement =>
      h("button", { type: "button", class: "small", title, onclick }, text);
    this.logButton = small("log", t("log_scale"), () => chart.toggleLog());
    this.element = h(
      "div",
      { class: "chart-tools", role: "group", "aria-label": metric },
      this.logButton,
      iconButton("minus", t("zoom_out"), () => chart.zoomBy(1.6)),
      iconButton("plus", t("zoom_in"), () => chart.zoomBy(0.6)),
      iconButton("reset", t("zoom_reset"), () => chart.showAll()),
      this.csv,
      small("PNG", t("save_png"), () => chart.savePicture()),
    );
  }

  update(log: boolean, csv: string): void {
    setAttribute(this.logButton, "aria-pressed", String(log));
    setAttribute(this.csv, "href", csv);
  }
}
