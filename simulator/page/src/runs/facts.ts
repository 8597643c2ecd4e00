/** Everything that is known of a run as names and texts, by section, so that runs can be put beside
 * each other. */

import { bytes, clock, duration, value } from "../format";
import { t, type Key } from "../i18n";
import type { Json, RunDetails } from "../types";
import { kindName, stateName } from "../ui";
import { best, isLower } from "./best";
import { runSeconds, runState } from "./columns";

export type Section = "run" | "parameters" | "metrics" | "code" | "environment" | "packages";
export const SECTIONS: Section[] = ["run", "parameters", "metrics", "code", "environment", "packages"];
export type Facts = Record<Section, Map<string, string>>;

/** Parameters of a request by their paths: lists are one text. */
export function flat(value: Json, path = "", found = new Map<string, string>()): Map<string, string> {
  if (value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length) {
    for (const [name, inner] of Object.entries(value)) flat(inner, path ? `${path}.${name}` : name, found);
  } else found.set(path, typeof value === "string" ? value : JSON.stringify(value));
  return found;
}

export function factsOf(details: RunDetails): Facts {
  const { run, provenance: ran, request } = details;
  const facts: Facts = {
    run: named([
      ["run_state", stateName(runState(run))],
      ["kind", kindName(run.kind)],
      ["instance", run.instance],
      ["run_started", clock(run.started_ms)],
      ["run_duration", duration(runSeconds(run))],
      ["axis_epoch", run.epoch === null ? "" : String(run.epoch)],
      ["model", details.model ?? ""],
      ["run_tags", run.tags.join(", ")],
      ["run_note", run.note],
      ["reason", run.message],
    ]),
    parameters: request ? parameters(request.body) : new Map(),
    metrics: new Map(
      run.metrics.flatMap((metric): [string, string][] => [
        [t("metric_last", { metric: metric.name }), value(metric.last)],
        [
          t(isLower(metric.name) ? "metric_lowest" : "metric_highest", { metric: metric.name }),
          value(best(metric)),
        ],
      ]),
    ),
    code: new Map(),
    environment: new Map(Object.entries(ran?.environment ?? {})),
    packages: new Map(Object.entries(ran?.python?.packages ?? {})),
  };
  if (ran) {
    const { git, python, host, image } = ran;
    facts.code = named([
      ["command", ran.command],
      ["folder", ran.folder],
      ["image_name", image?.name ?? ""],
      ["image_digest", image?.digest ?? ""],
      ["image_id", image?.id ?? ""],
      ["git_commit", git?.commit ?? ""],
      ["git_branch", git?.branch ?? ""],
      ["git_changed", git ? git.changed.join(", ") + (git.changes > git.changed.length ? ", …" : "") : ""],
      ["python", python?.version ?? ""],
      ["interpreter", python?.executable ?? ""],
      ["host", host.name],
      ["system", host.system],
      ["cpus", String(host.cpus || "")],
      ["memory", host.memory ? bytes(host.memory) : ""],
      ["gpus", host.gpus.join(", ")],
    ]);
  }
  return facts;
}

/** What a request asks for, without what only tells whom it was sent to. */
function parameters(body: { [name: string]: Json }): Map<string, string> {
  const { instance_id: _instance, request_number: _number, req_type: _type, ...asked } = body;
  return flat(asked);
}

/** Without those that are empty. */
function named(pairs: [Key, string][]): Map<string, string> {
  return new Map(pairs.filter(([, text]) => text).map(([key, text]) => [t(key), text]));
}

export interface Difference {
  section: Section;
  name: string;
  /** One for each run; null: it has none. */
  texts: (string | null)[];
  same: boolean;
}

/** Every name of any of them, with what each has for it. */
export function compared(all: Facts[]): Difference[] {
  return SECTIONS.flatMap((section) => {
    const names = [...new Set(all.flatMap((facts) => [...facts[section].keys()]))];
    return names.map((name): Difference => {
      const texts = all.map((facts) => facts[section].get(name) ?? null);
      return { section, name, texts, same: texts.every((text) => text === texts[0]) };
    });
  });
}
