/** The form in which a run gets its name, tags, note and colour. */

import { h, setAttribute } from "../dom";
import { t } from "../i18n";
import { HUES, hue, runHue } from "../theme";
import { post } from "../transport";
import type { Annotation, Run } from "../types";
import { button, field, iconButton, kindName, notice, runName } from "../ui";

/** Changes what is noted on runs. The store learns it by the event, as other tabs do. */
export async function annotate(runs: Run[], changes: Partial<Annotation>): Promise<void> {
  await post("annotate", { runs: runs.map((run) => run.id), ...changes });
}

function tagsIn(text: string): string[] {
  return text
    .split(/[,，]/)
    .map((tag) => tag.trim())
    .filter(Boolean);
}

export interface AnnotationForm {
  element: HTMLFormElement;
  /** Shows what another tab has noted, unless something is being typed here. */
  update(run: Run): void;
}

/** @param saved called once the server has stored it */
export function annotationForm(first: Run, saved: () => void): AnnotationForm {
  let run = first;
  let touched = false;
  let chosen: number | null = run.hue;
  const feedback = notice();
  const name = h("input", { type: "text", maxlength: "120" });
  const tags = h("input", { type: "text" });
  const note = h("textarea", { rows: "4", maxlength: "10000" });
  const colours = Array.from({ length: HUES }, (_, place) =>
    h("button", {
      type: "button",
      class: "hue",
      style: `--run: var(--${hue(place)})`,
      "aria-label": t("colour_n", { n: place + 1 }),
      title: t("colour_n", { n: place + 1 }),
      onclick: () => choose(place),
    }),
  );
  const choose = (place: number): void => {
    chosen = place;
    touched = true;
    mark();
    feedback.show("");
  };
  const mark = (): void => {
    const shown = runHue({ id: run.id, hue: chosen });
    colours.forEach((each, place) => setAttribute(each, "aria-pressed", String(hue(place) === shown)));
  };
  const fill = (): void => {
    name.value = run.name;
    name.placeholder = `${kindName(run.kind)} #${run.id}`;
    tags.value = run.tags.join(", ");
    note.value = run.note;
    chosen = run.hue;
    mark();
  };
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    save.disabled = true;
    try {
      await annotate([run], {
        name: name.value,
        tags: tagsIn(tags.value),
        note: note.value,
        hue: chosen,
      });
      touched = false;
      feedback.show(t("saved"));
      saved();
    } catch (error) {
      feedback.show((error as Error).message, true);
    }
    save.disabled = false;
  };
  const save = h("button", { type: "submit", class: "primary" }, t("save"));
  const element = h(
    "form",
    { class: "annotation", onsubmit: (event: Event) => void submit(event), oninput: () => (touched = true) },
    field(t("run_name"), name),
    field(t("run_tags"), tags, t("tags_note")),
    field(t("run_note"), note),
    h("div", { class: "hues", role: "group", "aria-label": t("colour") }, ...colours),
    h("div", { class: "send-line" }, save, feedback.element),
  );
  fill();
  return {
    element,
    update(next) {
      run = next;
      if (!touched) fill();
    },
  };
}

/** Opens the form above the table. */
export function editRun(run: Run): void {
  const before = document.activeElement;
  const close = (): void => dialog.close();
  const dialog = h(
    "dialog",
    { class: "edit-dialog", "aria-label": t("edit_run", { run: runName(run) }) },
    h("div", { class: "detail-head" }, h("h2", {}, runName(run)), iconButton("close", t("close"), close)),
    annotationForm(run, close).element,
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before instanceof HTMLElement && before.isConnected) before.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector<HTMLElement>("input")?.focus();
}

/** A button that opens the form. */
export function editButton(run: () => Run | undefined): HTMLButtonElement {
  const element = button(
    t("edit"),
    () => {
      const found = run();
      if (found) editRun(found);
    },
    { icon: "edit" },
  );
  return element;
}
