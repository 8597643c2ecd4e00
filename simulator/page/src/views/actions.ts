/** One click each: train, evaluate with the newest model, infer, or all three. */

import { h, setAttribute, setText, show } from "../dom";
import { t, type Key } from "../i18n";
import { icon, type IconName } from "../icons";
import { store } from "../state";
import { post } from "../transport";
import type { Kind, Model } from "../types";
import { button, field, notice, select, setOptions } from "../ui";

type Action = Kind | "all";
const DECORATORS: Record<Kind, string> = { train: "train", evaluate: "predict", infer: "inference" };
const ORDER: Action[] = ["train", "evaluate", "infer", "all"];

// What was typed stays while one looks at another view.
// Business parameters are the platform's own until something is typed.
const options = { params: null as string | null, images: 6, kind: "train" as Kind, model: "" };

/** The business parameters as typed: null if nothing was, for the platform's own.
 * @throws SyntaxError what was typed is no JSON object. */
function specialParams(): object | null {
  if (options.params === null) return null;
  const found: unknown = JSON.parse(options.params.trim() || "{}");
  if (typeof found !== "object" || found === null || Array.isArray(found)) {
    throw new SyntaxError(""); // whoever catches it says what is expected
  }
  return found;
}

export function actions(): { element: HTMLElement; update(): void } {
  const feedback = notice();
  let asking = false;
  const run = async (path: string, extra: object): Promise<void> => {
    if (asking) return; // a double click asks once
    asking = true;
    feedback.show("");
    try {
      await post(path, { special_params: specialParams(), ...extra });
    } catch (error) {
      const text = (error as Error).message;
      feedback.show(error instanceof SyntaxError ? `${t("params_bad")} ${text}`.trim() : text, true);
    }
    asking = false;
  };
  const buttons = ORDER.map((name) => {
    const note = h("span", { class: "action-note" }, t(`do_${name}_note` as Key));
    const element = h(
      "button",
      {
        type: "button",
        class: `action ${name === "all" ? "primary" : ""}`,
        "data-action": name,
        onclick: () => void run(name === "all" ? "workflow" : `workflow/${name}`, { images: options.images }),
      },
      icon(name as IconName),
      h("span", { class: "action-name" }, t(`do_${name}` as Key)),
      note,
    );
    return { name, element, note };
  });
  const params = h("textarea", {
    rows: "2",
    spellcheck: "false",
    class: "mono",
    placeholder: '{"epochs": 5}',
    value: options.params ?? "",
    oninput: () => (options.params = params.value),
  });
  const images = h("input", {
    type: "number",
    min: "1",
    max: "1000",
    value: String(options.images),
    oninput: () => (options.images = Math.max(1, images.valueAsNumber || 1)),
  });
  const model = select([], options.model, (value) => (options.model = value));
  const kind = select(
    [],
    options.kind,
    (value) => {
      options.kind = value as Kind;
      model.disabled = options.kind === "train";
    },
  );
  model.disabled = options.kind === "train";
  const alone = button(
    t("start_instance"),
    () =>
      void run("start", {
        kind: options.kind,
        model: options.kind === "train" ? null : options.model || null,
      }),
  );
  const more = h(
    "details",
    { class: "fold" },
    h("summary", {}, t("options")),
    h(
      "div",
      { class: "fold-body fields" },
      field(t("params"), params, t("params_note")),
      field(t("images_to_infer"), images),
    ),
    h("h3", {}, t("start_alone")),
    h(
      "div",
      { class: "fold-body fields" },
      field(t("kind"), kind),
      field(t("model"), model),
      h("div", { class: "field end" }, alone),
    ),
  );
  const hint = h("p", { class: "hint" }, t("cannot_start"));
  const bar = h("div", { class: "actions" }, ...buttons.map((b) => b.element));
  return {
    element: h("section", { "aria-label": t("actions") }, hint, bar, feedback.element, more),
    update() {
      show(hint, !store.canStart);
      show(bar, store.canStart);
      show(more, store.canStart);
      const models = store.algorithm?.models ?? [];
      const kinds = store.algorithm?.kinds ?? [];
      if (options.params === null) {
        const own = store.algorithm?.special_params ?? {};
        params.value = Object.keys(own).length ? JSON.stringify(own) : "";
      }
      const newest = newestModel(models);
      const busy = store.workflow?.state === "running";
      for (const { name, element, note } of buttons) {
        show(element, name === "all" ? kinds.length > 1 : kinds.includes(name));
        const missing = name !== "all" && (store.algorithm?.missing ?? []).includes(name);
        element.disabled = busy || !store.connected || missing;
        if (missing) setText(note, t("no_method", { decorator: DECORATORS[name] }));
        else if (name !== "evaluate") setText(note, t(`do_${name}_note` as Key));
        else setText(note, newest ? modelNote(newest) : t("no_model"));
        if (name === "evaluate") setAttribute(note, "title", newest?.path ?? null);
      }
      if (!kinds.includes(options.kind)) options.kind = kinds[0] ?? "train";
      setOptions(
        kind,
        kinds.map((k): [string, string] => [k, t(`kind_${k}`)]),
        options.kind,
      );
      setOptions(
        model,
        [["", t("newest")], ...models.map((m): [string, string] => [m.path, m.name])],
        options.model,
      );
    },
  };
}

function modelNote(model: Model): string {
  return t("newest_model", { epoch: model.epoch, loss: model.loss });
}

function newestModel(models: Model[]): Model | null {
  return models.reduce<Model | null>((best, m) => (!best || m.time_ms > best.time_ms ? m : best), null);
}
