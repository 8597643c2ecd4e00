/** One chart in large, with the figures of its lines. It is in the address, so it survives a reload. */

import { h } from "../dom";
import { t } from "../i18n";
import { iconButton } from "../ui";
import { MetricChart } from "./chart";
import { FigureTable } from "./figures";
import type { CurvesModel } from "./model";

/** Opens it.
 * @param moved called when its chart has set its window in the model
 * @param closed called when it has gone */
export function enlarge(
  metric: string,
  model: CurvesModel,
  moved: (metric: string) => void,
  closed: () => void,
): MetricChart {
  const figures = new FigureTable();
  const chart = new MetricChart(metric, model, { moved, figures });
  const dialog = h(
    "dialog",
    { class: "enlarged", "aria-label": metric },
    iconButton("close", t("close"), () => dialog.close()),
    chart.element,
    figures.element,
  );
  const close = (): void => dialog.close();
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) close();
  });
  window.addEventListener("hashchange", close); // "back" leaves the view below, too
  dialog.addEventListener("close", () => {
    window.removeEventListener("hashchange", close);
    chart.destroy();
    dialog.remove();
    model.enlarged = null;
    closed();
  });
  document.body.append(dialog);
  model.enlarged = metric;
  dialog.showModal();
  chart.focus();
  return chart;
}
