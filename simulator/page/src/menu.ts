/** A button that opens a few actions below it. */

import { h } from "./dom";
import { icon, type IconName } from "./icons";

/** @param text shown beside the icon; empty: it is only read aloud, as `label` */
export function menu(name: IconName, label: string, text: string, ...items: HTMLElement[]): HTMLElement {
  const summary = h(
    "summary",
    { class: text ? "button" : "button icon-button", title: text ? null : label, "aria-label": label },
    icon(name),
    text || null,
  );
  const element = h("details", { class: "menu" }, summary, h("div", { class: "menu-items" }, ...items));
  const close = (): void => {
    element.open = false;
  };
  element.addEventListener("focusout", (event) => {
    const next = event.relatedTarget as Node | null;
    if (next && !element.contains(next)) close();
  });
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !element.open) return;
    event.preventDefault(); // a dialog around it stays
    close();
    summary.focus();
  });
  element.addEventListener("click", (event) => {
    if ((event.target as Element).closest(".menu-items a, .menu-items button")) close();
  });
  element.addEventListener("toggle", () => {
    if (element.open) document.addEventListener("pointerdown", outside);
    else document.removeEventListener("pointerdown", outside);
  });
  const outside = (event: PointerEvent): void => {
    if (!element.contains(event.target as Node)) close();
  };
  return element;
}
