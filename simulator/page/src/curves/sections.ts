/** Groups of charts below each other, of which only those near the screen exist.
 *
 * Thousands of metrics cost as much as the few that are seen: a place is a number here, and an
 * element is made when its place comes near the visible part of the scroller. */

import { perFrame } from "../dom";
import type { Group } from "./groups";

export interface SectionsOptions {
  scroller: HTMLElement;
  /** Makes a group's heading. */
  heading(group: Group): HTMLElement;
  /** Makes a metric's chart; it stays until `leave`. */
  chart(metric: string): HTMLElement;
  leave(metric: string): void;
  isFolded(group: Group): boolean;
}

export const CHART_HEIGHT = 366; // px, as in curves.css
const HEADING_HEIGHT = 40;
const LEAST_WIDTH = 440; // of a chart
const GAP = 14;
const BEYOND = 1200; // px around what is visible

interface Item {
  key: string;
  top: number;
  height: number;
  left: number;
  width: number;
  make(): HTMLElement;
  drop(): void;
}

export class Sections {
  readonly element = document.createElement("div");
  private groups: Group[] = [];
  private items: Item[] = []; // by `top`
  private shown = new Map<string, { element: HTMLElement; item: Item }>();
  private width = 0;
  private observer: ResizeObserver;
  private readonly render = perFrame(() => this.renderNow());

  constructor(private options: SectionsOptions) {
    this.element.className = "charts";
    options.scroller.addEventListener("scroll", this.render, { passive: true });
    this.observer = new ResizeObserver(() => {
      if (this.element.clientWidth !== this.width) this.layOut();
      this.render();
    });
    this.observer.observe(this.element);
    this.observer.observe(options.scroller);
  }

  /** Shows other groups, or the same folded differently. */
  update(groups: Group[]): void {
    this.groups = groups;
    if (this.element.isConnected) this.renderAll();
    // A view that is being made is in the document when this turn ends; the observer would call a frame later.
    else queueMicrotask(() => this.renderAll());
  }

  destroy(): void {
    this.render.cancel();
    this.observer.disconnect();
    this.options.scroller.removeEventListener("scroll", this.render);
    for (const { item } of this.shown.values()) item.drop();
    this.shown.clear();
  }

  private renderAll(): void {
    this.layOut();
    this.renderNow();
  }

  private layOut(): void {
    this.width = this.element.clientWidth;
    const columns = Math.max(1, Math.floor((this.width + GAP) / (LEAST_WIDTH + GAP)));
    const share = (this.width - GAP * (columns - 1)) / columns;
    const headings = this.groups.length > 1 || this.groups[0]?.kind !== "none";
    this.items = [];
    let top = 0;
    for (const group of this.groups) {
      if (headings) {
        const folded = this.options.isFolded(group);
        this.items.push({
          // Another heading when it shows something else: few of them are near the screen.
          key: `heading ${group.key} ${group.names.length} ${folded}`,
          top,
          height: HEADING_HEIGHT,
          left: 0,
          width: this.width,
          make: () => this.options.heading(group),
          drop: () => undefined,
        });
        top += HEADING_HEIGHT;
        if (folded) continue;
      }
      group.names.forEach((name, place) => {
        this.items.push({
          key: `chart ${name}`,
          top: top + Math.floor(place / columns) * (CHART_HEIGHT + GAP),
          height: CHART_HEIGHT,
          left: (place % columns) * (share + GAP),
          width: share,
          make: () => this.options.chart(name),
          drop: () => this.options.leave(name),
        });
      });
      top += Math.ceil(group.names.length / columns) * (CHART_HEIGHT + GAP);
    }
    this.element.style.height = `${Math.max(0, top - GAP)}px`;
  }

  private renderNow(): void {
    if (!this.element.isConnected || !this.width) return;
    const { scroller } = this.options;
    const above = this.element.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
    const from = -above - BEYOND;
    const to = scroller.clientHeight - above + BEYOND;
    const wanted = new Map<string, Item>();
    for (let at = this.firstBelow(from - CHART_HEIGHT); at < this.items.length; at++) {
      const item = this.items[at] as Item;
      if (item.top > to) break;
      if (item.top + item.height >= from) wanted.set(item.key, item);
    }
    const focused = document.activeElement;
    const group = focused instanceof HTMLElement ? focused.dataset.group : undefined;
    for (const [key, { element, item }] of this.shown) {
      if (wanted.has(key)) continue;
      if (group === undefined && element.contains(focused)) continue; // a chart keeps the focus
      this.shown.delete(key);
      element.remove();
      item.drop();
    }
    let before: Element | null = null;
    for (const [key, item] of wanted) {
      let there = this.shown.get(key);
      if (!there) this.shown.set(key, (there = { element: item.make(), item }));
      const { element } = there;
      there.item = item;
      element.style.transform = `translate(${item.left}px, ${item.top}px)`;
      element.style.width = `${item.width}px`;
      // In the order in which they are seen, for the keyboard.
      const next: Element | null = before ? before.nextElementSibling : this.element.firstElementChild;
      if (next !== element) this.element.insertBefore(element, next);
      before = element;
    }
    if (group === undefined || focused?.isConnected) return;
    const headings = this.element.querySelectorAll<HTMLElement>("[data-group]");
    Array.from(headings, (each) => each.dataset.group === group && each.focus());
  }

  /** The first item whose top is not above `y`. */
  private firstBelow(y: number): number {
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.items[middle] as Item).top < y) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
