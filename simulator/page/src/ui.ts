/** Small pieces that several views are made of. */

import { h, s, setAttribute, setText, type Row } from "./dom";
import { icon, type IconName } from "./icons";
import { t, type Key } from "./i18n";
import type { Instance, Kind, Run, State } from "./types";

export interface View {
  element: HTMLElement;
  destroy(): void;
  /** Draws canvases anew, in the theme's present colours. */
  recolour?(): void;
}

export function kindName(kind: Kind | null): string {
  return kind ? t(`kind_${kind}`) : t("kind_unknown");
}

export function stateName(state: State): string {
  return t(`state_${state}`);
}

/** Whether an instance may still do something. */
export function isActive(instance: Instance): boolean {
  return ["starting", "ready", "running", "paused", "stopping", "unknown"].includes(instance.state);
}

/** How a run is called in legends and menus: as somebody named it, else "training 3". */
export function runName(run: Run): string {
  return run.name || `${kindName(run.kind)} #${run.id}`;
}

export function button(
  text: string,
  onclick: () => void,
  options: { icon?: IconName; class?: string; title?: string } = {},
): HTMLButtonElement {
  return h(
    "button",
    { type: "button", class: options.class ?? "", title: options.title, onclick },
    options.icon ? icon(options.icon) : null,
    h("span", {}, text),
  );
}

/** A button that shows an icon alone; its label is read aloud and shown as a tip. */
export function iconButton(name: IconName, label: string, onclick: () => void): HTMLButtonElement {
  return h(
    "button",
    { type: "button", class: "icon-button", title: label, "aria-label": label, onclick },
    icon(name),
  );
}

export function link(text: string, href: string, name?: IconName): HTMLAnchorElement {
  return h("a", { href, class: "quiet-link" }, name ? icon(name) : null, text);
}

/** A label above a control. */
export function field(label: string, control: HTMLElement, note = ""): HTMLLabelElement {
  return h(
    "label",
    { class: "field" },
    h("span", { class: "field-label" }, label),
    control,
    note ? h("span", { class: "note" }, note) : null,
  );
}

export function select(
  options: [value: string, text: string][],
  value: string,
  onchange: (value: string) => void,
): HTMLSelectElement {
  const element = h("select", {
    onchange: () => onchange(element.value),
  });
  setOptions(element, options, value);
  return element;
}

/** Replaces a menu's options if they differ, so that an open menu stays open. */
export function setOptions(
  element: HTMLSelectElement,
  options: [value: string, text: string][],
  value: string,
): void {
  const text = JSON.stringify(options);
  if (element.dataset.options !== text) {
    element.dataset.options = text;
    element.replaceChildren(...options.map(([v, label]) => h("option", { value: v }, label)));
  }
  if (element.value !== value) element.value = value;
}

export interface Choice {
  element: HTMLElement;
  /** Shows what is chosen without telling anybody. */
  set(value: string): void;
}

/** A group of buttons of which one is pressed. */
export function choice(
  label: string,
  options: [value: string, text: string][],
  value: string,
  onchange: (value: string) => void,
): Choice {
  const buttons = options.map(([v, text]) => {
    const onclick = (): void => {
      set(v);
      onchange(v);
    };
    return h("button", { type: "button", onclick }, text);
  });
  const set = (picked: string): void =>
    buttons.forEach((b, place) =>
      setAttribute(b, "aria-pressed", String(options[place]?.[0] === picked)),
    );
  set(value);
  return { element: h("div", { class: "choice", role: "group", "aria-label": label }, ...buttons), set };
}

/** What a view shows while it has nothing: what that means and what to do. */
export function empty(title: Key, text: Key, action: Node | null = null): HTMLElement {
  return h(
    "div",
    { class: "empty" },
    s("svg", { class: "empty-art", viewBox: "0 0 96 48", "aria-hidden": "true" },
      s("path", { d: "M4 44V4 M4 44h88", class: "empty-axis" }),
      s("path", { d: "M8 36l16-10 12 6 18-18 12 8 22-14", class: "empty-line" })),
    h("h2", {}, t(title)),
    h("p", {}, t(text)),
    action,
  );
}

/** A line for errors and answers that screen readers announce. */
export function notice(): { element: HTMLElement; show(text: string, bad?: boolean): void } {
  const element = h("p", { class: "notice", role: "status" });
  return {
    element,
    show(text, bad = false) {
      setText(element, text);
      element.classList.toggle("bad", bad);
    },
  };
}

/** Names beside numbers, in a compact grid. */
export function facts(names: Key[]): Row<string[]> {
  const values = names.map(() => h("dd", {}, "–"));
  const element = h(
    "dl",
    { class: "facts" },
    ...names.map((name, place) => h("div", {}, h("dt", {}, t(name)), values[place])),
  );
  return {
    element,
    update: (texts) => texts.forEach((text, place) => values[place] && setText(values[place], text)),
  };
}

export function saveBlob(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  window.setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
