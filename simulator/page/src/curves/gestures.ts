/** Zooming and panning a chart's window with wheel, mouse, touch and keys. */

import { pan, zoom, type Window } from "./window";

export interface Zoomable {
  /** What is shown now; null: nothing yet. */
  shown(): Window | null;
  /** Shows another window; null: everything. */
  change(window: Window | null): void;
}

/** @param area element over the plot itself: its left edge is the window's beginning */
export function listenToArea(area: HTMLElement, chart: Zoomable): void {
  const at = (clientX: number): number => {
    const box = area.getBoundingClientRect();
    return (clientX - box.left) / box.width;
  };
  area.addEventListener(
    "wheel",
    (event) => {
      const shown = chart.shown();
      if (!shown || event.ctrlKey) return;
      event.preventDefault();
      const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
      const turn = (event.deltaX || event.deltaY) * (event.deltaMode === 1 ? 16 : 1);
      if (sideways) chart.change(pan(shown, turn / area.clientWidth));
      else chart.change(zoom(shown, Math.exp(event.deltaY * 0.0016), at(event.clientX)));
    },
    { passive: false },
  );
  touch(area, chart, at);
}

/** Follows a mouse that was pressed with the shift key: the window moves with it. */
export function panWithMouse(area: HTMLElement, start: MouseEvent, chart: Zoomable): void {
  const from = chart.shown();
  if (!from) return;
  const move = (event: MouseEvent): void => {
    if (!event.buttons || !area.isConnected) return end(); // released where nobody saw it
    chart.change(pan(from, (start.clientX - event.clientX) / area.clientWidth));
  };
  const end = (): void => {
    document.removeEventListener("mousemove", move);
    document.removeEventListener("mouseup", end);
  };
  document.addEventListener("mousemove", move);
  document.addEventListener("mouseup", end);
}

/** Arrow keys pan, + and - zoom, 0 and Home show everything. */
export function listenToKeys(element: HTMLElement, chart: Zoomable): void {
  element.addEventListener("keydown", (event) => {
    const shown = chart.shown();
    if (!shown || event.target !== element || event.ctrlKey || event.metaKey || event.altKey) return;
    const actions: Record<string, () => void> = {
      ArrowLeft: () => chart.change(pan(shown, -0.1)),
      ArrowRight: () => chart.change(pan(shown, 0.1)),
      "+": () => chart.change(zoom(shown, 0.7, 0.5)),
      "=": () => chart.change(zoom(shown, 0.7, 0.5)),
      "-": () => chart.change(zoom(shown, 1 / 0.7, 0.5)),
      "0": () => chart.change(null),
      Home: () => chart.change(null),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/** One finger pans (the page still scrolls up and down), two fingers zoom. */
function touch(area: HTMLElement, chart: Zoomable, at: (x: number) => number): void {
  area.style.touchAction = "pan-y";
  const fingers = new Map<number, number>();
  let start: { shown: Window; xs: number[] } | null = null;
  const begin = (): void => {
    const shown = chart.shown();
    start = shown && fingers.size ? { shown, xs: [...fingers.values()] } : null;
  };
  area.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") return;
    fingers.set(event.pointerId, at(event.clientX));
    begin();
  });
  area.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId) || !start) return;
    fingers.set(event.pointerId, at(event.clientX));
    const [a = 0, b] = start.xs;
    const [p = 0, q] = [...fingers.values()];
    if (b === undefined || q === undefined) {
      if (Math.abs(a - p) > 0.01) chart.change(pan(start.shown, a - p));
      return;
    }
    const factor = Math.min(50, Math.max(0.02, Math.abs(a - b) / Math.max(0.01, Math.abs(p - q))));
    chart.change(pan(zoom(start.shown, factor, (a + b) / 2), ((a + b) / 2 - (p + q) / 2) * factor));
  });
  const end = (event: PointerEvent): void => {
    if (fingers.delete(event.pointerId)) begin();
  };
  for (const name of ["pointerup", "pointercancel", "pointerleave"] as const) {
    area.addEventListener(name, end);
  }
}
