/** One run: what is noted on it, its parameters and metrics, with what its instance ran. */

import { h, setText, show } from "../dom";
import { clock, count, value } from "../format";
import { icon } from "../icons";
import { t, type Key } from "../i18n";
import { indented } from "../json";
import { store } from "../state";
import { runHue } from "../theme";
import { get } from "../transport";
import type { Run, RunDetails } from "../types";
import { link, notice, runName, type View } from "../ui";
import { annotationForm } from "./annotate";
import { best, isLower } from "./best";
import { factsOf, type Facts } from "./facts";
import { isWhole, wholeRun } from "./metrics";

const SEARCHABLE = 12; // rows of a table from which on it has a search

export function runDetails(id: number): View {
  const first = store.runs.get(id);
  const feedback = notice();
  const title = h("h1", {}, t("nav_runs"));
  const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
  const back = h("a", { class: "quiet-link", href: "#/runs" }, icon("previous"), t("nav_runs"));
  const links = h("div", { class: "run-links" });
  const body = h("div", { class: "run-details" });
  const element = h(
    "div",
    { class: "view run-view" },
    h("div", { class: "view-head" }, back, swatch, title),
    links,
    feedback.element,
    body,
  );
  if (!first) {
    feedback.show(t("no_such_run", { run: id }), true);
    return { element, destroy: () => undefined };
  }
  const form = annotationForm(first, () => undefined);
  const noted = section("noted", form.element);
  const summary = h("div", { class: "run-summary" });
  const metrics = h("div");
  const rest = h("div", { class: "run-rest" });
  body.append(h("div", { class: "run-top" }, section("run", summary), noted), section("metrics", metrics), rest);
  let details: RunDetails | null = null;
  let fetched = ""; // what was known of the run when its details were fetched
  const update = (): void => {
    const listed = store.runs.get(id);
    const run = listed && details ? wholeRun(details.run) : listed;
    if (!run) return feedback.show(t("no_such_run", { run: id }), true);
    setText(title, runName(run));
    swatch.style.setProperty("--run", `var(--${runHue(run)})`);
    form.update(run);
    if (details || isWhole(run)) fill(metrics, metricTable(run));
    if (details) details.run = run;
    const facts = factsOf(details ?? { run, owned: true, model: null, request: null, provenance: null });
    fill(summary, [pairs(facts.run)]);
    // Its request and what it ran with become known a moment after its beginning, and at its end.
    const known = `${Object.keys(run.params).length} ${run.ended_ms ?? ""}`;
    if (known !== fetched) {
      fetched = known;
      void load();
    }
  };
  const load = async (): Promise<void> => {
    try {
      const { items } = await get<{ items: RunDetails[] }>("runs", { run: id });
      details = items[0] ?? null;
      feedback.show("");
      if (details) rest.replaceChildren(...sections(details));
      update();
    } catch (error) {
      feedback.show((error as Error).message, true);
    }
  };
  links.append(
    link(t("nav_curves"), `#/curves?runs=${id}`, "curves"),
    link(t("nav_results"), `#/results?run=${id}`, "results"),
    link(t("nav_log"), `#/log?${new URLSearchParams({ instance: first.instance }).toString()}`, "log"),
  );
  const stops = [
    store.onFrame(["run", "forgotten", "state", "instance"], update),
    store.on(["state"], () => {
      fetched = ""; // the server may be another one
    }),
  ];
  update();
  return { element, destroy: () => stops.forEach((stop) => stop()) };
}

/** Replaces content if it reads differently, so that a selection in it stays. */
function fill(host: HTMLElement, content: HTMLElement[]): void {
  const made = h("div", {}, ...content);
  if (host.innerHTML !== made.innerHTML) host.replaceChildren(...made.childNodes);
}

function section(name: Key, ...content: HTMLElement[]): HTMLElement {
  return h("section", { class: "card", "aria-label": t(name) }, h("h2", {}, t(name)), ...content);
}

function pairs(facts: Map<string, string>): HTMLElement {
  const rows = [...facts].map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)));
  return h("dl", { class: "facts wide named" }, ...rows);
}

function metricTable(run: Run): HTMLElement[] {
  if (run.metrics.length === 0) return [h("p", { class: "note" }, t("no_metrics"))];
  const heads = ["metric", "last_value", "best_value", "lowest", "highest", "points"] as const;
  const rows = run.metrics.map((metric) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, metric.name),
      h("td", {}, value(metric.last)),
      h("td", {}, `${value(best(metric))} (${t(isLower(metric.name) ? "lowest" : "highest")})`),
      h("td", {}, value(metric.low)),
      h("td", {}, value(metric.high)),
      h("td", {}, count(metric.points)),
    ),
  );
  const head = h("tr", {}, ...heads.map((name) => h("th", { scope: "col" }, t(name))));
  return [
    h(
      "div",
      { class: "table-box", tabindex: "0", role: "region", "aria-label": t("metrics") },
      h("table", { class: "plain-table" }, h("thead", {}, head), h("tbody", {}, ...rows)),
    ),
  ];
}

function sections(details: RunDetails): HTMLElement[] {
  const facts: Facts = factsOf(details);
  const { request, provenance: ran } = details;
  const found: HTMLElement[] = [];
  if (request) {
    const sent = h("p", { class: "note" }, t("request_sent", { time: clock(request.at_ms) }));
    const raw = h(
      "details",
      { class: "fold" },
      h("summary", {}, t("as_json")),
      h("pre", { class: "json", tabindex: "0" }, indented(JSON.stringify(request.body))),
    );
    found.push(section("parameters", sent, searchable(facts.parameters, t("parameters")), raw));
  } else found.push(section("parameters", h("p", { class: "note" }, t("no_request"))));
  if (!ran) {
    const why = details.owned ? "no_provenance_yet" : "no_provenance";
    return [...found, section("code", h("p", { class: "note" }, t(why)))];
  }
  const problems = ran.problems.map((text) => h("p", { class: "notice bad" }, text));
  const unknown = ran.image ? [h("p", { class: "note" }, t("image_note"))] : [];
  found.push(section("code", ...problems, pairs(facts.code), ...unknown));
  const which = t(ran.image ? "environment_image" : "environment_note");
  found.push(section("environment", h("p", { class: "note" }, which), searchable(facts.environment, t("environment"))));
  if (facts.packages.size) found.push(section("packages", searchable(facts.packages, t("packages"))));
  return found;
}

/** Names and texts, with a search if there are many. */
function searchable(facts: Map<string, string>, label: string): HTMLElement {
  const list = pairs(facts);
  if (facts.size < SEARCHABLE) return list;
  const none = h("p", { class: "note", role: "status" });
  const search = h("input", {
    type: "search",
    placeholder: t("search"),
    "aria-label": `${t("search")}: ${label}`,
    oninput: () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of list.children) {
        const text = (row.textContent ?? "").toLowerCase();
        const fits = words.every((word) => text.includes(word));
        show(row as HTMLElement, fits);
        shown += Number(fits);
      }
      setText(none, t("n_shown", { n: count(shown), total: count(facts.size) }));
    },
  });
  setText(none, t("n_shown", { n: count(facts.size), total: count(facts.size) }));
  const box = h("div", { class: "long-list", tabindex: "0", role: "region", "aria-label": label }, list);
  return h("div", { class: "searchable" }, h("div", { class: "toolbar" }, search, none), box);
}
