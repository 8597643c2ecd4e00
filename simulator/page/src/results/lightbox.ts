/** One result in large, with the ones before and after it. */

import { h, setText } from "../dom";
import { count, percent } from "../format";
import { t } from "../i18n";
import type { Finding, ResultItem } from "../types";
import { iconButton } from "../ui";
import { classHue, confidenceOf } from "./overlay";
import { Picture, type PictureOptions } from "./picture";

export interface LightboxOptions {
  index: number;
  total(): number;
  item(index: number): Promise<ResultItem | null>;
  options(): PictureOptions;
  closed(index: number): void;
}

export function openLightbox(given: LightboxOptions): void {
  let { index } = given;
  let zoom = 1;
  const picture = new Picture();
  const title = h("h2", { class: "mono" });
  const place = h("span", { class: "note" });
  const side = h("div", { class: "light-side" });
  const stage = h("div", { class: "light-stage", tabindex: "0" }, picture.element);
  const show = async (next: number): Promise<void> => {
    if (next < 0 || next >= given.total()) return;
    index = next;
    const item = await given.item(next);
    if (!item || index !== next) return;
    setText(title, item.name);
    title.title = item.img_path;
    setText(place, `${count(next + 1)} / ${count(given.total())}`);
    const options = given.options();
    picture.show(item, { ...options, labels: true });
    side.replaceChildren(
      h("p", { class: `verdict ${item.verdict}` }, t(`verdict_${item.verdict}`)),
      findingsTable(item.findings, options.classes),
      h("p", { class: "note mono path" }, item.img_path),
    );
  };
  const magnify = (factor: number): void => {
    zoom = factor === 0 ? 1 : Math.min(16, Math.max(1, zoom * factor));
    picture.setZoom(zoom);
  };
  const dialog = h(
    "dialog",
    { class: "lightbox", "aria-label": t("image") },
    h(
      "div",
      { class: "light-head" },
      title,
      place,
      iconButton("previous", t("previous"), () => void show(index - 1)),
      iconButton("next", t("next"), () => void show(index + 1)),
      iconButton("minus", t("zoom_out"), () => magnify(1 / 1.5)),
      iconButton("plus", t("zoom_in"), () => magnify(1.5)),
      iconButton("close", t("close"), () => dialog.close()),
    ),
    h("div", { class: "light-body" }, stage, side),
  );
  dialog.addEventListener("keydown", (event) => {
    const actions: Record<string, () => void> = {
      ArrowLeft: () => void show(index - 1),
      ArrowRight: () => void show(index + 1),
      "+": () => magnify(1.5),
      "=": () => magnify(1.5),
      "-": () => magnify(1 / 1.5),
      "0": () => magnify(0),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      magnify(Math.exp(-event.deltaY * 0.002));
    },
    { passive: false },
  );
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  const sizes = new ResizeObserver(() => picture.draw());
  sizes.observe(stage);
  dialog.addEventListener("close", () => {
    sizes.disconnect();
    dialog.remove();
    given.closed(index);
  });
  document.body.append(dialog);
  dialog.showModal();
  stage.focus();
  void show(index);
}

function findingsTable(findings: Finding[], classes: string[]): HTMLElement {
  const rows = findings.flatMap((finding) => {
    const swatch = h("span", { class: "swatch" });
    swatch.style.setProperty("--run", `var(--${classHue(finding.predicted || finding.truth, classes)})`);
    const special = finding.special === null || finding.special === undefined || finding.special === ""
      ? ""
      : typeof finding.special === "string"
        ? finding.special
        : JSON.stringify(finding.special);
    const row = h(
      "tr",
      { class: finding.verdict },
      h("td", {}, swatch, finding.truth || t("none")),
      h("td", {}, finding.predicted || t("none")),
      h("td", { class: "number" }, percent(confidenceOf(finding))),
    );
    if (!special) return [row];
    return [row, h("tr", {}, h("td", { class: "note mono special", colspan: "3" }, special))];
  });
  return h(
    "div",
    { class: "table-box" },
    h(
      "table",
      { class: "findings" },
      h("thead", {}, h("tr", {}, h("th", {}, t("truth")), h("th", {}, t("predicted")), h("th", {}, t("confidence")))),
      h("tbody", {}, ...rows),
    ),
  );
}
