/** The curve of one metric, for all chosen runs. */

import { debounce, h, setText, throttle } from "../dom";
import { clock, count, value } from "../format";
import { t } from "../i18n";
import { colour } from "../theme";
import { get, isAbort, url } from "../transport";
import type { Curve, Run } from "../types";
import { iconButton, runName } from "../ui";
import { listenToArea, listenToKeys, type Window, type Zoomable } from "./gestures";
import type { CurvesModel } from "./model";
import { savePicture } from "./picture";
import { Plot } from "./plot";
import { Readout } from "./readout";
import { smooth } from "./smooth";

export interface Loaded {
  run: Run;
  curve: Curve;
  colour: string;
  smooth: number[] | null;
}

const MARGIN = 0.5; // of the window, fetched on either side, so that panning finds something there

export class MetricChart implements Zoomable {
  readonly element: HTMLElement;
  private host = h("div", { class: "plot" });
  private note = h("p", { class: "chart-note" });
  private readout = new Readout();
  private logButton: HTMLButtonElement;
  private csv: HTMLAnchorElement;
  private plot: Plot | null = null;
  private loaded: Loaded[] = [];
  private visible = false;
  private stale = true;
  private fetching: AbortController | null = null;
  private again = false;
  private sizes: ResizeObserver;
  private sights: IntersectionObserver;
  private fetchSoon = debounce(70, () => void this.fetch());
  private fetchLive = throttle(250, () => void this.fetch(false));

