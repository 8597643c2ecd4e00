/** Why something ended, in words. */

import { t } from "./i18n";

// The text of an END with status 300, as the platform's contract has it.
const FAILED = /^.*? current model error (?=.)/;
const STOPPED = /^the task was stopped(?: by (.+?))? before its end( \(.*\))?$/;

/** The text of an END, or another reason, without what only programs need. */
export function inWords(text: string): string {
  const what = text.replace(FAILED, "");
  const [stopped, by, beside = ""] = STOPPED.exec(what) ?? [];
  if (stopped === undefined) return what;
  return (by ? t("stopped_by", { by }) : t("stopped_early")) + beside;
}
