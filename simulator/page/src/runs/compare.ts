/** Runs beside each other: what differs between them. */

import { h, setText, show } from "../dom";
import { count } from "../format";
import { icon } from "../icons";
import { t } from "../i18n";
import { route } from "../route";
import { store } from "../state";
import { runHue } from "../theme";
import { get } from "../transport";
import type { RunDetails } from "../types";
import { link, notice, runName, type View } from "../ui";
import { compared, factsOf, SECTIONS, type Difference } from "./facts";
import { wholeRun } from "./metrics";

const MOST = 100; // runs that the server takes at once

export function runComparison(wanted: number[]): View {
  const ids = wanted.slice(0, MOST);
  const feedback = notice();
  const box = h("div", {
    class: "table-box compare-box",
    tabindex: "0",
    role: "region",
    "aria-label": t("comparison"),
  });
  const total = h("p", { class: "note", role: "status" });
  const all = h("input", {
    type: "checkbox",
    checked: route.get("all") === "1",
    onchange: () => {
      route.set({ all: all.checked ? "1" : null });
      draw();
    },
  });
  // Of two runs: what became of each image.
  const results = link(t("compare_results"), `#/results?run=${ids[1]}&against=${ids[0]}`, "results");
  const back = h("a", { class: "quiet-link", href: `#/runs?runs=${ids.join(",")}` }, icon("previous"), t("nav_runs"));
  const element = h(
    "div",
    { class: "view fill compare" },
    h("div", { class: "view-head" }, back, h("h1", {}, t("comparison"))),
    h(
      "div",
      { class: "toolbar" },
      h("label", { class: "tool check" }, all, t("show_same")),
      link(t("show_curves"), `#/curves?runs=${ids.join(",")}`, "curves"),
      results,
      total,
    ),
    feedback.element,
    box,
  );
  let items: RunDetails[] = [];
  const draw = (): void => {
    const shown = items.filter(({ run }) => store.runs.has(run.id));
    for (const item of shown) item.run = wholeRun(item.run);
    const rows = compared(shown.map(factsOf));
    const different = rows.filter((row) => !row.same);
    setText(total, t("n_differences", { n: count(different.length), total: count(rows.length) }));
    const { scrollTop, scrollLeft } = box;
    box.replaceChildren(table(shown, all.checked ? rows : different));
    box.scrollTo(scrollLeft, scrollTop);
    show(box, shown.length > 0);
    show(results, shown.length === 2 && shown.every(({ run }) => run.results > 0));
  };
  const load = async (): Promise<void> => {
    const there = ids.filter((id) => store.runs.has(id));
    if (there.length < ids.length) feedback.show(t("some_runs_gone", { n: ids.length - there.length }), true);
    if (there.length === 0) return;
    try {
      ({ items } = await get<{ items: RunDetails[] }>("runs", { run: there.join(",") }));
      draw();
    } catch (error) {
      feedback.show((error as Error).message, true);
    }
  };
  const chosen = new Set(ids);
  const stops = [
    store.on(["run", "forgotten"], (data) => {
      const of = data as { id?: number; run?: number } | null; // null: several runs have changed
      const id = of?.id ?? of?.run;
      if (!of || (id !== undefined && chosen.has(id))) draw();
    }),
    store.on(["state"], () => void load()),
  ];
  void load();
  return { element, destroy: () => stops.forEach((stop) => stop()) };
}

function table(items: RunDetails[], rows: Difference[]): HTMLElement {
  const heads = items.map(({ run }) =>
    h(
      "th",
      { scope: "col" },
      h("span", { class: "swatch", style: `--run: var(--${runHue(run)})`, "aria-hidden": "true" }),
      h("a", { href: `#/runs?run=${run.id}` }, runName(run)),
    ),
  );
  const bodies = SECTIONS.map((section) => {
    const own = rows.filter((row) => row.section === section);
    if (own.length === 0) return null;
    const title = h("tr", { class: "compare-section" }, h("th", { scope: "rowgroup", colspan: items.length + 1 }, t(section)));
    return h("tbody", {}, title, ...own.map(line));
  });
  return h(
    "table",
    { class: "plain-table compare-table" },
    h("thead", {}, h("tr", {}, h("td"), ...heads)),
    ...bodies,
  );
}

function line(row: Difference): HTMLElement {
  const cells = row.texts.map((text) => h("td", { class: text === null ? "missing" : "", title: text ?? "" }, text ?? "–"));
  return h("tr", { class: row.same ? "same" : "" }, h("th", { scope: "row" }, row.name), ...cells);
}
