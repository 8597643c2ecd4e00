/** Predictions on their images, and how good they are. */

import { debounce, h, setText, show, throttle } from "../dom";
import { count } from "../format";
import { t } from "../i18n";
import { comparison } from "../comparison/view";
import { Figures } from "../results/figures";
import { Filters } from "../results/filters";
import { Gallery } from "../results/gallery";
import { PrecisionCurve } from "../results/precision";
import { ResultsQuery, type Cell } from "../results/query";
import type { PictureOptions } from "../results/picture";
import { ResultTable } from "../results/table";
import { Tile } from "../results/tile";
import { route } from "../route";
import { store } from "../state";
import { get, isAbort } from "../transport";
import type { ResultItem, Run, Summary } from "../types";
import { choice, empty, link, type View } from "../ui";

const SETTLED_MS = 180; // without a movement of the slider, before the server is asked
const LIVE_MS = 1000;
const LIVE_CURVE = 5000; // predictions
const CURVE_GROWTH = 1.1; // of more predictions, until the curve follows: each time costs all of them

export function results(scroller: HTMLElement): View {
  return route.get("against") ? comparison(scroller) : one(scroller);
}

/** The results of one run. */
function one(scroller: HTMLElement): View {
  const query = new ResultsQuery();
  let shown: { run: number; results: number; ended: boolean; turned: boolean } | null = null; // when the server was asked last
  let summary: Summary | null = null;
  let asking = new AbortController();
  let drawn = { run: 0, confidence: 0, predictions: 0 }; // when the curve was asked for last

  const filters = new Filters(query, {
    run: () => update(),
    narrowed: () => narrow(),
    confidence: () => {
      gallery.refresh(); // boxes follow at once, outcomes with the server's answer
      confide();
    },
  });
  const total = h("p", { class: "gallery-count", role: "status" });
  const options = (): PictureOptions => ({ classes: summary?.classes ?? [], confidence: query.confidence, labels: false });
  const gallery = new Gallery<ResultItem>(
    scroller,
    {
      path: "results",
      tile: (open) => {
        const tile = new Tile(open);
        return { element: tile.element, show: (item) => tile.show(item, options()) };
      },
      panes: (item) => [{ item, options: options(), title: "" }],
    },
    ({ total: n }) => counted(n, query.run?.images ?? 0),
  );
  const curve = new PrecisionCurve((confidence) => filters.moveTo(confidence));
  const counted = (n: number, of: number): void =>
    setText(total, t(inRows() ? "n_rows_shown" : "n_images_shown", { n: count(n), total: count(Math.max(of, n)) }));
  const rows = new ResultTable(scroller, (n) => counted(n, summary?.predictions ?? n));
  const shapes = choice(
    t("shown_as"),
    [
      ["images", t("images")],
      ["rows", t("rows")],
    ],
    "images",
    (shape) => {
      route.set({ as: shape });
      narrow();
    },
  );
  /** As chosen; else by what the results are of. */
  const inRows = (): boolean => (route.get("as") ?? (summary?.pictures === false ? "rows" : "images")) === "rows";
  const figures = new Figures((cell) => pick(cell), curve);
  const body = h(
    "div",
    { class: "results-body" },
    h(
      "section",
      { class: "images", "aria-label": t("gallery") },
      h("div", { class: "list-head" }, shapes.element, total),
      gallery.element,
      rows.element,
    ),
    figures.element,
  );
  const nothing = empty("empty_results", "empty_results_text", link(t("nav_overview"), "#/overview"));
  const element = h(
    "div",
    { class: "view results" },
    h("div", { class: "view-head" }, h("h1", {}, t("nav_results"))),
    filters.element,
    body,
    nothing,
  );

  const narrow = (): void => {
    filters.update();
    if (summary) figures.show(summary, query.cell);
    const asRows = inRows();
    shapes.set(asRows ? "rows" : "images");
    show(gallery.element, !asRows);
    show(rows.element, asRows);
    (asRows ? rows : gallery).ask(query.parameters);
  };
  const ask = (): void => {
    narrow();
    void askSummary();
  };
  const askSummary = async (): Promise<void> => {
    asking.abort();
    const control = (asking = new AbortController());
    const { run, confidence } = query.parameters;
    try {
      const answer = await get<Summary>("summary", { run, confidence }, control.signal);
      const other = summary?.pictures !== answer.pictures;
      const others = JSON.stringify(answer.classes) !== JSON.stringify(summary?.classes);
      summary = answer;
      filters.showClasses(answer.classes);
      filters.showPictures(answer.pictures);
      figures.show(answer, query.cell);
      if (answer.truth && query.run) showCurve(query.run, Number(confidence), answer.predictions);
      if (other && inRows()) narrow();
      if (others) gallery.refresh(); // a class's colour is its place among all
    } catch (error) {
      if (!isAbort(error)) figures.fail((error as Error).message);
    }
  };
  /** While many results are coming in, the curve follows in steps, the figures at once. */
  const showCurve = (run: Run, confidence: number, predictions: number): void => {
    const live = run.ended_ms === null && predictions > LIVE_CURVE;
    const same = drawn.run === run.id && drawn.confidence === confidence;
    if (live && same && predictions < drawn.predictions * CURVE_GROWTH) return;
    drawn = { run: run.id, confidence, predictions };
    curve.ask(run.id, confidence);
  };
  const pick = (cell: Cell): void => {
    query.toggle(cell);
    narrow();
    if (getComputedStyle(body).flexDirection === "column") total.scrollIntoView({ block: "start" });
  };
  const confide = debounce(SETTLED_MS, () => {
    query.keepConfidence();
    ask();
  });
  const grown = throttle(LIVE_MS, () => {
    (inRows() ? rows : gallery).grown();
    void askSummary();
  });
  const update = (): void => {
    const { run } = query;
    show(nothing, !run);
    show(filters.element, Boolean(run));
    show(body, Boolean(run));
    if (!run) return;
    filters.showRun(run);
    const ended = run.ended_ms !== null;
    if (run.id !== shown?.run) {
      summary = null; // another run's figures must not stand beside this one's images
      figures.clear();
      drawn = { run: 0, confidence: 0, predictions: 0 };
      ask();
    } else if (run.turned !== shown.turned) narrow();
    else if (run.results !== shown.results || ended !== shown.ended) grown();
    shown = { run: run.id, results: run.results, ended, turned: run.turned };
  };
  const stops = [
    store.onFrame(["run", "forgotten"], update),
    store.on(["state"], () => {
      shown = null; // the server may be another one
      update();
    }),
  ];
  update();
  return {
    element,
    destroy() {
      stops.forEach((stop) => stop());
      confide.cancel();
      grown.cancel();
      asking.abort();
      gallery.destroy();
      rows.destroy();
    },
  };
}
