/** The table of all runs, with what can be done with those that are picked. */

import { h, setAttribute, setText, show, throttle } from "../dom";
import { count } from "../format";
import { t } from "../i18n";
import { route } from "../route";
import { store } from "../state";
import { post } from "../transport";
import type { State } from "../types";
import { button, empty, field, link, notice, select, stateName, type View } from "../ui";
import { annotate, editRun } from "./annotate";
import { ColumnChooser, chosenColumns } from "./chooser";
import { allColumns, nameColumn, usualColumns, type Column } from "./columns";
import { filtered, sorted } from "./select";
import { RunTable } from "./table";

const LIVE_MS = 300;
const STATES: State[] = ["running", "paused", "stopping", "ended", "stopped", "failed", "lost"];

export function runList(): View {
  const feedback = notice();
  const total = h("span", { class: "note", role: "status" });
  const nothing = empty("empty_runs", "empty_runs_text", link(t("nav_overview"), "#/overview"));
  const search = h("input", {
    type: "search",
    value: route.get("q") ?? "",
    oninput: () => {
      route.set({ q: search.value || null });
      update();
    },
  });
  const state = select(
    [["", t("all_states")], ...STATES.map((s): [string, string] => [s, stateName(s)])],
    route.get("state") ?? "",
    (value) => {
      route.set({ state: value || null });
      update();
    },
  );
  const hidden = h("input", {
    type: "checkbox",
    checked: route.get("hidden") === "1",
    onchange: () => {
      route.set({ hidden: hidden.checked ? "1" : null });
      update();
    },
  });
  const table = new RunTable({
    sort: (column) => sortBy(column),
    picked: () => pickedChanged(),
    redirected: () => update(),
    open: (run) => route.go("runs", { run: String(run.id) }),
    edit: editRun,
  });
  const chooser = new ColumnChooser(() => update());
  const showCurves = h("a", { class: "button" }, t("show_curves"));
  const compare = h("a", { class: "button" }, t("compare"));
  const hide = button(t("hide"), () => void toggleHidden());
  const remove = button(t("delete"), () => void drop(), { class: "danger" });
  const tools = h(
    "div",
    { class: "toolbar" },
    field(t("search"), search),
    field(t("run_state"), state),
    h("label", { class: "tool check" }, hidden, t("show_hidden")),
    total,
  );
  const actions = h("div", { class: "toolbar run-actions" }, showCurves, compare, hide, remove, feedback.element);
  const element = h(
    "div",
    { class: "view fill runs" },
    h("div", { class: "view-head" }, h("h1", {}, t("nav_runs"))),
    tools,
    chooser.element,
    actions,
    table.element,
    h("p", { class: "note" }, t("runs_help")),
    nothing,
  );

  const order = (): { id: string; descending: boolean } => {
    const text = route.get("sort") ?? "-started";
    return { id: text.replace(/^-/, ""), descending: text.startsWith("-") };
  };
  const sortBy = (column: Column): void => {
    const now = order();
    const turned = now.id === column.id ? !now.descending : column.numeric;
    route.set({ sort: `${turned ? "-" : ""}${column.id}` });
    update();
  };
  const update = (): void => {
    const every = store.listRuns();
    const all = allColumns(every, store.metricNames);
    const shown = chosenColumns() ?? usualColumns(all, every);
    const by = order();
    const ofMetrics = all.filter((c) => (shown.has(c.id) || c.id === by.id) && (c.group === "last" || c.group === "best"));
    store.needNamed([...new Set(ofMetrics.map((c) => c.name))]);
    const column = [nameColumn(), ...all].find((c) => c.id === by.id);
    const filter = { text: search.value, state: state.value as State | "", hidden: hidden.checked };
    const found = filtered(every, filter);
    table.show(column ? sorted(found, column, by.descending) : found, all.filter((c) => shown.has(c.id)), by);
    chooser.update(all, shown);
    setText(total, t("n_runs_shown", { n: count(found.length), total: count(every.length) }));
    for (const part of [tools, chooser.element, actions, table.element]) show(part, every.length > 0);
    show(nothing, every.length === 0);
    pickedChanged();
  };
  const pickedChanged = (): void => {
    const chosen = table.chosen();
    const ids = chosen.map((run) => run.id).join(",");
    if ((route.get("runs") ?? "") !== ids) route.set({ runs: ids || null });
    enable(showCurves, chosen.length > 0, `#/curves?runs=${ids}`);
    enable(compare, chosen.length > 1, `#/runs?compare=${ids}`);
    hide.disabled = remove.disabled = chosen.length === 0;
    setText(hide, t(chosen.length > 0 && chosen.every((run) => run.hidden) ? "show_again" : "hide"));
  };
  const toggleHidden = async (): Promise<void> => {
    const chosen = table.chosen();
    try {
      await annotate(chosen, { hidden: !chosen.every((run) => run.hidden) });
      feedback.show("");
    } catch (error) {
      feedback.show((error as Error).message, true);
    }
  };
  const drop = async (): Promise<void> => {
    const chosen = table.chosen();
    if (!window.confirm(t("delete_sure", { n: count(chosen.length) }))) return;
    try {
      await post("delete", { runs: chosen.map((run) => run.id) }); // the rows go with the events
      feedback.show("");
    } catch (error) {
      feedback.show((error as Error).message, true);
    }
  };
  const live = throttle(LIVE_MS, update);
  const stops = [store.on(["run", "forgotten", "instance"], live), store.on(["state"], update)];
  table.pick((route.get("runs") ?? "").split(",").filter(Boolean).map(Number));
  update();
  return {
    element,
    destroy() {
      stops.forEach((stop) => stop());
      live.cancel();
      table.destroy();
    },
  };
}

/** A link that leads nowhere while there is nothing for it to show. */
function enable(element: HTMLAnchorElement, yes: boolean, address: string): void {
  setAttribute(element, "href", yes ? address : null);
  setAttribute(element, "aria-disabled", yes ? null : "true");
}