  constructor(
    readonly metric: string,
    private model: CurvesModel,
    private moved: (metric: string) => void,
  ) {
    this.logButton = h(
      "button",
      { type: "button", class: "small", title: t("log_scale"), onclick: () => this.toggleLog() },
      "log",
    );
    this.csv = h("a", { class: "small button", title: t("save_csv"), download: true }, "CSV");
    const tools = h(
      "div",
      { class: "chart-tools" },
      this.logButton,
      iconButton("minus", t("zoom_out"), () => this.zoomBy(1.6)),
      iconButton("plus", t("zoom_in"), () => this.zoomBy(0.6)),
      iconButton("reset", t("zoom_reset"), () => this.change(null)),
      this.csv,
      h("button", { type: "button", class: "small", title: t("save_png"), onclick: () => this.save() }, "PNG"),
    );
    this.host.tabIndex = 0;
    this.host.setAttribute("role", "img");
    this.host.setAttribute("aria-label", t("chart_label", { metric }));
    this.host.title = "";
    this.element = h(
      "section",
      { class: "chart", "aria-label": metric, "data-metric": metric },
      h("div", { class: "chart-head" }, h("h2", {}, metric), tools),
      this.readout.element,
      this.host,
      this.note,
    );
    listenToKeys(this.host, this);
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.host);
    this.sights = new IntersectionObserver(([entry]) => {
      this.visible = entry?.isIntersecting ?? false;
      if (this.visible && this.stale) void this.fetch();
    });
    this.sights.observe(this.host);
  }

  destroy(): void {
    this.sizes.disconnect();
    this.sights.disconnect();
    this.fetchSoon.cancel();
    this.fetchLive.cancel();
    this.fetching?.abort();
    this.plot?.destroy();
  }

  /** Fetches anew: other runs or another axis were chosen. */
  reload(): void {
    this.fetchLive.cancel();
    this.stale = true;
    if (this.visible) void this.fetch();
  }

  /** New points were said. */
  grown(): void {
    this.stale = true;
    if (this.visible) this.fetchLive();
  }

  /** Another smoothing was chosen. */
  resmooth(): void {
    for (const line of this.loaded) line.smooth = this.smoothed(line.curve);
    this.draw();
  }

  /** All that there is, over all runs. */
  private extent(): Window | null {
    const all = this.loaded.flatMap(({ curve }) => curve.extent ?? []);
    return all.length ? [Math.min(...all), Math.max(...all)] : null;
  }

  shown(): Window | null {
    return this.model.window(this.metric) ?? this.extent();
  }

  change(window: Window | null): void {
    this.model.setWindow(this.metric, window && this.confine(window));
    this.moved(this.metric);
  }

  /** Shows the window that the model names now. */
  follow(): void {
    const shown = this.shown();
    if (shown) this.plot?.setWindow(shown);
    this.stale = true;
    if (this.visible) this.fetchSoon();
  }

  private zoomBy(factor: number): void {
    const shown = this.shown();
    if (!shown) return;
    const middle = (shown[0] + shown[1]) / 2;
    const half = ((shown[1] - shown[0]) / 2) * factor;
    this.change([middle - half, middle + half]);
  }

  /** A window that still shows data; null if it shows all of it. */
  private confine([from, to]: Window): Window | null {
    const extent = this.extent();
    if (!extent || !(to > from)) return null;
    const all = extent[1] - extent[0];
    const least = all * 1e-9;
    if (to - from >= all) return null;
    if (to - from < least) return [from, from + least];
    const shift = Math.max(extent[0] - from, 0) + Math.min(extent[1] - to, 0);
    return [from + shift, to + shift];
  }

  private smoothed(curve: Curve): number[] | null {
    return this.model.smoothing ? smooth(curve.y, this.model.smoothing) : null;
  }

  /** @param newest whether an answer that is under way has become useless */
  private async fetch(newest = true): Promise<void> {
    if (this.fetching && !newest) {
      this.again = true;
      return;
    }
    this.fetching?.abort();
    const control = new AbortController();
    this.fetching = control;
    this.again = false;
    this.stale = false;
    const { axis } = this.model;
    const window = this.model.window(this.metric);
    const span = window ? window[1] - window[0] : 0;
    const width = Math.max(200, Math.round(this.host.clientWidth));
    const runs = this.model
      .chosen()
      .filter((r) => r.metrics.some((m) => m.name === this.metric))
      .reverse(); // the newest is drawn last, above the others
    try {
      const curves = await Promise.all(
        runs.map((run) =>
          get<Curve>(
            "curves",
            {
              run: run.id,
              metric: this.metric,
              axis,
              from: window && window[0] - span * MARGIN,
              to: window && window[1] + span * MARGIN,
              width: window ? width * (1 + 2 * MARGIN) : width,
            },
            control.signal,
          ),
        ),
      );
      this.loaded = runs.map((run, place) => {
        const curve = curves[place] as Curve;
        return { run, curve, colour: colour(this.model.hueOf(run)), smooth: this.smoothed(curve) };
      });
      this.draw();
    } catch (error) {
      if (isAbort(error)) return;
      this.stale = true; // the next event or a new connection asks again
      setText(this.note, (error as Error).message);
    }
    if (this.fetching === control) this.fetching = null;
    if (this.again) this.fetchLive();
  }

  private draw(): void {
    if (!this.element.isConnected) return;
    const log = this.model.isLog(this.metric);
    this.logButton.setAttribute("aria-pressed", String(log));
    this.csv.href = url("curves.csv", {
      run: this.loaded.map(({ run }) => run.id).join(","),
      metric: this.metric,
    });
    const shape = JSON.stringify([
      this.loaded.map(({ run, colour: c }) => [run.id, c]),
      this.model.smoothing > 0,
      log,
      this.model.axis,
    ]);
    if (this.plot?.shape !== shape) {
      this.plot?.destroy();
      this.plot = new Plot(this.host, shape, {
        axis: this.model.axis,
        log,
        loaded: this.loaded,
        syncKey: `curves ${this.model.windowKey(this.metric)}`,
        chart: this,
        hover: (x, distance) => this.hover(x, distance),
      });
      listenToArea(this.plot.area, this);
    }
    this.plot.setData(this.loaded, this.shown());
    this.host.dataset.points = String(this.loaded.reduce((n, l) => n + l.curve.x.length, 0));
    this.host.dataset.total = String(this.loaded.reduce((n, l) => n + l.curve.total, 0));
    this.say(log);
    this.hover(null, 0);
  }

  private say(log: boolean): void {
    const reduced = this.loaded.filter(({ curve }) => curve.reduced);
    const texts: string[] = [];
    const total = reduced.reduce((sum, { curve }) => sum + curve.total, 0);
    if (total) texts.push(t("reduced", { n: count(total) }));
    const marks = this.loaded.reduce((sum, { curve }) => sum + curve.marks.length, 0);
    if (marks) texts.push(t("marks", { n: count(marks) }));
    const hidden = log
      ? this.loaded.reduce((sum, { curve }) => sum + curve.y.filter((y) => y <= 0).length, 0)
      : 0;
    if (hidden) texts.push(t("log_hides", { n: count(hidden) }));
    setText(this.note, texts.join(" · "));
  }

  /** @param x where the cursor is; null: nowhere, the last values are shown
   * @param distance how much of the axis a mark's half width covers */
  private hover(x: number | null, distance: number): void {
    this.readout.show(this.loaded, x, distance, this.model.axis);
  }

  private toggleLog(): void {
    this.model.setLog(this.metric, !this.model.isLog(this.metric));
    this.draw();
  }

  private resize(): void {
    if (!this.host.clientWidth) return;
    this.plot?.resize();
    if (this.plot) this.fetchSoon();
  }

  private save(): void {
    if (!this.plot) return;
    const axis = t(`axis_${this.model.axis}`);
    const smoothing = this.model.smoothing;
    savePicture(
      this.plot.canvas,
      {
        title: this.metric,
        subtitle: [axis, smoothing ? t("smoothed", { n: smoothing }) : "", clock(Date.now())]
          .filter(Boolean)
          .join(" · "),
        legend: this.loaded.map(({ run, curve, colour: c }) => ({
          text: `${runName(run)} · ${run.instance} · ${value(curve.y.at(-1))}`,
          colour: c,
        })),
        note: this.note.textContent ?? "",
        background: colour("surface"),
        colour: colour("text"),
        muted: colour("muted"),
      },
      `${this.metric.replace(/[^\p{L}\p{N}._-]+/gu, "_")}.png`,
    );
  }
}
