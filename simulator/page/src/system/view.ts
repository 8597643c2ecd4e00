/** What an instance takes of its machine: processor, memory, disk, network, accelerators. */

import { h, KeyedList, show } from "../dom";
import { t } from "../i18n";
import { store } from "../state";
import { ApiError, get } from "../transport";
import { empty, field, isActive, link, notice, type View } from "../ui";
import { InstanceMenu } from "../views/instances";
import { SystemChart } from "./chart";
import { figures, type Figure, type Sample } from "./samples";

const EVERY_MS = 5000; // as often as the sidecar samples

export function system(): View {
  const feedback = notice();
  const nothing = empty("empty_system", "empty_system_text", link(t("nav_overview"), "#/overview"));
  const menu = new InstanceMenu(() => update(), false, () => true);
  const grid = h("div", { class: "system-charts", role: "list" });
  const note = h("p", { class: "note" }, t("system_note"));
  const tools = h("div", { class: "toolbar" }, field(t("instance"), menu.element));
  let samples: Sample[] = [];
  let shown: string | null = null;
  let asked = 0; // answers to earlier questions are not shown
  let timer = 0;
  let charts: SystemChart[] = [];
  const list = new KeyedList<Figure>(
    grid,
    (figure) => figure.key,
    () => {
      const chart = new SystemChart(() => samples.map((sample) => sample.at));
      charts.push(chart);
      return chart;
    },
  );
  const element = h(
    "div",
    { class: "view system" },
    h("div", { class: "view-head" }, h("h1", {}, t("nav_system"))),
    tools,
    feedback.element,
    grid,
    note,
    nothing,
  );

  const draw = (): void => {
    const found = figures(samples);
    list.update(found);
    charts = charts.filter((chart) => {
      if (!chart.element.isConnected && !grid.contains(chart.element)) chart.destroy();
      return grid.contains(chart.element);
    });
    show(note, found.length > 0);
    show(nothing, found.length === 0);
  };
  const load = async (): Promise<void> => {
    window.clearTimeout(timer);
    const id = shown;
    const question = ++asked;
    if (!id) return;
    try {
      const after = samples.at(-1)?.at ?? 0;
      const answer = await get<{ samples: Sample[] }>("system", { instance: id, after });
      if (question !== asked) return;
      feedback.show("");
      samples = [...samples, ...answer.samples];
      draw();
    } catch (error) {
      if (question !== asked) return;
      feedback.show((error as ApiError).message, true);
    }
    const instance = store.listInstances().find((each) => each.id === id);
    if (instance && isActive(instance)) timer = window.setTimeout(() => void load(), EVERY_MS);
  };
  const update = (): void => {
    menu.update();
    show(tools, menu.chosen !== null);
    if (menu.chosen === shown) return;
    shown = menu.chosen;
    samples = [];
    draw();
    void load();
  };
  const stops = [
    store.onFrame(["instance", "forgotten"], update),
    store.on(["state"], () => {
      shown = null; // the samples may be others
      update();
    }),
  ];
  draw();
  update();
  return {
    element,
    destroy() {
      asked += 1;
      window.clearTimeout(timer);
      stops.forEach((stop) => stop());
      charts.forEach((chart) => chart.destroy());
    },
    recolour: () => charts.forEach((chart) => chart.recolour()),
  };
}
