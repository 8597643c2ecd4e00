/** The curve of one metric: when it is fetched and drawn, and in which window. */

import { debounce, h, setText } from "../dom";
import type { FigureTable } from "./figures";
import { t } from "../i18n";
import { url } from "../transport";
import { inTwo } from "./groups";
import { listenToArea, listenToKeys, type Zoomable } from "./gestures";
import { Lines } from "./lines";
import type { CurvesModel } from "./model";
import { savePicture } from "./picture";
import { Plot, type Hover } from "./plot";
import { Readout } from "./readout";
import { remarks } from "./remarks";
import { Tooltip } from "./tooltip";
import { ChartTools, type ChartActions } from "./tools";
import { confine, zoom, type Window } from "./window";

const SETTLED_MS = 70; // without a movement, before a window is fetched

export interface ChartOptions {
  /** Called when the chart has set its window in the model. */
  moved(metric: string): void;
  /** Shows it in large; undefined: it is. */
  enlarge?: (metric: string) => void;
  togglePin?: (metric: string) => void;
  /** Follows the chart. */
  figures?: FigureTable;
}

export class MetricChart implements Zoomable, ChartActions {
  readonly enlarge: (() => void) | undefined;
  readonly togglePin: (() => void) | undefined;
  readonly element: HTMLElement;
  private host = h("div", { class: "plot", tabindex: "0", role: "application" });
  private note = h("p", { class: "chart-note" });
  private readout = new Readout();
  private tooltip = new Tooltip();
  private tools: ChartTools;
  private lines: Lines;
  private plot: Plot | null = null;
  private colours = 0; // counts the changes of theme
  private visible = false;
  private stale = true; // what is shown is not the latest
  private sizes = new ResizeObserver(() => this.resize());
  private sights = new IntersectionObserver(([entry]) => this.seen(entry?.isIntersecting ?? false));
  private fetchSoon = debounce(SETTLED_MS, () => this.fetch());

  constructor(
    readonly metric: string,
    private model: CurvesModel,
    private options: ChartOptions,
  ) {
    const { enlarge, togglePin } = options;
    this.enlarge = enlarge && (() => enlarge(metric));
    this.togglePin = togglePin && (() => togglePin(metric));
    this.tools = new ChartTools(metric, this);
    this.lines = new Lines(
      metric,
      model,
      () => this.host.clientWidth,
      () => this.draw(),
      (text) => {
        this.stale = true; // the next event or a new connection asks again
        setText(this.note, text);
      },
    );
    this.host.setAttribute("aria-label", t("chart_label", { metric }));
    this.host.append(this.tooltip.element);
    const [head, tail] = inTwo(metric);
    this.element = h(
      "section",
      { class: "chart", "aria-label": metric, "data-metric": metric },
      h(
        "div",
        { class: "chart-head" },
        h("h2", { title: metric }, h("span", { class: "cut" }, head), tail && h("span", {}, tail)),
        this.tools.element,
      ),
      this.readout.element,
      this.host,
      this.note,
    );
    listenToKeys(this.host, this);
    this.showTools();
    this.sizes.observe(this.host);
    this.sights.observe(this.host);
    // The observer's first answer comes a frame later; its place is known when this turn ends.
    queueMicrotask(() => this.seen(isOnScreen(this.host)));
  }

  destroy(): void {
    this.sizes.disconnect();
    this.sights.disconnect();
    this.fetchSoon.cancel();
    this.lines.close();
    this.plot?.destroy();
  }

  focus(): void {
    this.host.focus();
  }

  /** Other runs or another axis were chosen, or the server is another one. */
  reload(): void {
    this.stale = true;
    this.fetch();
  }

  /** New points were reported. */
  grown(): void {
    this.stale = !this.visible;
    if (this.visible) this.lines.grown();
  }

  resmooth(): void {
    this.lines.resmooth();
    this.draw();
  }

  recolour(): void {
    this.colours++;
    this.lines.recolour();
    if (this.plot) this.draw();
  }

  shown(): Window | null {
    return this.model.window(this.metric) ?? this.lines.extent();
  }

  change(window: Window | null): void {
    this.model.setWindow(this.metric, window && confine(window, this.lines.extent()));
    this.options.moved(this.metric);
  }

  /** Shows the window that the model names now. */
  follow(): void {
    const shown = this.shown();
    if (shown) this.plot?.setWindow(shown);
    this.options.figures?.update(this.lines.all, shown);
    this.stale = true;
    this.fetchSoon();
  }

  zoomBy(factor: number): void {
    const shown = this.shown();
    if (shown) this.change(zoom(shown, factor, 0.5));
  }

  showAll(): void {
    this.change(null);
  }

  toggleLog(): void {
    this.model.setLog(this.metric, !this.model.isLog(this.metric));
    this.draw();
  }

  savePicture(form: "svg" | "png"): void {
    savePicture(form, this.metric, this.model, this.lines, this.shown()).catch((error: unknown) =>
      setText(this.note, (error as Error).message),
    );
  }

  /** It was pinned, or is no longer. */
  pinned(): void {
    this.showTools();
  }

  private seen(visible: boolean): void {
    this.visible = visible;
    if (this.stale) this.fetch();
  }

  private fetch(): void {
    if (!this.visible) return; // it is done when the chart comes into sight
    this.stale = false;
    this.lines.reload();
  }

  private draw(): void {
    if (!this.element.isConnected) return;
    const lines = this.lines.all;
    const log = this.model.isLog(this.metric);
    const ids = lines.map(({ run }) => run.id);
    this.showTools();
    const { axis, smoothing } = this.model;
    const shape = JSON.stringify([ids, smoothing > 0, log, axis, this.colours]);
    if (this.plot?.shape !== shape) {
      this.plot?.destroy();
      this.plot = new Plot(this.host, shape, {
        axis,
        log,
        lines,
        syncKey: `curves ${this.model.windowKey(this.metric)}`,
        chart: this,
        hover: (at) => this.hover(at),
      });
      listenToArea(this.plot.area, this);
    }
    this.plot.setData(lines, this.shown());
    this.host.dataset.axis = axis;
    this.host.dataset.points = String(lines.reduce((n, { curve }) => n + curve.x.length, 0));
    this.host.dataset.total = String(lines.reduce((n, { curve }) => n + curve.total, 0));
    this.note.title = remarks(lines, log).join(" · ");
    setText(this.note, this.note.title);
    this.options.figures?.update(lines, this.shown());
  }

  private hover(at: Hover | null): void {
    const { axis } = this.model;
    this.readout.show(this.lines.all, at, axis);
    if (this.plot) this.tooltip.show(this.lines.all, at, axis, this.plot.area);
    this.options.figures?.hover(at);
  }

  private showTools(): void {
    const ids = this.lines.all.map(({ run }) => run.id);
    const csv = url("curves.csv", { run: ids.join(","), metric: this.metric });
    this.tools.update(this.model.isLog(this.metric), csv, this.model.pinned.has(this.metric));
  }

  private resize(): void {
    if (!this.host.clientWidth || !this.host.clientHeight || !this.plot) return;
    if (this.plot.resize()) this.fetchSoon();
  }
}

function isOnScreen(element: HTMLElement): boolean {
  const { top, bottom, height } = element.getBoundingClientRect();
  return height > 0 && bottom > 0 && top < innerHeight;
}
