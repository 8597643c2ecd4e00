/** The curves of the chosen runs: one chart for each metric, in groups that can be folded. */

import { MetricChart } from "../curves/chart";
import { enlarge } from "../curves/enlarged";
import { ExportMenu, importer } from "../curves/export";
import { groupsOf, inTwo, type Group } from "../curves/groups";
import { AXES, CurvesModel } from "../curves/model";
import { Sections } from "../curves/sections";
import { debounce, h, KeyedList, setAttribute, setText, show, type Row } from "../dom";
import { clock, count } from "../format";
import { t } from "../i18n";
import { icon } from "../icons";
import { isWhole } from "../runs/metrics";
import { store } from "../state";
import type { Axis, Run } from "../types";
import { LIVE } from "../transport";
import { button, choice, empty, link, runName, type View } from "../ui";

const SEARCH_MS = 120; // without a letter, before the charts follow

export function curves(scroller: HTMLElement): View {
  const model = new CurvesModel();
  const charts = new Map<string, MetricChart>(); // those near the screen
  let large: MetricChart | null = null;
  const all = (): MetricChart[] => (large ? [...charts.values(), large] : [...charts.values()]);
  const nothing = empty("empty_curves", "empty_curves_text", link(t("nav_overview"), "#/overview"));
  if (LIVE) nothing.append(importer().element);
  const noneChosen = h("p", { class: "hint" }, t("no_runs_chosen"));
  const noneFound = h("p", { class: "hint", hidden: true });
  const legend = h("div", { class: "legend", role: "group", "aria-label": t("runs") });
  const runs = new KeyedList<Run>(legend, (r) => String(r.id), (run) => chip(run, model, pick));
  const exports = new ExportMenu();
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
    all().forEach((chart) => chart.resmooth());
  };
  const axes = choice(
    t("axis"),
    AXES.map((a) => [a, t(`axis_${a}`)]),
    model.axis,
    (axis) => {
      model.setAxis(axis as Axis);
      all().forEach((chart) => chart.reload());
    },
  );
  const search = h("input", {
    type: "search",
    placeholder: t("search_metrics"),
    "aria-label": t("search_metrics"),
    value: model.search,
    oninput: () => find(search.value),
  });
  const find = debounce(SEARCH_MS, (text: string) => {
    model.setSearch(text);
    arrange();
  });
  const total = h("span", { class: "note", role: "status" });
  const foldAll = button(t("fold_all"), () => fold(true), { class: "small" });
  const unfoldAll = button(t("unfold_all"), () => fold(false), { class: "small" });
  const tools = h(
    "div",
    { class: "toolbar" },
    h("div", { class: "tool" }, h("span", { class: "field-label" }, t("axis")), axes.element),
    h("label", { class: "tool" }, h("span", { class: "field-label" }, t("smoothing")), slider, strength),
    h("div", { class: "tool" }, search, total, foldAll, unfoldAll),
    LIVE ? exports.element : null,
  );
  const help = h("p", { class: "note chart-help" }, t("chart_help"));

  const keepWindows = debounce(200, () => model.keepWindows());
  const moved = (metric: string): void => {
    const key = model.windowKey(metric);
    for (const chart of all()) if (model.windowKey(chart.metric) === key) chart.follow();
    keepWindows();
  };
  const open = (metric: string): void => {
    if (large) return;
    large = enlarge(metric, model, moved, () => {
      large = null;
      charts.get(metric)?.focus();
    });
  };
  const togglePin = (metric: string): void => {
    model.togglePin(metric);
    arrange();
    charts.get(metric)?.pinned();
  };

  let groups: Group[] = [];
  const fold = (folded: boolean): void => {
    model.setFolded(groups.map((group) => group.key), folded);
    sections.update(groups);
  };
  const sections = new Sections({
    scroller,
    // While something is searched for, what was found is shown.
    isFolded: (group) => !model.search && model.isFolded(group.key),
    heading: (group) =>
      heading(group, !model.search && model.isFolded(group.key), (folded) => {
        model.setFolded([group.key], folded);
        sections.update(groups);
      }),
    chart: (metric) => {
      const chart = new MetricChart(metric, model, { moved, enlarge: open, togglePin });
      charts.set(metric, chart);
      points.set(metric, pointsOf(metric));
      return chart.element;
    },
    leave: (metric) => {
      charts.get(metric)?.destroy();
      charts.delete(metric);
    },
  });
  const inTable = link(t("choose_in_table"), "#/runs", "runs");
  const element = h(
    "div",
    { class: "view curves" },
    h("div", { class: "view-head" }, h("h1", {}, t("nav_curves")), LIVE ? inTable : null),
    legend,
    tools,
    noneChosen,
    noneFound,
    sections.element,
    help,
    nothing,
  );

  let chosen: Run[] = [];
  let names: string[] = [];
  let shown = ""; // which runs
  let looked = ""; // in which colours, by which names
  let known = ""; // which metrics of them
  const points = new Map<string, number>(); // that a chart has been told of
  const pointsOf = (metric: string): number =>
    chosen.reduce((sum, run) => sum + (model.metric(run, metric)?.points ?? 0), 0);

  /** Shows the groups that pins and the search leave. */
  const arrange = (): void => {
    groups = groupsOf(names, model.pinned, model.search);
    const found = groups.reduce((sum, group) => sum + group.names.length, 0);
    setText(total, t("n_metrics", { n: found === names.length ? count(found) : `${count(found)} / ${count(names.length)}` }));
    setText(noneFound, t("no_metric_found", { text: model.search }));
    show(noneFound, names.length > 0 && found === 0);
    const headings = groups.length > 1 && !model.search;
    for (const each of [foldAll, unfoldAll]) show(each, headings);
    sections.update(groups);
  };

  const update = (): void => {
    const candidates = model.candidates();
    chosen = model.chosen();
    store.needMetrics(chosen);
    runs.update(candidates);
    const any = candidates.length > 0;
    show(nothing, !any);
    for (const part of [legend, tools, sections.element, help, inTable]) show(part, any);
    show(noneChosen, any && chosen.length === 0);
    setAttribute(inTable, "href", `#/runs?runs=${chosen.map((r) => r.id).join(",")}`);
    exports.update(chosen);
    const now = chosen.map((r) => r.id).join(",");
    const others = now !== shown;
    shown = now;
    const looks = chosen.map((r) => `${model.hueOf(r)} ${r.name}`).join("\n");
    if (!others && looks !== looked) all().forEach((chart) => chart.recolour());
    looked = looks;
    // Metrics are only ever added to a run.
    const metrics = chosen.map((run) => `${run.id} ${run.metrics.length}`).join(",");
    if (metrics !== known) {
      known = metrics;
      names = [...new Set(chosen.flatMap((run) => run.metrics.map((m) => m.name)))];
      arrange();
    }
    for (const chart of all()) {
      const size = pointsOf(chart.metric);
      if (others) chart.reload();
      else if (points.get(chart.metric) !== size) chart.grown();
      points.set(chart.metric, size);
    }
  };
  const pick = (run: Run): void => {
    model.toggle(run);
    update();
  };
  const stops = [
    store.onFrame(["run", "forgotten"], update),
    store.on(["state"], () => {
      known = "";
      update(); // even if the runs are called the same
      all().forEach((chart) => chart.reload()); // the server may be another one
    }),
  ];
  // The charts are laid out when the view has a width.
  requestAnimationFrame(() => {
    if (model.enlarged !== null && names.includes(model.enlarged)) open(model.enlarged);
  });
  update();
  return {
    element,
    destroy() {
      stops.forEach((stop) => stop());
      keepWindows.cancel();
      keepSmoothing.cancel();
      find.cancel();
      sections.destroy();
    },
    recolour: () => all().forEach((chart) => chart.recolour()),
  };
}

