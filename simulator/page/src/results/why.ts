/** Why an image is not shown, or not in full, in words; with a way to the file. */

import { h } from "../dom";
import { count } from "../format";
import { t } from "../i18n";
import type { ResultItem } from "../types";

export function whyNot(item: ResultItem): string {
  return t(`image_${item.why ?? "missing"}`, { n: megapixels(item) });
}

/** What is worth knowing of how a large image is shown; null: nothing. */
export function sizeNote(item: ResultItem): HTMLElement | null {
  const reduction = item.reduction ?? 0;
  if (!item.url || reduction === 1) return null;
  const text = reduction
    ? t("image_reduced", { n: megapixels(item), by: String(reduction) })
    : whyNot(item);
  const file = h("a", { href: item.url, download: item.name }, t("download_file"));
  return h("p", { class: "note size-note" }, text, " ", file);
}

function megapixels(item: ResultItem): string {
  const [width, height] = item.size ?? [0, 0];
  return count(Math.round((width * height) / 1e6));
}
