/** How a line of a log looks. */

import { h, setText } from "../dom";
import type { LogLine } from "../types";

const PARTS = ["n", "date", "time", "level", "text"] as const;

export function makeLine(): HTMLElement {
  return h("div", { class: "log-line" }, ...PARTS.map((name) => h("span", { class: `log-${name}` })));
}

/** @param item undefined: it was not fetched yet
 * @param search what was searched for, to be marked
 * @param current whether it is the line that the search has found */
export function fillLine(element: HTMLElement, item: LogLine | undefined, search: string, current: boolean): void {
  const [n, date, time, level, text] = element.children as unknown as HTMLElement[];
  if (!n || !date || !time || !level || !text) return;
  const at = item?.time ?? "";
  const day = at.lastIndexOf(" ") + 1; // the date has a place of its own: a phone has none for it
  setText(n, item ? String(item.n + 1) : ""); // as editors count
  setText(date, at.slice(0, day));
  setText(time, at.slice(day));
  setText(level, item?.level ?? "");
  mark(text, item?.text ?? "", search);
  element.className = `log-line ${(item?.level ?? "").toLowerCase()}${current ? " current" : ""}`;
}

/** Shows a text with what was searched for marked in it. */
function mark(element: HTMLElement, text: string, search: string): void {
  if (!search) {
    setText(element, text);
    return;
  }
  const wanted = new RegExp(search.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gi");
  const parts: Node[] = [];
  let at = 0;
  for (const { 0: found, index } of text.matchAll(wanted)) {
    parts.push(document.createTextNode(text.slice(at, index)), h("mark", {}, found));
    at = index + found.length;
  }
  parts.push(document.createTextNode(text.slice(at)));
  element.replaceChildren(...parts);
}
