/** The controls that choose which results are shown. */

import { h, setAttribute, setText, show } from "../dom";
import { clock } from "../format";
import { t, type Key } from "../i18n";
import { icon } from "../icons";
import { route } from "../route";
import { url } from "../transport";
import type { Run } from "../types";
import { annotate } from "../runs/annotate";
import { button, choice, field, runName, select, setOptions } from "../ui";
import { VERDICTS, type Cell, type ResultsQuery, type OutcomeFilter } from "./query";

const ANY = "\u0000any"; // no class is called so

export interface FilterEvents {
  /** Another run was chosen. */
  run(): void;
  /** Outcome or class was chosen. */
  narrowed(): void;
  /** The confidence was moved; called for each step of the slider. */
  confidence(): void;
}

export class Filters {
  readonly element: HTMLElement;
  private runs: HTMLSelectElement;
  private slider: HTMLInputElement;
  private level = h("span", { class: "mono" });
  private outcomes = choice(
    t("outcome"),
    VERDICTS.map((v) => [v, t(`outcome_${v}` as Key)]),
    "all",
    (outcome) => {
      this.query.chooseOutcome(outcome as OutcomeFilter);
      this.events.narrowed();
    },
  );
  private truth = this.classMenu("truth");
  private predicted = this.classMenu("predicted");
  private against = select([], "", (id) => route.go("results", { run: String(this.query.run?.id ?? ""), against: id }));
  private orientation = select(
    [
      ["stored", t("as_stored")],
      ["turned", t("as_turned")],
    ],
    "stored",
    (way) => this.query.run && void annotate([this.query.run], { turned: way === "turned" }).catch(() => this.showOrientation()),
  );
  private orientationField = field(t("orientation"), this.orientation);
  private csv = h("a", { class: "button", download: true }, icon("download"), t("save_csv"));
  private reset = button(t("clear_filters"), () => {
    this.query.clear();
    this.events.narrowed();
    this.outcomes.element.querySelector("button")?.focus(); // this button vanishes
  });

  constructor(
    private query: ResultsQuery,
    private events: FilterEvents,
  ) {
    this.runs = select([], "", (id) => {
      query.chooseRun(id);
      events.run();
    });
    const slider = (this.slider = h("input", {
      type: "range",
      min: "0",
      max: "1",
      step: "0.01",
      value: String(query.confidence),
      oninput: () => {
        query.confidence = slider.valueAsNumber;
        this.showLevel();
        events.confidence();
      },
    }));
    this.element = h(
      "div",
      { class: "toolbar filters" },
      field(t("run"), this.runs),
      h(
        "div",
        { class: "field" },
        h("span", { class: "field-label", "aria-hidden": "true" }, t("outcome")),
        this.outcomes.element,
      ),
      field(t("truth"), this.truth),
      field(t("predicted"), this.predicted),
      h(
        "label",
        { class: "field" },
        h("span", { class: "field-label" }, t("confidence_from"), " ", this.level),
        slider,
      ),
      field(t("compare_with"), this.against),
      this.orientationField,
      h("div", { class: "field end buttons" }, this.reset, this.csv),
    );
    this.showLevel();
    this.showClasses([]);
  }

  /** Sets the confidence, as if the slider had been moved. */
  moveTo(confidence: number): void {
    this.query.confidence = confidence;
    this.slider.value = String(confidence);
    this.showLevel();
    this.events.confidence();
  }

  /** Shows what is chosen now. */
  update(): void {
    this.outcomes.set(this.query.outcome);
    this.truth.value = this.query.truth ?? ANY;
    this.predicted.value = this.query.predicted ?? ANY;
    show(this.reset, this.query.filtered);
  }

  showRun(run: Run): void {
    const all = this.query.candidates();
    if (!all.includes(run)) all.unshift(run);
    const named = all.map((r): [string, string] => [String(r.id), `${runName(r)} · ${clock(r.started_ms)}`]);
    setOptions(this.runs, named, String(run.id));
    setOptions(this.against, [["", "–"], ...named.filter(([id]) => id !== String(run.id))], "");
    this.runs.title = run.instance;
    this.showOrientation();
    setAttribute(this.csv, "href", url("results.csv", { run: run.id }));
  }

  /** @param pictures whether the results are of images: the way they are shown is only theirs */
  showPictures(pictures: boolean): void {
    show(this.orientationField, pictures);
  }

  private showOrientation(): void {
    this.orientation.value = this.query.run?.turned ? "turned" : "stored";
  }

  showClasses(classes: string[]): void {
    for (const name of ["truth", "predicted"] as const) {
      const chosen = this.query[name];
      const known = chosen && !classes.includes(chosen) ? [...classes, chosen] : classes;
      const options = known.map((c): [string, string] => [c, c]);
      setOptions(this[name], [[ANY, t("any")], ...options, ["", t("none")]], chosen ?? ANY);
    }
  }

  private classMenu(name: keyof Cell): HTMLSelectElement {
    return select([], ANY, (value) => {
      this.query.chooseClass(name, value === ANY ? null : value);
      this.events.narrowed();
    });
  }

  private showLevel(): void {
    setText(this.level, this.query.confidence.toFixed(2));
  }
}
