/** What became of a request: the reply, its time, and the images of an inference. */

import { h } from "../dom";
import { t } from "../i18n";
import { openLightbox } from "../results/lightbox";
import type { PictureOptions } from "../results/picture";
import { Tile } from "../results/tile";
import type { Answer, Json, ResultItem } from "../types";

export function pretty(value: Json): string {
  return JSON.stringify(value, null, 2);
}

/** The reply in words, and whether the request was refused or came to nothing. */
export function outcome(send: Answer): { text: string; bad: boolean } {
  if (send.error) return { text: send.error, bad: true };
  const reply = send.reply as { flag?: number; message?: string } | null;
  if (reply && typeof reply === "object" && "flag" in reply) {
    return { text: String(reply.message ?? ""), bad: reply.flag !== 1 };
  }
  return { text: "", bad: false };
}

export function took(send: Answer): string {
  return send.ms === null ? "" : `${send.ms.toFixed(send.ms < 10 ? 1 : 0)} ms`;
}

export function replyBox(send: Answer): HTMLElement {
  const { text, bad } = outcome(send);
  return h(
    "div",
    { class: `reply-box ${bad ? "bad" : "good"}` },
    h(
      "p",
      { class: "reply-head" },
      h("b", {}, t(bad ? "refused" : "reply")),
      h("span", { class: "mono" }, took(send)),
      h("span", {}, text),
    ),
    predictions(send.results ?? []),
    send.reply === null ? null : h("pre", { class: "json", tabindex: "0" }, pretty(send.reply)),
  );
}

/** The images of an inference with what was found on them. */
function predictions(items: ResultItem[]): HTMLElement | null {
  if (!items.length) return null;
  const classes = [...new Set(items.flatMap((i) => i.predictions.map((f) => f.predicted)))].sort();
  const options: PictureOptions = { classes, confidence: 0, labels: false };
  const tiles = items.map((item, index) => {
    const tile = new Tile(() =>
      openLightbox({
        index,
        total: () => items.length,
        panes: (place) => Promise.resolve(items[place] ? [{ item: items[place], options, title: "" }] : null),
        closed: (place) => tiles[place]?.element.focus(),
      }),
    );
    tile.show(item, options);
    return tile;
  });
  return h(
    "div",
    { class: "reply-tiles" },
    ...tiles.map((tile) => h("div", { class: "cell" }, tile.element)),
  );
}
