/** A table of which only the visible rows and columns have elements. */

import { h, perFrame, setAttribute, setText } from "../dom";
import { t } from "../i18n";
import { runHue } from "../theme";
import type { Run } from "../types";
import { iconButton, runName } from "../ui";
import { isLower, setLower } from "./best";
import { columnName, nameColumn, runState, type Column } from "./columns";

const ROW = 34; // px, as in runs.css
const HEAD = 46;
const NAME = 200;
const PICK = 38; // the column of check boxes
const NARROW = 0.45; // of the table at most, for the column that stays in place
const MARGIN = 2; // rows beyond what is visible

export interface TableOptions {
  /** The table was asked to sort by a column. */
  sort(column: Column): void;
  /** Runs were picked or no longer are. */
  picked(): void;
  /** Which value is the best of a metric was changed. */
  redirected(): void;
  open(run: Run): void;
  edit(run: Run): void;
}

export class RunTable {
  readonly element: HTMLElement;
  readonly picked = new Set<number>();
  private head = h("div", { role: "row", class: "grid-row grid-head", "aria-rowindex": "1" });
  private body = h("div", { role: "rowgroup", class: "grid-body" });
  private all = h("input", { type: "checkbox", "aria-label": t("pick_all"), onchange: () => this.pickAll() });
  private runs: Run[] = [];
  private columns: Column[] = [];
  private lefts: number[] = [];
  private width = 0;
  private rows = new Map<number, HTMLElement>(); // by run
  private headKey = "";
  private version = 0;
  private active: number | null = null; // run
  private order: { id: string; descending: boolean } = { id: "", descending: false };
  private name = nameColumn();
  private measured: Column[] | null = null; // the columns that have their places
  private observer: ResizeObserver;
  private render = perFrame(() => this.draw());

  constructor(private options: TableOptions) {
    this.element = h(
      "div",
      {
        class: "run-grid",
        role: "grid",
        tabindex: "0",
        "aria-label": t("nav_runs"),
        "aria-multiselectable": "true",
        onkeydown: (event: KeyboardEvent) => this.walk(event),
      },
      h("div", { role: "rowgroup", class: "grid-top" }, this.head),
      this.body,
    );
    this.element.addEventListener("scroll", this.render, { passive: true });
    this.observer = new ResizeObserver(this.render);
    this.observer.observe(this.element);
  }

  destroy(): void {
    this.render.cancel();
    this.observer.disconnect();
  }

  /** @param runs in their order
   * @param columns beside the run's name */
  show(runs: Run[], columns: Column[], order: { id: string; descending: boolean }): void {
    this.runs = runs;
    this.columns = columns;
    this.order = order;
    this.version++;
    setAttribute(this.element, "aria-rowcount", String(runs.length + 1));
    setAttribute(this.element, "aria-colcount", String(columns.length + 2));
    this.markAll();
    this.render();
  }

  /** Runs that are picked and still shown, in the table's order. */
  chosen(): Run[] {
    return this.runs.filter((run) => this.picked.has(run.id));
  }

  pick(ids: Iterable<number>): void {
    this.picked.clear();
    for (const id of ids) this.picked.add(id);
    this.changed();
  }

  private pickAll(): void {
    this.pick(this.all.checked ? this.runs.map((run) => run.id) : []);
  }

  private toggle(run: Run): void {
    if (!this.picked.delete(run.id)) this.picked.add(run.id);
    this.changed();
  }

  private changed(): void {
    this.version++;
    this.markAll();
    this.options.picked();
    this.render();
  }

  private markAll(): void {
    const chosen = this.chosen().length;
    this.all.checked = chosen > 0 && chosen === this.runs.length;
    this.all.indeterminate = chosen > 0 && chosen < this.runs.length;
  }

  private measure(): void {
    const width = Math.min(NAME, Math.round(this.element.clientWidth * NARROW));
    if (width === this.name.width && this.measured === this.columns) return;
    this.name = { ...this.name, width };
    this.measured = this.columns;
    this.headKey = "";
    this.version++;
    let left = PICK + width;
    this.lefts = this.columns.map((column) => (left += column.width) - column.width);
    this.width = left;
  }

