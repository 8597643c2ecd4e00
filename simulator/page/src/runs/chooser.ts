/** Which columns the table shows; kept in this browser. */

import { h, show } from "../dom";
import { t } from "../i18n";
import { remember, remembered } from "../settings";
import { button, field } from "../ui";
import { columnName, type Column } from "./columns";

const KEPT = "run-columns";
const MOST = 300; // of the list; more are found by the search

/** The chosen columns; null: nobody has chosen. */
export function chosenColumns(): Set<string> | null {
  const kept = remembered(KEPT);
  try {
    return kept === null ? null : new Set(JSON.parse(kept) as string[]);
  } catch {
    return null; // something else wrote it
  }
}

export class ColumnChooser {
  readonly element: HTMLDetailsElement;
  private list = h("div", { class: "column-list", role: "group", "aria-label": t("columns") });
  private more = h("p", { class: "note" });
  private search = h("input", { type: "search", oninput: () => this.fill() });
  private all: Column[] = [];
  private shown = new Set<string>();
  private key = "";

  /** @param changed called when other columns were chosen */
  constructor(private changed: () => void) {
    const reset = button(t("usual_columns"), () => {
      remember(KEPT, null);
      this.key = "";
      this.changed();
    });
    this.element = h(
      "details",
      { class: "fold columns", ontoggle: () => this.fill() },
      h("summary", {}, t("columns")),
      h("div", { class: "fold-body" }, h("div", { class: "toolbar" }, field(t("search"), this.search), reset), this.list, this.more),
    );
  }

  /** @param shown ids of the columns that the table shows */
  update(all: Column[], shown: Set<string>): void {
    const key = `${all.map((c) => c.id).join()} ${[...shown].join()}`;
    if (key === this.key) return;
    this.key = key;
    this.all = all;
    this.shown = shown;
    this.fill();
  }

  private fill(): void {
    if (!this.element.open) return;
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.all.filter((column) => {
      const text = `${column.name} ${columnName(column)}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    const focused = (document.activeElement as HTMLElement | null)?.dataset.column;
    this.list.replaceChildren(...found.slice(0, MOST).map((column) => this.item(column)));
    if (focused !== undefined) {
      this.list.querySelector<HTMLElement>(`[data-column="${CSS.escape(focused)}"]`)?.focus();
    }
    show(this.more, found.length > MOST);
    this.more.textContent = t("n_shown", { n: MOST, total: found.length });
  }

  private item(column: Column): HTMLElement {
    const box = h("input", {
      type: "checkbox",
      checked: this.shown.has(column.id),
      "data-column": column.id,
      onchange: () => {
        const next = new Set(this.shown);
        if (box.checked) next.add(column.id);
        else next.delete(column.id);
        remember(KEPT, JSON.stringify([...next]));
        this.changed();
      },
    });
    return h("label", { class: "tool check", title: column.name }, box, h("span", {}, columnName(column)));
  }
}
