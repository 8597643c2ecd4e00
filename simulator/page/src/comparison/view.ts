/** One evaluation against another: figures side by side, and the images that flipped. */

import { debounce, h, setText, show, throttle } from "../dom";
import { clock, count } from "../format";
import { t, type Key } from "../i18n";
import { icon } from "../icons";
import { Gallery } from "../results/gallery";
import type { PictureOptions } from "../results/picture";
import type { Cell } from "../results/query";
import { store } from "../state";
import { get, isAbort } from "../transport";
import type { Comparison, Flip, FlipKind } from "../types";
import { choice, field, iconButton, notice, runName, select, setOptions, type View } from "../ui";
import { ComparedFigures } from "./figures";
import { ComparisonQuery, KINDS, type KindFilter, type Side } from "./query";
import { FlipTile } from "./tile";

const SETTLED_MS = 180; // without a movement of a slider, before the server is asked
const LIVE_MS = 1000;
const TILE = 176; // px
const SIDES: Side[] = ["a", "b"];

interface FlipCounts {
  counts: Record<FlipKind, number>;
  both: number;
  only_a: number;
  only_b: number;
}

export function comparison(scroller: HTMLElement): View {
  const query = new ComparisonQuery();
  let found: Comparison | null = null;
  let asking = new AbortController();
  let shown = "";

  const feedback = notice();
  const total = h("p", { class: "gallery-count", role: "status" });
  const paired = h("p", { class: "note" });
  const options = (side: Side): PictureOptions => ({
    classes: found?.classes ?? [],
    confidence: query.confidence[side],
    labels: false,
  });
  const named = (side: Side): string => {
    const run = query.run(side);
    return `${side.toUpperCase()} · ${run ? runName(run) : ""}`;
  };
  const gallery = new Gallery<Flip>(
    scroller,
    {
      path: "flips",
      tile: (open) => {
        const tile = new FlipTile(open);
        return { element: tile.element, show: (flip) => tile.show(flip, options("b")) };
      },
      panes: (flip) => SIDES.map((side) => ({ item: flip[side], options: options(side), title: named(side) })),
    },
    (answer) => showCounts(answer.total, answer as unknown as FlipCounts),
    TILE,
  );
  const figures = new ComparedFigures((cell) => pick(cell));
  const kinds = choice(t("changed_images"), KINDS.map((kind) => [kind, t(`flip_${kind}` as Key)]), query.kind, (kind) => {
    query.chooseKind(kind as KindFilter);
    gallery.ask(query.flips);
  });
  const menus = { a: menu("a"), b: menu("b") };
  const sliders = { a: slider("a"), b: slider("b") };
  const body = h(
    "div",
    { class: "results-body" },
    h("section", { class: "images", "aria-label": t("changed_images") }, kinds.element, total, gallery.element, paired),
    figures.element,
  );
  const back = h("a", { class: "quiet-link" }, icon("previous"), t("nav_results"));
  const element = h(
    "div",
    { class: "view results comparison" },
    h("div", { class: "view-head" }, back, h("h1", {}, t("compare_results"))),
    h(
      "div",
      { class: "toolbar filters" },
      field(t("compare_a"), menus.a),
      iconButton("swap", t("swap"), () => {
        query.swap();
        SIDES.forEach((side) => sliders[side].set());
        ask();
      }),
      field(t("compare_b"), menus.b),
      ...SIDES.map((side) => sliders[side].element),
    ),
    feedback.element,
    body,
  );

  function menu(side: Side): HTMLSelectElement {
    return select([], "", (id) => {
      query.chooseRun(side, id);
      ask();
    });
  }

  function slider(side: Side): { element: HTMLElement; set(): void } {
    const level = h("span", { class: "mono" });
    const input = h("input", {
      type: "range",
      min: "0",
      max: "1",
      step: "0.01",
      oninput: () => {
        query.confidence[side] = input.valueAsNumber;
        setText(level, query.confidence[side].toFixed(2));
        confide();
      },
    });
    const set = (): void => {
      input.value = String(query.confidence[side]);
      setText(level, query.confidence[side].toFixed(2));
    };
    set();
    const name = `${side.toUpperCase()}: ${t("confidence_from")}`;
    return { element: h("label", { class: "field" }, h("span", { class: "field-label" }, name, " ", level), input), set };
  }

  const showCounts = (n: number, { counts, both, only_a, only_b }: FlipCounts): void => {
    const all = counts.broken + counts.fixed + counts.other;
    setText(total, t("n_changed", { n: count(n), total: count(both) }));
    setText(paired, only_a || only_b ? t("unpaired", { a: count(only_a), b: count(only_b) }) : "");
    KINDS.forEach((kind, place) => {
      const button = kinds.element.children[place];
      if (button) setText(button, `${t(`flip_${kind}` as Key)} (${count(kind === "all" ? all : counts[kind])})`);
    });
  };
  const ask = (): void => {
    kinds.set(query.kind);
    update();
  };
  const load = async (): Promise<void> => {
    asking.abort();
    const control = (asking = new AbortController());
    try {
      const answer = await get<Comparison>("comparison", query.figures, control.signal);
      found = answer;
      show(kinds.element, answer.a.truth && answer.b.truth); // else nothing is right or wrong
      figures.show(answer, query.cell);
      gallery.refresh(); // a class's colour is its place among all
    } catch (error) {
      if (!isAbort(error)) figures.fail((error as Error).message);
    }
  };
  const pick = (cell: Cell): void => {
    query.toggle(cell);
    if (found) figures.show(found, query.cell);
    gallery.ask(query.flips);
    if (getComputedStyle(body).flexDirection === "column") total.scrollIntoView({ block: "start" });
  };
  const again = (): void => {
    void load();
    gallery.ask(query.flips);
  };
  const confide = debounce(SETTLED_MS, () => {
    query.keepConfidence();
    again();
  });
  const grown = throttle(LIVE_MS, again);
  const update = (): void => {
    const runs = { a: query.run("a"), b: query.run("b") };
    const all = query.candidates();
    for (const side of SIDES) {
      const run = runs[side];
      const listed = run && !all.includes(run) ? [run, ...all] : all;
      const texts = listed.map((r): [string, string] => [String(r.id), `${runName(r)} · ${clock(r.started_ms)}`]);
      setOptions(menus[side], texts, String(run?.id ?? ""));
      menus[side].title = run?.instance ?? "";
    }
    back.href = `#/results?run=${runs.b?.id ?? ""}`;
    const ready = runs.a !== null && runs.b !== null;
    show(body, ready);
    feedback.show(ready ? "" : t("some_runs_gone", { n: 1 }), true);
    if (!runs.a || !runs.b) return;
    const ids = `${runs.a.id} ${runs.b.id}`;
    const state = `${ids} ${runs.a.results} ${runs.b.results}`;
    if (state === shown) return;
    const other = !shown.startsWith(`${ids} `);
    shown = state;
    if (other) {
      found = null;
      figures.clear();
      again();
    } else grown();
  };
  const stops = [
    store.onFrame(["run", "forgotten"], update),
    store.on(["state"], () => {
      shown = ""; // the server may be another one
      update();
    }),
  ];
  update();
  return {
    element,
    destroy() {
      stops.forEach((stop) => stop());
      confide.cancel();
      grown.cancel();
      asking.abort();
      gallery.destroy();
    },
  };
}
