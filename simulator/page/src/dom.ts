/** Making and updating elements. Data only ever becomes text or attributes, never markup. */

type Child = Node | string | number | null | undefined | false;
type Attributes = Record<string, unknown>;

const SVG = "http://www.w3.org/2000/svg";

/** Makes an HTML element; `on…` attributes are listeners, `class`, `style` and the rest plain. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  apply(element, attributes);
  append(element, children);
  return element;
}

/** Makes an SVG element. */
export function s(tag: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS(SVG, tag);
  apply(element, attributes);
  append(element, children);
  return element;
}

function apply(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on") && typeof value === "function") {
      element.addEventListener(name.slice(2), value as EventListener);
    } else if (name === "value" || name === "checked" || name === "disabled") {
      (element as unknown as Record<string, unknown>)[name] = value;
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

function append(element: Element, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Sets an element's text if it differs, which keeps a selection in it alive. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element: Element, name: string, value: string | null): void {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function show(element: HTMLElement, visible: boolean): void {
  if (element.hidden === visible) element.hidden = !visible;
}

/** An element that stands for one item of a list and follows its changes. */
export interface Row<T> {
  element: HTMLElement;
  update(item: T): void;
}

/** Keeps `host`'s children in step with a list; elements of items that stay are kept. */
export class KeyedList<T> {
  private rows = new Map<string, Row<T>>();

  constructor(
    private host: HTMLElement,
    private key: (item: T) => string,
    private create: (item: T) => Row<T>,
  ) {}

  update(items: T[]): void {
    const wanted = new Set(items.map(this.key));
    for (const [key, row] of this.rows) {
      if (!wanted.has(key)) {
        row.element.remove();
        this.rows.delete(key);
      }
    }
    items.forEach((item, place) => {
      const key = this.key(item);
      let row = this.rows.get(key);
      if (!row) this.rows.set(key, (row = this.create(item)));
      row.update(item);
      const there = this.host.children[place] ?? null;
      if (there !== row.element) this.host.insertBefore(row.element, there);
    });
  }
}

const LONGEST_FRAME_MS = 250;

/** Runs `work` at most once per animation frame, however often it is asked for. A browser may give a
 * window few frames that it takes for covered, so the wait for one is limited. */
export function perFrame(work: () => void): (() => void) & { cancel(): void } {
  let frame = 0;
  let timer = 0;
  const run = (): void => {
    ask.cancel();
    work();
  };
  const ask = (): void => {
    if (frame) return;
    frame = requestAnimationFrame(run);
    timer = window.setTimeout(run, LONGEST_FRAME_MS);
  };
  ask.cancel = (): void => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = 0;
  };
  return ask;
}

/** Runs `work` when the calls have paused for `ms`. */
export function debounce<A extends unknown[]>(
  ms: number,
  work: (...args: A) => void,
): ((...args: A) => void) & { cancel(): void } {
  let timer = 0;
  const later = (...args: A): void => {
    clearTimeout(timer);
    timer = window.setTimeout(() => work(...args), ms);
  };
  later.cancel = (): void => clearTimeout(timer);
  return later;
}

/** Runs `work` at once, then at most once per `ms`, and once more for what was asked meanwhile. */
export function throttle(ms: number, work: () => void): (() => void) & { cancel(): void } {
  let timer = 0;
  let again = false;
  const due = (): void => {
    timer = 0;
    if (!again) return;
    again = false;
    run();
  };
  const run = (): void => {
    timer = window.setTimeout(due, ms);
    work();
  };
  const ask = (): void => {
    if (timer) again = true;
    else run();
  };
  ask.cancel = (): void => {
    clearTimeout(timer);
    timer = 0;
    again = false;
  };
  return ask;
}
