/** The page's language: the chosen one, else the browser's. */

import { en } from "./i18n/en";
import { zh } from "./i18n/zh";
import { remember, remembered } from "./settings";

export type Language = "en" | "zh";
export type Key = keyof typeof en;
const TEXTS: Record<Language, Record<Key, string>> = { en, zh };

let present = atFirst();

function atFirst(): Language {
  const kept = remembered("language");
  if (kept === "en" || kept === "zh") return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function language(): Language {
  return present;
}

export function setLanguage(value: Language): void {
  present = value;
  remember("language", value);
}

/** A text in the page's language; `{name}` stands for a value, `{name|run|runs}` for the first word
 * if that value is 1, else for the second. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return TEXTS[language()][key].replace(
    /\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g,
    (_, name: string, one?: string, many?: string) => {
      const value = String(values[name] ?? "");
      return (many === undefined ? value : value === "1" ? one : many) ?? "";
    },
  );
}
