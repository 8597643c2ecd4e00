/** Results as rows, for data that are not images: sorted and searched by the server. */

import { debounce, h, setText, show } from "../dom";
import { percent, value } from "../format";
import { t, type Key } from "../i18n";
import { icon } from "../icons";
import { route } from "../route";
import { url, type Query } from "../transport";
import type { Json, TableRow } from "../types";
import { field, notice } from "../ui";
import { VirtualGrid } from "../virtual";
import { Pages, type Answer } from "./pages";

const ROW = 32; // px
const SEARCH_MS = 180;
const MOST_OWN = 12; // of the algorithm's own columns; the CSV has all
const COMMON = ["id", "truth", "predicted", "confidence", "outcome"] as const;
const OWN = "special.";

export class ResultTable {
  private feedback = notice();
  private nothing = h("p", { class: "hint" }, t("no_rows_match"));
  private search = h("input", {
    type: "search",
    value: route.get("search") ?? "",
    oninput: debounce(SEARCH_MS, () => {
      route.set({ search: this.search.value.trim() || null });
      this.again();
    }),
  });
  private csv = h("a", { class: "button", download: true }, icon("download"), t("save_rows"));
  private head = h("div", { class: "rows-row rows-head", role: "row" });
  private grid: VirtualGrid;
  private box: HTMLElement;
  private own: string[] = [];
  private pages: Pages<TableRow> | null = null;
  private query: Query = {};
  readonly element: HTMLElement;

  constructor(
    scroller: HTMLElement,
    private arrived: (total: number) => void,
  ) {
    this.grid = new VirtualGrid({
      scroller,
      rowHeight: ROW,
      create: () => h("div", { class: "rows-row", role: "row" }),
      fill: (row, index) => this.fill(row, index),
      visible: (first, end) => this.pages?.want(first, end),
    });
    this.grid.element.setAttribute("role", "rowgroup");
    const table = h("div", { class: "rows", role: "table", "aria-label": t("rows") }, h("div", { role: "rowgroup" }, this.head), this.grid.element);
    this.box = h("div", { class: "table-box rows-box", tabindex: "0", role: "region", "aria-label": t("rows") }, table);
    this.element = h(
      "div",
      { class: "result-rows" },
      h("div", { class: "toolbar" }, field(t("search"), this.search), h("div", { class: "field end" }, this.csv)),
      this.feedback.element,
      this.box,
      this.nothing,
    );
    show(this.nothing, false);
    this.drawHead();
  }

  /** Shows the rows of another query. */
  ask(query: Query): void {
    this.query = query;
    this.again();
  }

  /** More results were reported. */
  grown(): void {
    this.pages?.invalidate();
    if (this.grid.count === 0) this.pages?.want(0, 1);
    this.grid.render();
  }

  destroy(): void {
    this.pages?.close();
    this.grid.destroy();
  }

  private again(): void {
    this.pages?.close();
    const query = { ...this.query, search: route.get("search"), sort: route.get("sort"), order: route.get("order") };
    this.csv.setAttribute("href", url("table.csv", query));
    const pages = new Pages<TableRow>(
      "table",
      query,
      (answer) => this.came(pages, answer),
      (text) => this.feedback.show(text, true),
    );
    this.pages = pages;
    pages.want(0, 1);
  }

  private came(pages: Pages<TableRow>, answer: Answer<TableRow>): void {
    if (pages !== this.pages) return;
    this.feedback.show("");
    const { columns } = answer as unknown as { columns: string[] };
    this.own = columns.slice(0, MOST_OWN);
    this.drawHead();
    this.grid.count = pages.total;
    show(this.nothing, pages.total === 0);
    show(this.box, pages.total > 0);
    this.arrived(pages.total);
    this.grid.refresh();
  }

  private drawHead(): void {
    const names = [...COMMON, ...this.own.map((name) => OWN + name)];
    this.box.style.setProperty("--columns", `minmax(150px, 2fr) repeat(${names.length - 1}, minmax(92px, 1fr))`);
    const focused = (document.activeElement as HTMLElement | null)?.dataset.sort;
    this.head.replaceChildren(...names.map((name) => this.heading(name)));
    if (focused) this.head.querySelector<HTMLElement>(`[data-sort="${CSS.escape(focused)}"]`)?.focus();
  }

  private heading(name: string): HTMLElement {
    const sorted = route.get("sort") === name;
    const descending = route.get("order") === "descending";
    const text = name.startsWith(OWN) ? name.slice(OWN.length) : t((name === "id" ? "row_id" : name) as Key);
    const button = h(
      "button",
      { type: "button", class: "grid-sort", "data-sort": name, title: text, onclick: () => this.sort(name) },
      h("span", {}, text, sorted ? (descending ? " ↓" : " ↑") : ""),
    );
    const order = sorted ? (descending ? "descending" : "ascending") : "none";
    return h("div", { role: "columnheader", "aria-sort": order, class: isNumber(name) ? "number" : "" }, button);
  }

  /** Ascending, then descending, then as they were reported. */
  private sort(name: string): void {
    const same = route.get("sort") === name;
    const descending = route.get("order") === "descending";
    if (!same) route.set({ sort: name, order: null });
    else if (!descending) route.set({ order: "descending" });
    else route.set({ sort: null, order: null });
    this.drawHead();
    this.again();
  }

  private fill(element: HTMLElement, index: number): void {
    const row = this.pages?.get(index) ?? null;
    element.dataset.outcome = row?.outcome ?? "";
    element.setAttribute("aria-rowindex", String(index + 2));
    if (!row) return element.replaceChildren();
    const confidence = typeof row.confidence === "number" ? percent(row.confidence) : "–";
    element.replaceChildren(
      cell(row.id, "mono", inShort(row.id)),
      cell(row.truth || t("none")),
      cell(row.predicted || t("none")),
      cell(confidence, "number"),
      cell(t(`outcome_${row.outcome}`), `outcome-cell ${row.outcome}`),
      ...this.own.map((name) => ownCell(row.own[name])),
    );
  }
}

function ownCell(own: Json | undefined): HTMLElement {
  if (typeof own === "number") return cell(value(own), "number");
  if (own === null || own === undefined) return cell("–", "quiet");
  return cell(typeof own === "string" ? own : JSON.stringify(own));
}

/** The end of a path: its beginning is the same for all, and leaves no room. */
function inShort(id: string): string {
  const parts = id.split("/");
  return parts.length > 3 ? `…/${parts.slice(-2).join("/")}` : id;
}

function cell(text: string, name = "", shown = text): HTMLElement {
  const element = h("div", { role: "cell", class: name, title: text });
  setText(element, shown);
  return element;
}

function isNumber(column: string): boolean {
  return column === "confidence";
}
