/** Which results are shown. It lives in the URL. */

import { route } from "../route";
import { store } from "../state";
import type { Query } from "../transport";
import type { Run, Outcome } from "../types";

export type OutcomeFilter = "all" | Exclude<Outcome, "none">;
export const VERDICTS: OutcomeFilter[] = ["all", "right", "wrong", "missed", "false"];

/** A pair of classes that was chosen; "" for none. */
export interface Cell {
  truth: string;
  predicted: string;
}

export class ResultsQuery {
  confidence = Math.max(0, Math.min(1, Number(route.get("confidence")) || 0));

  /** Runs that have results, the newest first. */
  candidates(): Run[] {
    return store.listRuns().filter((run) => run.results > 0);
  }

  /** The chosen run, else the newest evaluation, else the newest; null: there is none. */
  get run(): Run | null {
    const chosen = store.runs.get(Number(route.get("run") ?? NaN));
    if (chosen) return chosen;
    const all = this.candidates();
    return all.find((run) => run.kind === "evaluate") ?? all[0] ?? null;
  }

  get outcome(): OutcomeFilter {
    const given = route.get("outcome") as OutcomeFilter;
    return VERDICTS.includes(given) ? given : "all";
  }

  /** A class, "" for none, null for any. */
  get truth(): string | null {
    return route.get("truth");
  }

  get predicted(): string | null {
    return route.get("predicted");
  }

  get cell(): Cell | null {
    const { truth, predicted } = this;
    return truth === null || predicted === null ? null : { truth, predicted };
  }

  get filtered(): boolean {
    return this.outcome !== "all" || this.truth !== null || this.predicted !== null;
  }

  chooseRun(id: string): void {
    route.set({ run: id, as: null, search: null, sort: null, order: null });
    this.clear();
  }

  chooseOutcome(outcome: OutcomeFilter): void {
    route.set({ outcome: outcome === "all" ? null : outcome });
  }

  chooseClass(name: keyof Cell, value: string | null): void {
    route.set({ [name]: value });
  }

  /** Shows a pair of classes alone; chosen again, everything. */
  toggle(cell: Cell): void {
    const again = this.truth === cell.truth && this.predicted === cell.predicted;
    this.clear();
    if (!again) route.set({ ...cell });
  }

  keepConfidence(): void {
    route.set({ confidence: this.confidence ? String(this.confidence) : null });
  }

  clear(): void {
    route.set({ truth: null, predicted: null, outcome: null });
  }

  /** As the server is asked. */
  get parameters(): Query {
    const { confidence, outcome, truth, predicted } = this;
    return { run: this.run?.id, confidence, outcome, truth, predicted };
  }
}
