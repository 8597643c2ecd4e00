/** Precision over recall for every threshold; the working point is moved along the curve. */

import { h, s, setText, show } from "../dom";
import { count, percent } from "../format";
import { t } from "../i18n";
import { get, isAbort } from "../transport";
import type { PrecisionRecall } from "../types";
import { field, notice, select, setOptions } from "../ui";

const [WIDTH, HEIGHT, LEFT, BOTTOM, ROOM] = [360, 220, 40, 34, 10];
const TICKS = [0, 0.25, 0.5, 0.75, 1];
const ALL = "\u0000all"; // no class is called so
type Point = PrecisionRecall["points"][number];

export class PrecisionCurve {
  private feedback = notice();
  private classes = select([], ALL, () => void this.load());
  private averages = h("dl", { class: "facts averages" });
  private line = s("polyline", { class: "pr-line" });
  private dot = s("circle", {
    class: "pr-dot", r: 6, tabindex: 0, role: "slider", "aria-label": t("working_point"), "aria-valuemin": 0, "aria-valuemax": 1,
  });
  private plot = s("svg", { class: "pr-plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}` }, ...axes(), this.line, this.dot);
  private working = h("p", { class: "pr-working", role: "status" });
  private rest = h("p", { class: "note" });
  readonly element = h(
    "section",
    { class: "precision-recall", "aria-label": t("precision_recall") },
    h("h3", {}, t("precision_recall")),
    field(t("class"), this.classes),
    this.averages,
    this.plot,
    this.working,
    this.rest,
    this.feedback.element,
  );
  private found: PrecisionRecall | null = null;
  private run = 0;
  private confidence = 0;
  private asking = new AbortController();

  /** @param moved called with the confidence of another working point */
  constructor(private moved: (confidence: number) => void) {
    this.plot.addEventListener("pointerdown", (event) => this.drag(event));
    this.dot.addEventListener("keydown", (event) => this.step(event));
    this.clear();
  }

  clear(): void {
    this.asking.abort();
    this.found = null;
    show(this.element, false);
  }

  /** Shows a run's curve and the working point at this confidence. */
  ask(run: number, confidence: number): void {
    if (run !== this.run) this.classes.value = ALL;
    this.run = run;
    this.confidence = confidence;
    void this.load();
  }

  private async load(): Promise<void> {
    this.asking.abort();
    const control = (this.asking = new AbortController());
    const name = this.classes.value;
    const query = { run: this.run, confidence: this.confidence, class: name && name !== ALL ? name : null };
    try {
      this.found = await get<PrecisionRecall>("precision-recall", query, control.signal);
      this.feedback.show("");
      this.draw(this.found);
    } catch (error) {
      if (isAbort(error)) return;
      show(this.element, true);
      this.feedback.show((error as Error).message, true);
    }
  }

  private draw(found: PrecisionRecall): void {
    show(this.element, found.per_class.length > 0);
    const names = found.per_class.map((row): [string, string] => [
      row.class,
      `${row.class} · AP ${percent(row.average_precision)}`,
    ]);
    setOptions(this.classes, [[ALL, t("all_classes")], ...names], this.classes.value || ALL);
    const figures: [string, number | null][] = [
      ["AP", found.average_precision],
      [found.by_boxes ? "mAP50" : t("mean_ap"), found.mean],
    ];
    if (found.by_boxes) figures.push(["mAP50–95", found.mean_50_95]);
    this.averages.replaceChildren(
      ...figures.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, percent(value, 2)))),
    );
    this.line.setAttribute("points", found.points.map((point) => place(point).join(",")).join(" "));
    const { working } = found;
    const at = working.recall === null || working.precision === null ? null : place([working.recall, working.precision, 0]);
    this.dot.setAttribute("cx", String(at?.[0] ?? LEFT));
    this.dot.setAttribute("cy", String(at?.[1] ?? ROOM));
    this.dot.classList.toggle("nowhere", !at);
    const text = t("working_at", {
      confidence: working.confidence.toFixed(2),
      precision: percent(working.precision),
      recall: percent(working.recall),
      f1: percent(working.f1),
    });
    this.dot.setAttribute("aria-valuenow", String(working.confidence));
    this.dot.setAttribute("aria-valuetext", text);
    setText(this.working, text);
    const counts = t("working_counts", {
      right: count(working.right), false: count(working.false), missed: count(working.missed),
    });
    const how = t(found.by_boxes ? "by_boxes" : "by_classes");
    const lacking = found.unknown_boxes ? ` ${t("unknown_boxes", { n: count(found.unknown_boxes) })}` : "";
    setText(this.rest, `${counts} ${how}${lacking}`);
  }

  /** Moves the working point to the curve's nearest point. */
  private drag(event: PointerEvent): void {
    if (event.button !== 0) return;
    event.preventDefault();
    const move = (e: PointerEvent): void => {
      const box = this.plot.getBoundingClientRect();
      const scale = WIDTH / box.width;
      const [x, y] = [(e.clientX - box.left) * scale, (e.clientY - box.top) * scale];
      this.move(nearest(this.found?.points ?? [], x, y));
    };
    this.plot.setPointerCapture(event.pointerId);
    this.plot.addEventListener("pointermove", move);
    this.plot.addEventListener("lostpointercapture", () => this.plot.removeEventListener("pointermove", move), { once: true });
    move(event);
    this.dot.focus();
  }

  private step(event: KeyboardEvent): void {
    const by = { ArrowLeft: 0.01, ArrowUp: 0.01, ArrowRight: -0.01, ArrowDown: -0.01 }[event.key];
    if (by === undefined) return;
    event.preventDefault(); // to the left is less recall: a higher threshold
    this.moved(Math.max(0, Math.min(1, Number((this.confidence + by).toFixed(2)))));
  }

  private move(point: Point | null): void {
    if (!point || point[2] === this.confidence) return;
    const [x, y] = place(point);
    this.dot.setAttribute("cx", String(x)); // at once; the numbers come with the server's answer
    this.dot.setAttribute("cy", String(y));
    this.moved(Math.max(0, Math.min(1, point[2])));
  }
}

function nearest(points: Point[], x: number, y: number): Point | null {
  let best: Point | null = null;
  let least = Infinity;
  for (const point of points) {
    const [px, py] = place(point);
    const distance = Math.hypot(px - x, py - y);
    if (distance < least) [least, best] = [distance, point];
  }
  return best;
}

function place([recall, precision]: Point): [number, number] {
  const across = WIDTH - LEFT - ROOM;
  const down = HEIGHT - BOTTOM - ROOM;
  return [LEFT + recall * across, ROOM + (1 - precision) * down];
}

function axes(): SVGElement[] {
  const [right, bottom] = [WIDTH - ROOM, HEIGHT - BOTTOM];
  const lines = TICKS.flatMap((tick) => {
    const [x, y] = place([tick, tick, 0]);
    return [
      s("path", { class: "pr-grid", d: `M${LEFT} ${y}H${right}M${x} ${ROOM}V${bottom}` }),
      s("text", { class: "pr-tick", x: LEFT - 6, y: y + 4, "text-anchor": "end" }, tick),
      s("text", { class: "pr-tick", x, y: bottom + 14, "text-anchor": "middle" }, tick),
    ];
  });
  return [
    ...lines,
    s("text", { class: "pr-tick", x: (LEFT + right) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, t("recall")),
    s("text", { class: "pr-tick", x: 11, y: bottom / 2, transform: `rotate(-90 11 ${bottom / 2})`, "text-anchor": "middle" }, t("precision")),
  ];
}
