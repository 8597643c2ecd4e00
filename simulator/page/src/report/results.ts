/** A run's results as a table that can be searched. */

import { debounce, h, setText, show } from "../dom";
import { count, percent, value } from "../format";
import { t } from "../i18n";
import { runName } from "../ui";
import type { ReportResult, ReportRun } from "./data";

const MOST = 500; // rows that are shown
const SEARCH_MS = 120;

export function results(data: ReportRun): HTMLElement {
  const { summary } = data;
  const body = h("tbody");
  const shown = h("span", { class: "note", role: "status" });
  const fill = (text: string): void => {
    const found = data.results.filter((result) => matches(result, text.toLowerCase()));
    body.replaceChildren(...found.slice(0, MOST).map(row));
    const total = count(summary?.predictions ?? data.results.length);
    setText(shown, t("n_shown", { n: count(Math.min(MOST, found.length)), total }));
  };
  const search = h("input", {
    type: "search",
    placeholder: t("search"),
    "aria-label": t("search"),
    oninput: debounce(SEARCH_MS, () => fill(search.value)),
  });
  fill("");
  const heads = (["image", "truth", "predicted", "confidence", "outcome"] as const).map((key) =>
    h("th", { scope: "col" }, t(key)),
  );
  const table = h(
    "div",
    { class: "table-box" },
    h("table", { class: "report-table" }, h("thead", {}, h("tr", {}, ...heads)), body),
  );
  const tools = h("div", { class: "toolbar" }, h("div", { class: "tool" }, search, shown));
  for (const part of [table, tools]) show(part, data.results.length > 0);
  const accuracy = summary?.accuracy ?? null;
  return h(
    "section",
    { class: "report-results" },
    h("h2", {}, runName(data.run)),
    accuracy === null ? null : h("p", {}, `${t("accuracy")} `, h("b", {}, percent(accuracy, 2))),
    tools,
    table,
    ...data.plain.slice(-MOST).map((text) => h("pre", { class: "json" }, text)),
  );
}

function matches({ image, truth, predicted, outcome }: ReportResult, text: string): boolean {
  const words = [image, truth, predicted, t(`outcome_${outcome}`)];
  return words.some((word) => word.toLowerCase().includes(text));
}

function row({ image, truth, predicted, conf, outcome }: ReportResult): HTMLElement {
  return h(
    "tr",
    {},
    h("td", { class: "mono" }, image),
    h("td", {}, truth || t("none")),
    h("td", {}, predicted || t("none")),
    h("td", { class: "number" }, value(conf)),
    h("td", { class: `outcome ${outcome}` }, t(`outcome_${outcome}`)),
  );
}