/** A group's name, which folds it. */
function heading(group: Group, folded: boolean, fold: (folded: boolean) => void): HTMLElement {
  const text =
    group.kind === "prefix" ? group.key : t(group.kind === "pinned" ? "pinned" : "other_metrics");
  const [head, tail] = inTwo(text);
  return h(
    "h2",
    { class: "chart-group", title: text },
    h(
      "button",
      {
        type: "button",
        "aria-expanded": String(!folded),
        "data-group": group.key,
        onclick: () => fold(!folded),
      },
      icon("fold"),
      h("span", { class: "group-name" }, h("span", { class: "cut" }, head), tail && h("span", {}, tail)),
      h("span", { class: "note" }, count(group.names.length)),
    ),
  );
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
  return {
    element,
    update(next) {
      run = next;
      element.style.setProperty("--run", `var(--${model.hueOf(run)})`);
      setText(name, runName(run));
      const pressed = model.chosen().some((r) => r.id === run.id);
      setAttribute(element, "aria-pressed", String(pressed));
      const points = count(Math.max(0, ...run.metrics.map((m) => m.points)));
      setText(
        state,
        run.stopped
          ? t("run_stopped")
          : run.ended_ms === null
            ? t("run_running")
            : run.status === 200
              ? clock(run.started_ms)
              : t("run_failed"),
      );
      const many = isWhole(run) ? ` · ${t("n_points", { n: points })}` : "";
      element.title = `${run.instance}\n${clock(run.started_ms)}${many}`;
    },
  };
}
