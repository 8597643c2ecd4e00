/** The row of buttons above a chart. */

import { h, setAttribute } from "../dom";
import { t } from "../i18n";
import { menu } from "../menu";
import { LIVE } from "../transport";
import { iconButton } from "../ui";

export interface ChartActions {
  toggleLog(): void;
  /** @param factor of the window's width */
  zoomBy(factor: number): void;
  showAll(): void;
  savePicture(form: "svg" | "png"): void;
  /** Undefined: the chart is the enlarged one. */
  enlarge?: (() => void) | undefined;
  togglePin?: (() => void) | undefined;
}

export class ChartTools {
  readonly element: HTMLElement;
  private logButton: HTMLButtonElement;
  private pin: HTMLButtonElement | null = null;
  private csv = h("a", { class: "button", download: true }, "CSV");

  constructor(metric: string, chart: ChartActions) {
    const action = (text: string, onclick: () => void): HTMLButtonElement =>
      h("button", { type: "button", onclick }, text);
    this.logButton = h(
      "button",
      { type: "button", class: "small", title: t("log_scale"), onclick: () => chart.toggleLog() },
      "log",
    );
    const { enlarge, togglePin } = chart;
    if (togglePin) this.pin = iconButton("pin", t("pin"), togglePin);
    this.element = h(
      "div",
      { class: "chart-tools", role: "group", "aria-label": metric },
      this.pin,
      this.logButton,
      iconButton("minus", t("zoom_out"), () => chart.zoomBy(1.6)),
      iconButton("plus", t("zoom_in"), () => chart.zoomBy(0.6)),
      iconButton("reset", t("zoom_reset"), () => chart.showAll()),
      enlarge ? iconButton("enlarge", t("enlarge"), enlarge) : null,
      menu(
        "download",
        t("export_chart"),
        "",
        action("SVG", () => chart.savePicture("svg")),
        action("PNG", () => chart.savePicture("png")),
        LIVE ? this.csv : h("span", { hidden: true }),
      ),
    );
  }

  update(log: boolean, csv: string, pinned: boolean): void {
    setAttribute(this.logButton, "aria-pressed", String(log));
    setAttribute(this.csv, "href", csv);
    if (!this.pin) return;
    setAttribute(this.pin, "aria-pressed", String(pinned));
    const label = t(pinned ? "unpin" : "pin");
    setAttribute(this.pin, "title", label);
    setAttribute(this.pin, "aria-label", label);
  }
}
