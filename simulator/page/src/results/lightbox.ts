/** One result in large, or what several runs found on one image, with those before and after it. */

import { h, setText } from "../dom";
import { count } from "../format";
import { t } from "../i18n";
import type { ResultItem } from "../types";
import { iconButton } from "../ui";
import { predictionsTable } from "./predictions";
import { truePosition } from "./overlay";
import { Magnifier } from "./magnifier";
import { sizeNote } from "./why";
import { Picture, type PictureOptions } from "./picture";

/** A picture with its predictions; the pictures of one item are magnified together. */
export interface Pane {
  item: ResultItem;
  options: PictureOptions;
  /** Above the picture and above its predictions; empty: none. */
  title: string;
}

export interface LightboxOptions {
  index: number;
  total(): number;
  /** null: there is no such item. */
  panes(index: number): Promise<Pane[] | null>;
  /** @param index what was shown last */
  closed(index: number): void;
}

const PAN = 0.15; // of the stage, for each press of a key

export function openLightbox(given: LightboxOptions): void {
  let { index } = given; // what is shown
  let wanted = index; // what was asked for last
  const pictures: Picture[] = [];
  const title = h("h2", { class: "mono" });
  const place = h("span", { class: "note", role: "status" });
  const side = h("div", { class: "light-side", tabindex: "0", role: "group", "aria-label": t("predictions") });
  const stage = h(
    "div",
    { class: "light-stage", tabindex: "0", role: "application", "aria-label": t("image_help") },
  );
  const magnifier = new Magnifier(
    stage,
    () => pictures[0]?.fit ?? 1,
    () => pictures.forEach((picture) => picture.setView(magnifier.zoom, magnifier.x, magnifier.y)),
  );
  const setPanes = (panes: Pane[]): void => {
    if (pictures.length !== panes.length) {
      pictures.splice(0, pictures.length, ...panes.map(() => new Picture()));
      stage.replaceChildren(
        ...panes.map(({ title: name }, at) =>
          h("figure", { class: "light-pane" }, name ? h("figcaption", {}, name) : null, pictures[at]?.element),
        ),
      );
    }
    panes.forEach(({ item, options }, at) => pictures[at]?.show(item, { ...options, labels: true }));
  };
  const show = async (next: number): Promise<void> => {
    if (next < 0 || next >= given.total()) return;
    wanted = next;
    const panes = await given.panes(next);
    const item = panes?.[0]?.item;
    if (!panes || !item || wanted !== next) return;
    index = next;
    magnifier.reset();
    setText(title, item.name);
    title.title = item.img_path;
    setText(place, `${count(next + 1)} / ${count(given.total())}`);
    setPanes(panes);
    side.replaceChildren(...panes.flatMap(findings), h("p", { class: "note mono path" }, item.img_path));
  };
  const step = (by: number): void => void show(wanted + by);
  const close = (): void => dialog.close();
  const dialog = h(
    "dialog",
    { class: "lightbox", "aria-label": t("image") },
    h(
      "div",
      { class: "light-head" },
      title,
      place,
      iconButton("previous", t("previous"), () => step(-1)),
      iconButton("next", t("next"), () => step(1)),
      iconButton("minus", t("zoom_out"), () => magnifier.magnify(-1)),
      iconButton("plus", t("zoom_in"), () => magnifier.magnify(1)),
      iconButton("close", t("close"), close),
    ),
    h("div", { class: "light-body" }, stage, side),
  );
  // Arrows walk over the images; over a magnified one they move it.
  const actions: Record<string, () => void> = {
    ArrowLeft: () => void (magnifier.move(-PAN, 0) || step(-1)),
    ArrowRight: () => void (magnifier.move(PAN, 0) || step(1)),
    ArrowUp: () => void magnifier.move(0, -PAN),
    ArrowDown: () => void magnifier.move(0, PAN),
    "+": () => magnifier.magnify(1),
    "=": () => magnifier.magnify(1),
    "-": () => magnifier.magnify(-1),
    "0": () => magnifier.reset(),
  };
  dialog.addEventListener("keydown", (event) => {
    const action = actions[event.key];
    const scrolls = side.contains(event.target as Node) && /Up|Down/.test(event.key);
    if (!action || scrolls || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) close();
  });
  const sizes = new ResizeObserver(() => pictures.forEach((picture) => picture.draw()));
  sizes.observe(stage);
  window.addEventListener("hashchange", close); // "back" leaves the view below, too
  dialog.addEventListener("close", () => {
    sizes.disconnect();
    window.removeEventListener("hashchange", close);
    dialog.remove();
    given.closed(index);
  });
  document.body.append(dialog);
  dialog.showModal();
  stage.focus();
  void show(index);
}

/** What was found on a picture, in words. */
function findings({ item, options, title }: Pane): HTMLElement[] {
  return [
    h(
      "p",
      { class: `outcome ${item.outcome}` },
      title ? h("span", { class: "quiet" }, `${title}: `) : null,
      t(`outcome_${item.outcome}`),
    ),
    item.plain === null
      ? predictionsTable(item.predictions, options.classes)
      : h("pre", { class: "json" }, JSON.stringify(JSON.parse(item.plain), null, 2)),
    ...(item.plain === null ? [sizeNote(item)].filter((note) => note !== null) : []),
    ...(item.predictions.some((prediction) => truePosition(prediction).length)
      ? [h("p", { class: "note" }, t("box_legend"))]
      : []),
  ];
}
