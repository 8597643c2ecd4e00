/** Which two runs are compared, and which of their images are shown. It lives in the URL. */

import type { Cell } from "../results/query";
import { route } from "../route";
import { store } from "../state";
import type { Query } from "../transport";
import type { FlipKind, Run } from "../types";

export type Side = "a" | "b";
export type KindFilter = "all" | FlipKind;
export const KINDS: KindFilter[] = ["all", "broken", "fixed", "other"];
const PARAMETER = { a: "against", b: "run" } as const;

export class ComparisonQuery {
  /** Thresholds: predictions below them count as none. */
  confidence = { a: confidenceIn("confidence_a"), b: confidenceIn("confidence") };

  /** Runs that have results, the newest first. */
  candidates(): Run[] {
    return store.listRuns().filter((run) => run.results > 0);
  }

  run(side: Side): Run | null {
    return store.runs.get(Number(route.get(PARAMETER[side]) ?? NaN)) ?? null;
  }

  get kind(): KindFilter {
    const given = route.get("kind") as KindFilter;
    return KINDS.includes(given) ? given : "all";
  }

  get cell(): Cell | null {
    const [truth, predicted] = [route.get("truth"), route.get("predicted")];
    return truth === null || predicted === null ? null : { truth, predicted };
  }

  chooseRun(side: Side, id: string): void {
    route.set({ [PARAMETER[side]]: id, truth: null, predicted: null, kind: null });
  }

  swap(): void {
    const { a, b } = this.confidence;
    this.confidence = { a: b, b: a };
    this.keepConfidence();
    route.set({ run: route.get("against"), against: route.get("run"), truth: null, predicted: null });
  }

  chooseKind(kind: KindFilter): void {
    route.set({ kind: kind === "all" ? null : kind });
  }

  /** Shows the images of a cell alone; chosen again, all. */
  toggle(cell: Cell): void {
    const again = this.cell?.truth === cell.truth && this.cell.predicted === cell.predicted;
    route.set(again ? { truth: null, predicted: null } : { ...cell });
  }

  keepConfidence(): void {
    const { a, b } = this.confidence;
    route.set({ confidence_a: a ? String(a) : null, confidence: b ? String(b) : null });
  }

  /** As the server is asked for the figures. */
  get figures(): Query {
    const { a, b } = this.confidence;
    return { a: this.run("a")?.id, b: this.run("b")?.id, confidence_a: a, confidence_b: b };
  }

  /** As the server is asked for the images. */
  get flips(): Query {
    return { ...this.figures, kind: this.kind, ...this.cell };
  }
}

function confidenceIn(name: string): number {
  return Math.max(0, Math.min(1, Number(route.get(name)) || 0));
}
