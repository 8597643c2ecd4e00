/** Predictions on their images, and how good they are. */

import { debounce, h, setAttribute, setText, show, throttle } from "../dom";
import { clock, count, percent } from "../format";
import { t, type Key } from "../i18n";
import { icon } from "../icons";
import { Gallery } from "../results/gallery";
import { classTable, matrixTable, type Cell } from "../results/matrix";
import { route } from "../route";
import { store } from "../state";
import { get, url, type Query } from "../transport";
import type { Run, Summary } from "../types";
import { button, choice, empty, field, link, runName, select, setOptions, type View } from "../ui";

const VERDICTS = ["all", "right", "wrong", "missed", "false"] as const;
const ANY = "\u0000any"; // no class is called so

export function results(scroller: HTMLElement): View {
  let summary: Summary | null = null;
  let seen = -1; // results of the shown run when it was asked last
  let confidence = Math.max(0, Math.min(1, Number(route.get("confidence") ?? 0) || 0));
  const nothing = empty("empty_results", "empty_results_text", link(t("nav_overview"), "#/overview"));
  const candidates = (): Run[] => store.listRuns().filter((run) => run.results > 0);
  const chosen = (): Run | null => {
    const all = candidates();
    const id = Number(route.get("run"));
    if (route.get("run") !== null) return store.runs.get(id) ?? null;
    return all.find((run) => run.kind === "predict") ?? all[0] ?? null;
  };

  const runMenu = select([], "", (id) => {
    route.set({ run: id, truth: null, predicted: null, verdict: null });
    restart();
  });
  const level = h("span", { class: "mono" }, confidence.toFixed(2));
  const slider = h("input", {
    type: "range",
    min: "0",
    max: "1",
    step: "0.01",
    value: String(confidence),
    oninput: () => {
      confidence = slider.valueAsNumber;
      setText(level, confidence.toFixed(2));
      gallery.refresh(); // boxes follow at once, verdicts with the server's answer
      narrow();
    },
  });
  const narrow = debounce(180, () => {
    route.set({ confidence: confidence ? String(confidence) : null });
    ask();
  });
  const verdicts = choice(
    t("verdict"),
    VERDICTS.map((v) => [v, t(`verdict_${v}` as Key)]),
    route.get("verdict") ?? "all",
    (verdict) => {
      route.set({ verdict: verdict === "all" ? null : verdict });
      askGallery();
    },
  );
  const classMenu = (name: "truth" | "predicted"): HTMLSelectElement =>
    select([], ANY, (value) => {
      route.set({ [name]: value === ANY ? null : value });
      ask();
    });
  const truth = classMenu("truth");
  const predicted = classMenu("predicted");
  const csv = h("a", { class: "button", download: true }, icon("download"), t("save_csv"));
  const clear = button(t("clear_filters"), () => {
    route.set({ truth: null, predicted: null, verdict: null });
    verdicts.querySelector<HTMLElement>("button")?.click();
    ask();
  });
  const figures = h("div", { class: "figures" });
  const tables = h("div", { class: "tables" });
  const total = h("p", { class: "gallery-count", role: "status" });
  const gallery = new Gallery(
    scroller,
    () => ({ classes: summary?.classes ?? [], confidence, labels: false }),
    (n) => {
      const run = chosen();
      setText(total, t("n_images_shown", { n: count(n), total: count(run?.images ?? n) }));
    },
  );
  const tools = h(
    "div",
    { class: "toolbar filters" },
    field(t("run"), runMenu),
    h("div", { class: "field" }, h("span", { class: "field-label" }, t("verdict")), verdicts),
    field(t("truth"), truth),
    field(t("predicted"), predicted),
    h("label", { class: "field" }, h("span", { class: "field-label" }, t("confidence_from"), " ", level), slider),
    h("div", { class: "field end buttons" }, clear, csv),
  );
  const body = h(
    "div",
    { class: "results-body" },
    h("section", { class: "images", "aria-label": t("gallery") }, total, gallery.element),
    h("section", { class: "numbers", "aria-label": t("figures") }, figures, tables),
  );
  const element = h(
    "div",
    { class: "view results" },
    h("div", { class: "view-head" }, h("h1", {}, t("nav_results"))),
    tools,
    body,
    nothing,
  );

  const query = (): Query => ({
    run: chosen()?.id,
    confidence,
    verdict: route.get("verdict") ?? "all",
    truth: route.get("truth"),
    predicted: route.get("predicted"),
  });
  const askGallery = (): void => {
    show(clear, ["truth", "predicted", "verdict"].some((name) => route.get(name) !== null));
    gallery.ask(query());
  };
  let asked = 0;
  const askSummary = async (): Promise<void> => {
    const run = chosen();
    if (!run) return;
    const mine = ++asked;
    try {
      const answer = await get<Summary>("summary", { run: run.id, confidence });
      if (mine !== asked) return;
      const classes = JSON.stringify(summary?.classes);
      summary = answer;
      showSummary(answer);
      if (JSON.stringify(answer.classes) !== classes) gallery.refresh(); // class colours
    } catch (error) {
      if (mine === asked) setText(figures, (error as Error).message);
    }
  };
  const pick = (cell: Cell): void => {
    const again = route.get("truth") === cell.truth && route.get("predicted") === cell.predicted;
    route.set(again ? { truth: null, predicted: null } : { ...cell, verdict: null });
    verdicts.querySelectorAll("button").forEach((b, n) => b.setAttribute("aria-pressed", String(n === 0)));
    if (summary) showSummary(summary);
    askGallery();
    tables.querySelector<HTMLElement>("[aria-pressed=true]")?.focus();
    if (getComputedStyle(body).flexDirection === "column") total.scrollIntoView({ block: "start" });
  };
  const showSummary = (s: Summary): void => {
    const options: [string, string][] = [
      [ANY, t("any")],
      ...s.classes.map((c): [string, string] => [c, c]),
      ["", t("none")],
    ];
    setOptions(truth, options, route.get("truth") ?? ANY);
    setOptions(predicted, options, route.get("predicted") ?? ANY);
    const labelled = s.per_class.some((c) => c.support > 0);
    const figure = (name: string, text: string): HTMLElement =>
      h("div", { class: "figure" }, h("b", {}, text), h("span", {}, name));
    figures.replaceChildren(
      figure(t("accuracy"), labelled ? percent(s.accuracy, 2) : "–"),
      figure(t("images"), count(s.images)),
      figure(t("findings"), count(s.findings)),
      figure(t("mistakes"), labelled ? count(s.findings - (s.verdicts.right ?? 0) - (s.verdicts.none ?? 0)) : "–"),
    );
    const t0 = route.get("truth");
    const p0 = route.get("predicted");
    const cell = t0 !== null && p0 !== null ? { truth: t0, predicted: p0 } : null;
    tables.replaceChildren(
      ...(labelled ? [matrixTable(s, cell, pick), classTable(s)] : [h("p", { class: "note" }, t("no_truth"))]),
    );
  };
  const ask = (): void => {
    askGallery();
    void askSummary();
  };
  const restart = (): void => {
    seen = -1;
    update();
  };
  const grown = throttle(700, () => {
    gallery.grown();
    void askSummary();
  });
  let shownRun: number | null = null;
  const update = (): void => {
    const run = chosen();
    const all = candidates();
    if (run && !all.includes(run)) all.unshift(run);
    show(nothing, !run);
    show(tools, Boolean(run));
    show(body, Boolean(run));
    if (!run) return;
    setOptions(
      runMenu,
      all.map((r) => [String(r.id), `${runName(r)} · ${clock(r.started_ms)}`]),
      String(run.id),
    );
    runMenu.title = run.instance;
    setAttribute(csv, "href", url("results.csv", { run: run.id }));
    if (run.id !== shownRun || seen < 0) {
      shownRun = run.id;
      seen = run.results;
      ask();
    } else if (run.results !== seen) {
      seen = run.results;
      grown();
    }
  };
  const stops = [store.on(["run"], update), store.on(["state"], restart)];
  update();
  return {
    element,
    destroy() {
      stops.forEach((stop) => stop());
      narrow.cancel();
      grown.cancel();
      gallery.destroy();
    },
  };
}
