/** What a report that was saved as a file holds, as `export/report.py` writes it. */

import type { Json, Mark, Outcome, Run } from "../types";

export interface Columns {
  step: number[];
  epoch: number[];
  time: number[];
}

export interface ReportCurve extends Columns {
  value: number[];
  total: number;
  reduced: boolean;
  marks: Partial<Record<Mark, Columns>>;
}

export interface ReportResult {
  image: string;
  truth: string;
  predicted: string;
  conf: number | string | null;
  outcome: Outcome;
}

export interface ReportRun {
  run: Run;
  request: { body: Record<string, Json> } | null;
  curves: Record<string, ReportCurve>;
  results: ReportResult[];
  plain: string[];
  plain_total: number;
  summary: {
    accuracy: number | null;
    images: number;
    predictions: number;
    outcomes: Partial<Record<Outcome, number>>;
  } | null;
}

export interface ReportData {
  version: string;
  runs: ReportRun[];
}

let read: ReportData | null = null;

export function reportData(): ReportData {
  read ??= JSON.parse(document.getElementById("data")?.textContent ?? "null") as ReportData;
  return read;
}
