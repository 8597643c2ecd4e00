/** What a run was: its state, its time, and what it was told. */

import { h } from "../dom";
import { clock, duration } from "../format";
import { t } from "../i18n";
import { inWords } from "../reasons";
import { facts as grid, runName } from "../ui";
import type { ReportRun } from "./data";

export function facts({ run, request }: ReportRun): HTMLElement {
  const ended = t(run.stopped ? "run_stopped" : run.status === 200 ? "state_ended" : "run_failed");
  const state = run.ended_ms === null && !run.stopped ? t("run_running") : ended;
  const row = grid(["instance", "state", "m_time", "elapsed"]);
  row.update([
    run.instance,
    run.status === 200 ? state : `${state} ${inWords(run.message)}`.trim(),
    clock(run.started_ms),
    run.ended_ms === null ? "–" : duration((run.ended_ms - run.started_ms) / 1000),
  ]);
  return h(
    "section",
    { class: "report-run" },
    h("h2", {}, runName(run)),
    row.element,
    request &&
      h(
        "details",
        { class: "fold" },
        h("summary", {}, t("request")),
        h("pre", { class: "json" }, JSON.stringify(request.body, null, 2)),
      ),
  );
}
