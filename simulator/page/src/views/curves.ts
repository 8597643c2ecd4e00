/** The curves of the chosen runs, one chart per metric. */

import { MetricChart } from "../curves/chart";
import { CurvesModel } from "../curves/model";
import { debounce, h, KeyedList, setAttribute, setText, show, type Row } from "../dom";
import { clock, count } from "../format";
import { t } from "../i18n";
import { store } from "../state";
import type { Axis, Run } from "../types";
import { url } from "../transport";
import { choice, empty, link, runName, type View } from "../ui";

export function curves(): View {
  const model = new CurvesModel();
  const charts = new Map<string, MetricChart>();
  const grid = h("div", { class: "charts" });
  const nothing = empty("empty_curves", "empty_curves_text", link(t("nav_overview"), "#/overview"));
  const noneChosen = h("p", { class: "hint" }, t("no_runs_chosen"));
  const legend = h("div", { class: "legend", role: "group", "aria-label": t("runs") });
  const runs = new KeyedList<Run>(legend, (r) => String(r.id), (run) => chip(run, model, pick));
  const all = h("a", { class: "button", download: true }, t("save_all_csv"));
  const strength = h("output", { class: "mono" }, String(model.smoothing));
  const slider = h("input", {
    type: "range",
    min: "0",
    max: "0.99",
    step: "0.01",
    value: String(model.smoothing),
    oninput: () => smooth(slider.valueAsNumber),
  });
  const keepSmoothing = debounce(150, (weight: number) => model.setSmoothing(weight));
  const smooth = (weight: number): void => {
    setText(strength, String(weight));
    model.smoothing = weight;
    keepSmoothing(weight);
    charts.forEach((chart) => chart.resmooth());
  };
  const axes = choice(
    t("axis"),
    (["epoch", "step", "time"] as Axis[]).map((a) => [a, t(`axis_${a}`)]),
    model.axis,
    (axis) => {
      model.setAxis(axis as Axis);
      charts.forEach((chart) => chart.reload());
    },
  );
  const tools = h(
    "div",
    { class: "toolbar" },
    h("div", { class: "tool" }, h("span", { class: "field-label" }, t("axis")), axes.element),
    h("label", { class: "tool" }, h("span", { class: "field-label" }, t("smoothing")), slider, strength),
    all,
  );
  const help = h("p", { class: "note chart-help" }, t("chart_help"));
  const element = h(
    "div",
    { class: "view curves" },
    h("div", { class: "view-head" }, h("h1", {}, t("nav_curves"))),
    legend,
    tools,
    noneChosen,
    grid,
    help,
    nothing,
  );

  const keepWindows = debounce(200, () => model.keepWindows());
  const moved = (metric: string): void => {
    const key = model.windowKey(metric);
    for (const [name, chart] of charts) if (model.windowKey(name) === key) chart.follow();
    keepWindows();
  };

  let shown = ""; // which runs
  const points = new Map<string, number>();
  const update = (): void => {
    const candidates = model.candidates();
    const chosen = model.chosen();
    runs.update(candidates);
    const any = candidates.length > 0;
    show(nothing, !any);
    for (const part of [legend, tools, grid, help]) show(part, any);
    show(noneChosen, any && chosen.length === 0);
    setAttribute(all, "href", url("curves.csv", { run: chosen.map((r) => r.id).join(",") }));
    const names = [...new Set(chosen.flatMap((run) => run.metrics.map((m) => m.name)))];
    for (const [name, chart] of charts) {
      if (names.includes(name)) continue;
      chart.destroy();
      chart.element.remove();
      charts.delete(name);
    }
    const now = chosen.map((r) => r.id).join(",");
    const others = now !== shown;
    shown = now;
    for (const name of names) {
      const total = chosen.reduce(
        (sum, run) => sum + (run.metrics.find((m) => m.name === name)?.points ?? 0),
        0,
      );
      const chart = charts.get(name);
      if (!chart) {
        const made = new MetricChart(name, model, moved);
        charts.set(name, made);
        grid.append(made.element);
      } else if (others) chart.reload();
      else if (points.get(name) !== total) chart.grown();
      points.set(name, total);
    }
  };
  const pick = (run: Run): void => {
    model.toggle(run);
    update();
  };
  const stops = [
    store.onFrame(["run", "forgotten"], update),
    store.on(["state"], () => {
      update(); // even if the runs are called the same
      charts.forEach((chart) => chart.reload()); // the server may be another one
    }),
  ];
  update();
  return {
    element,
    destroy() {
      stops.forEach((stop) => stop());
      keepWindows.cancel();
      keepSmoothing.cancel();
      charts.forEach((chart) => chart.destroy());
    },
    recolour: () => charts.forEach((chart) => chart.recolour()),
  };
}

/** A run in the legend: pressed while it is shown. */
function chip(first: Run, model: CurvesModel, pick: (run: Run) => void): Row<Run> {
  let run = first;
  const name = h("span", { class: "chip-name" }, runName(run));
  const state = h("span", { class: "chip-state" });
  const element = h(
    "button",
    { type: "button", class: "chip", onclick: () => pick(run), "data-run": String(run.id) },
    h("span", { class: "swatch", "aria-hidden": "true" }),
    name,
    state,
  );
  element.style.setProperty("--run", `var(--${model.hueOf(run)})`);
  return {
    element,
    update(next) {
      run = next;
      const pressed = model.chosen().some((r) => r.id === run.id);
      setAttribute(element, "aria-pressed", String(pressed));
      const points = Math.max(0, ...run.metrics.map((m) => m.points));
      setText(
        state,
        run.ended_ms === null
          ? t("run_running")
          : run.status === 200
            ? clock(run.started_ms)
            : t("run_failed"),
      );
      element.title = `${run.instance}\n${clock(run.started_ms)} · ${t("n_points", { n: count(points) })}`;
    },
  };
}

