/** The algorithm's model files: which one is evaluated by default, and what can be done with each. */

import { h, setText, show } from "../dom";
import { bytes, clock, count, value } from "../format";
import { t } from "../i18n";
import { store } from "../state";
import { post } from "../transport";
import type { Model } from "../types";
import { button, link, notice } from "../ui";

const FIRST = 10; // models that are listed until all are asked for

export function models(): { element: HTMLElement; update(): void } {
  let all = false; // whether all are listed
  let drawn = "";
  const feedback = notice();
  const rows = h("tbody");
  const more = button("", () => {
    all = true;
    update();
  });
  const evaluate = async (model: Model): Promise<void> => {
    feedback.show("");
    try {
      await post("workflow/evaluate", { model: model.path });
    } catch (error) {
      feedback.show((error as Error).message, true);
    }
  };
  const head = ["model", "model_epoch", "model_loss", "model_size", "model_time"] as const;
  const number = (key: string): string => (key === "model" ? "" : "number");
  const table = h(
    "table",
    { class: "models-table" },
    h("thead", {}, h("tr", {}, ...head.map((key) => h("th", { scope: "col", class: number(key) }, t(key))), h("td"))),
    rows,
  );
  const element = h(
    "section",
    { class: "models", "aria-label": t("models") },
    h("h2", {}, t("models")),
    h("p", { class: "note" }, t("models_note")),
    feedback.element,
    h("div", { class: "table-box" }, table),
    more,
  );
  const row = (model: Model, best: boolean, canEvaluate: boolean): HTMLElement => {
    const file = h("th", { scope: "row" }, h("span", { class: "mono" }, model.name), best ? h("span", { class: "badge ready" }, t("best")) : null);
    const figures = [count(model.epoch), value(model.loss), bytes(model.size), clock(model.time_ms)];
    const save = link(t("download_model"), `api/models/${encodeURIComponent(model.name)}`, "download");
    save.setAttribute("download", model.name);
    const use = button(t("evaluate_this"), () => void evaluate(model), { icon: "evaluate" });
    use.disabled = !canEvaluate;
    return h(
      "tr",
      { "data-model": model.name, class: best ? "best" : "" },
      file,
      ...figures.map((text) => h("td", { class: "number" }, text)),
      h("td", { class: "model-actions" }, use, save),
    );
  };
  const update = (): void => {
    const { algorithm } = store;
    const found = algorithm?.models ?? [];
    show(element, found.length > 0);
    const busy = store.workflow?.state === "running" || !store.connected;
    const can = !busy && Boolean(algorithm?.kinds.includes("evaluate"));
    const state = JSON.stringify([found, algorithm?.best, can, all]);
    if (state === drawn) return; // a focused button stays
    drawn = state;
    const listed = found.filter((model, place) => all || place < FIRST || model.path === algorithm?.best);
    rows.replaceChildren(...listed.map((model) => row(model, model.path === algorithm?.best, can)));
    show(more, listed.length < found.length);
    setText(more, t("all_models", { n: count(found.length) }));
  };
  return { element, update };
}
