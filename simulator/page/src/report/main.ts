/** A report starts here: runs that were saved as one file, shown without a server. */

import "../css/base.css";
import "../css/shell.css";
import "../css/parts.css";
import "../css/curves.css";
import "./report.css";
import "uplot/dist/uPlot.min.css";
import { h } from "../dom";
import { clock } from "../format";
import { language, setLanguage, t, type Language } from "../i18n";
import { route } from "../route";
import { store } from "../state";
import { applyTheme, onTheme, setTheme, theme, type Theme } from "../theme";
import { select, type View } from "../ui";
import { curves } from "../views/curves";
import { reportData } from "./data";
import { facts } from "./facts";
import { results } from "./results";

let view: View | null = null;

function open(): void {
  const data = reportData();
  document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
  const main = h("main", { id: "main", tabindex: "0" });
  view?.destroy();
  view = data.runs.some(({ run }) => run.metrics.length > 0) ? curves(main) : null;
  const rated = data.runs.filter((each) => each.results.length > 0 || each.plain.length > 0);
  const languages: [Language, string][] = [["en", "English"], ["zh", "中文"]];
  const themes = (["auto", "light", "dark"] as Theme[]).map((name): [string, string] => [name, t(`theme_${name}`)]);
  const choices = h(
    "div",
    { class: "report-settings" },
    labelled(t("language"), select(languages, language(), (chosen) => {
      setLanguage(chosen as Language);
      open();
    })),
    labelled(t("theme"), select(themes, theme(), (chosen) => setTheme(chosen as Theme))),
  );
  main.append(
    h(
      "div",
      { class: "view report" },
      h("div", { class: "view-head" }, h("h1", {}, t("report")), choices),
      h("p", { class: "note" }, t("report_note", { version: data.version })),
      h("div", { class: "report-runs" }, ...data.runs.map(facts)),
    ),
    view?.element ?? "",
    rated.length > 0
      ? h("div", { class: "view report" }, h("h1", {}, t("nav_results")), ...rated.map(results))
      : "",
  );
  document.body.replaceChildren(main);
  document.title = `${data.runs.map(({ run }) => `${run.instance} ${clock(run.started_ms)}`).join(", ")} · dubhe`;
}

function labelled(label: string, control: HTMLSelectElement): HTMLSelectElement {
  control.setAttribute("aria-label", label);
  return control;
}

applyTheme();
reportData(); // while its element is there
route.start(open);
onTheme(() => view?.recolour?.());
const once = store.on(["state"], () => {
  once();
  open();
});
store.follow();
