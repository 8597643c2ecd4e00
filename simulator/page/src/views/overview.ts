/** The instances and what can be done with them: what one sees first. */

import { h, KeyedList, setText, show } from "../dom";
import { t } from "../i18n";
import { icon } from "../icons";
import { inWords } from "../reasons";
import { store } from "../state";
import type { Instance, Step, Workflow } from "../types";
import { empty, type View } from "../ui";
import { actions } from "./actions";
import { attachForm } from "./attach";
import { instanceCard } from "./card";
import { models } from "./models";

export function overview(): View {
  const subtitle = h("p", { class: "subtitle" });
  const workflow = workflowStrip();
  const grid = h("div", { class: "cards", role: "list" });
  const list = new KeyedList<Instance>(grid, (i) => i.id, instanceCard);
  const nothing = empty("empty_instances", "empty_instances_text");
  const start = actions();
  const files = models();
  const element = h(
    "div",
    { class: "view overview" },
    h("div", { class: "view-head" }, h("h1", {}, t("nav_overview")), subtitle),
    start.element,
    workflow.element,
    grid,
    nothing,
    files.element,
    attachForm(),
  );
  const update = (): void => {
    const { algorithm } = store;
    setText(subtitle, algorithm ? `${algorithm.name} · ${algorithm.protocol.toUpperCase()}` : "");
    subtitle.title = algorithm?.folder ?? "";
    start.update();
    files.update();
    workflow.update();
    const instances = store.listInstances();
    list.update(instances);
    show(nothing, instances.length === 0);
    show(grid, instances.length > 0);
  };
  const topics = ["state", "instance", "forgotten", "algorithm", "workflow", "connection"] as const;
  const stop = store.onFrame([...topics], update);
  update();
  return { element, destroy: stop };
}

/** What became of a workflow; the raw reason is in the tip. */
function outcome({ state, error, note }: Workflow): string {
  if (error === null) return note ?? t(`workflow_${state}`);
  return state === "failed" ? t("workflow_failed_why", { why: inWords(error) }) : inWords(error);
}

/** Train → evaluate → infer, with the step that is under way. */
function workflowStrip(): { element: HTMLElement; update(): void } {
  const order: Step[] = ["train", "evaluate", "infer"];
  const steps = order.map((name) => h("li", {}, icon(name), h("span", {}, t(`do_${name}`))));
  const feedback = h("p", { class: "workflow-status", role: "status" });
  const element = h("div", { class: "workflow" }, h("ol", {}, ...steps), feedback);
  return {
    element,
    update() {
      const workflow = store.workflow;
      show(element, workflow !== null);
      if (!workflow) return;
      const at = order.indexOf(workflow.step);
      steps.forEach((step, place) => {
        const done = place < at || (workflow.state === "done" && place === at);
        step.className = done ? "done" : place === at ? workflow.state : "";
      });
      setText(feedback, outcome(workflow));
      feedback.title = workflow.error ?? "";
      feedback.classList.toggle("bad", workflow.state === "failed");
    },
  };
}