  private draw(): void {
    this.measure();
    const { scrollTop, scrollLeft, clientHeight, clientWidth } = this.element;
    this.head.style.width = `${this.width}px`;
    this.body.style.width = `${this.width}px`;
    this.body.style.height = `${this.runs.length * ROW}px`;
    const from = scrollLeft + PICK;
    let first = 0;
    while (first < this.columns.length && this.right(first) < from) first++;
    let end = first;
    while (end < this.columns.length && (this.lefts[end] ?? 0) < scrollLeft + clientWidth) end++;
    this.drawHead(first, end);
    const top = Math.max(0, Math.floor(scrollTop / ROW) - MARGIN);
    const bottom = Math.min(this.runs.length, Math.ceil((scrollTop + clientHeight) / ROW) + MARGIN);
    const visible = new Set<number>();
    const key = `${this.version} ${first} ${end}`;
    for (let place = top; place < bottom; place++) {
      const run = this.runs[place];
      if (!run) continue;
      visible.add(run.id);
      let row = this.rows.get(run.id);
      if (!row) this.rows.set(run.id, (row = this.body.appendChild(this.makeRow(run.id))));
      row.style.transform = `translateY(${place * ROW}px)`;
      if (row.dataset.key !== key) this.fill(row, run, place, first, end, key);
    }
    for (const [id, row] of this.rows) {
      if (visible.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
    const row = this.active === null ? undefined : this.rows.get(this.active);
    setAttribute(this.element, "aria-activedescendant", row?.id ?? null);
  }

  private right(place: number): number {
    return (this.lefts[place] ?? 0) + (this.columns[place]?.width ?? 0) - this.name.width;
  }

  private drawHead(first: number, end: number): void {
    const key = `${first} ${end} ${JSON.stringify(this.order)} ${this.columns.map((c) => c.id + columnName(c)).join()}`;
    if (key === this.headKey) return;
    this.headKey = key;
    const focused = this.head.contains(document.activeElement)
      ? (document.activeElement as HTMLElement).dataset.column
      : undefined;
    const fixed = h(
      "div",
      { class: "grid-fixed" },
      h("div", { role: "columnheader", class: "grid-cell grid-pick", "aria-colindex": "1" }, this.all),
      this.header(this.name, 2, null),
    );
    fixed.setAttribute("role", "none");
    this.head.replaceChildren(
      fixed,
      ...this.columns
        .slice(first, end)
        .map((column, place) => this.header(column, first + place + 3, this.lefts[first + place] ?? 0)),
    );
    if (focused !== undefined) {
      this.head.querySelector<HTMLElement>(`[data-column="${CSS.escape(focused)}"]`)?.focus();
    }
  }

  private header(column: Column, index: number, left: number | null): HTMLElement {
    const sorted = this.order.id === column.id;
    const arrow = sorted ? (this.order.descending ? " ▾" : " ▴") : "";
    const sub = column.group === "best" ? t(isLower(column.name) ? "lowest" : "highest") : column.group === "last" ? t("last_value") : "";
    const press = h(
      "button",
      {
        type: "button",
        class: "grid-sort",
        title: column.name === column.id ? column.title : column.name,
        "data-column": column.id,
        onclick: () => this.options.sort(column),
      },
      h("span", { class: "grid-title" }, column.title + arrow),
      sub ? h("span", { class: "grid-sub" }, sub) : null,
    );
    const turn = (): void => {
      setLower(column.name, !isLower(column.name));
      this.options.redirected();
    };
    const flip = column.group === "best"
      ? iconButton(isLower(column.name) ? "down" : "up", t(isLower(column.name) ? "lower_is_better" : "higher_is_better", { metric: column.name }), turn)
      : null;
    return h(
      "div",
      {
        role: "columnheader",
        class: column.numeric ? "grid-cell numeric" : "grid-cell",
        "aria-colindex": index,
        "aria-sort": sorted ? (this.order.descending ? "descending" : "ascending") : "none",
        style: left === null ? `width: ${column.width}px` : `left: ${left}px; width: ${column.width}px`,
      },
      press,
      flip,
    );
  }

  private makeRow(id: number): HTMLElement {
    const row = h("div", { role: "row", class: "grid-row", id: `run-${id}`, "data-run": String(id) });
    row.addEventListener("click", (event) => {
      const run = this.runs.find((each) => each.id === id);
      if (!run || (event.target as HTMLElement).closest("a, button, input")) return;
      this.activate(id);
      this.toggle(run);
    });
    return row;
  }

  private fill(row: HTMLElement, run: Run, place: number, first: number, end: number, key: string): void {
    row.dataset.key = key;
    const chosen = this.picked.has(run.id);
    const box = h("input", {
      type: "checkbox",
      tabindex: "-1",
      checked: chosen,
      "aria-label": t("pick_run", { run: runName(run) }),
      onchange: () => this.toggle(run),
    });
    const edit = iconButton("edit", t("edit_run", { run: runName(run) }), () => this.options.edit(run));
    edit.tabIndex = -1;
    const name = h("a", { href: `#/runs?run=${run.id}`, tabindex: "-1", class: "grid-name" }, runName(run));
    name.title = run.note ? `${runName(run)}\n${run.note}` : runName(run);
    const fixed = h(
      "div",
      { class: "grid-fixed", role: "none" },
      h("div", { role: "gridcell", class: "grid-cell grid-pick", "aria-colindex": "1" }, box),
      h(
        "div",
        { role: "rowheader", class: "grid-cell", style: `width: ${this.name.width}px`, "aria-colindex": "2" },
        h("span", { class: "swatch", style: `--run: var(--${runHue(run)})`, "aria-hidden": "true" }),
        name,
        edit,
      ),
    );
    const cells = this.columns.slice(first, end).map((column, at) => {
      const text = column.text(run);
      const cell = h("div", {
        role: "gridcell",
        class: column.numeric ? "grid-cell numeric" : "grid-cell",
        "aria-colindex": String(first + at + 3),
        "data-column": column.id,
        style: `left: ${this.lefts[first + at] ?? 0}px; width: ${column.width}px`,
        title: text,
      });
      if (column.id === "state") cell.append(h("span", { class: `badge ${runState(run)}` }, text));
      else if (column.id === "tags") cell.append(...run.tags.map((tag) => h("span", { class: "tag" }, tag)));
      else setText(cell, text);
      return cell;
    });
    setAttribute(row, "aria-rowindex", String(place + 2));
    setAttribute(row, "aria-selected", String(chosen));
    row.classList.toggle("active", run.id === this.active);
    row.classList.toggle("faded", run.hidden);
    row.replaceChildren(fixed, ...cells);
  }

  private activate(id: number): void {
    this.active = id;
    this.version++;
    this.render();
  }

  private walk(event: KeyboardEvent): void {
    if (event.target !== this.element || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.runs.length - 1;
    const at = this.runs.findIndex((run) => run.id === this.active);
    const page = Math.max(1, Math.floor((this.element.clientHeight - HEAD) / ROW) - 1);
    const places: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at < 0 ? 0 : at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: last,
    };
    const run = this.runs[at];
    const place = places[event.key];
    if (place !== undefined && last >= 0) {
      const next = Math.max(0, Math.min(last, place));
      this.scrollTo(next);
      this.activate(this.runs[next]?.id ?? 0);
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      this.element.scrollLeft += event.key === "ArrowRight" ? 140 : -140;
    } else if (run && event.key === " ") this.toggle(run);
    else if (run && event.key === "Enter") this.options.open(run);
    else if (run && (event.key === "e" || event.key === "F2")) this.options.edit(run);
    else return;
    event.preventDefault();
  }

  private scrollTo(place: number): void {
    const top = place * ROW;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + ROW > scrollTop + clientHeight - HEAD) this.element.scrollTop = top + ROW - clientHeight + HEAD;
  }
}
