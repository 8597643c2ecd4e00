/** Saving the chosen runs as files, and taking in one that was saved as zip. */

import { h, KeyedList, setAttribute, setText, show } from "../dom";
import { t } from "../i18n";
import { menu } from "../menu";
import { route } from "../route";
import { send, url } from "../transport";
import type { Run } from "../types";
import { notice, runName } from "../ui";

export class ExportMenu {
  readonly element: HTMLElement;
  private csv = h("a", { class: "button", download: true }, t("export_all_csv"));
  private html = h("a", { class: "button", download: true }, t("export_runs"));
  private zips = h("div", { class: "menu-group" });
  private runs = new KeyedList<Run>(
    this.zips,
    (run) => String(run.id),
    (run) => {
      const href = url("export", { form: "zip", run: run.id });
      const element = h("a", { class: "button", download: true, href });
      return { element, update: (now) => setText(element, t("export_zip", { run: runName(now) })) };
    },
  );

  constructor() {
    const taken = importer();
    const items = [this.csv, this.html, this.zips, taken.button];
    this.element = h(
      "div",
      { class: "tool export" },
      taken.notice,
      menu("download", t("export"), t("export"), ...items),
      taken.input,
    );
  }

  update(chosen: Run[]): void {
    const run = chosen.map(({ id }) => id).join(",");
    setAttribute(this.csv, "href", url("curves.csv", { run }));
    setAttribute(this.html, "href", url("export", { form: "html", run }));
    for (const link of [this.csv, this.html]) show(link, chosen.length > 0);
    this.runs.update(chosen);
  }
}

export interface Importer {
  element: HTMLElement;
  button: HTMLElement;
  input: HTMLElement;
  notice: HTMLElement;
}

/** A button that takes in a run from a file; the run is shown then. */
export function importer(): Importer {
  const told = notice();
  const input = h("input", {
    type: "file",
    accept: ".zip,application/zip",
    hidden: true,
    "aria-label": t("import_run"),
    onchange: () => {
      const [file] = input.files ?? [];
      if (file) void take(file);
      input.value = ""; // the same file may be chosen again
    },
  });
  const button = h("button", { type: "button", onclick: () => input.click() }, t("import_run"));
  const take = async (file: File): Promise<void> => {
    told.show(t("importing"));
    try {
      const { run } = await send<{ run: Run }>("import", file, "application/zip");
      told.show(t("imported", { run: runName(run) }));
      route.go("curves", { runs: String(run.id) });
    } catch (error) {
      told.show((error as Error).message, true);
    }
  };
  const element = h("div", { class: "importer" }, button, input, told.element);
  return { element, button, input, notice: told.element };
}
