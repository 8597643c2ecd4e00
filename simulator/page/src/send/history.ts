/** The latest requests to all instances, the newest first. */

import { h, KeyedList, setText, show, throttle, type Row } from "../dom";
import { clock } from "../format";
import { t } from "../i18n";
import { get, isAbort } from "../transport";
import type { Send } from "../types";
import { notice } from "../ui";
import { outcome, pretty, replyBox, took } from "./reply";

const SHOWN = 100;
const LIVE_MS = 400;
const NAMES = ["heartbeat", "train", "evaluate", "infer"] as const; // by req_type

export class History {
  private feedback = notice();
  private none = h("p", { class: "hint" }, t("empty_history"));
  private host = h("div", { class: "history" });
  private rows = new KeyedList<Send>(this.host, (s) => String(s.id), row);
  private asking = new AbortController();
  readonly element = h(
    "section",
    { "aria-label": t("history") },
    h("h2", {}, t("history")),
    this.feedback.element,
    this.none,
    this.host,
  );
  readonly update = throttle(LIVE_MS, () => void this.fetch());

  constructor() {
    show(this.none, false); // nothing is known yet
  }

  destroy(): void {
    this.update.cancel();
    this.asking.abort();
  }

  private async fetch(): Promise<void> {
    this.asking.abort();
    const control = (this.asking = new AbortController());
    try {
      const { items } = await get<{ items: Send[] }>("sends", { limit: SHOWN }, control.signal);
      this.feedback.show("");
      this.rows.update(items);
      show(this.none, items.length === 0);
    } catch (error) {
      if (!isAbort(error)) this.feedback.show((error as Error).message, true);
    }
  }
}

function row(first: Send): Row<Send> {
  const type = (first.body as { req_type?: unknown } | null)?.req_type;
  const name = typeof type === "number" ? NAMES[type] : undefined;
  const feedback = h("span", { class: "sent-text" });
  const time = h("span", { class: "mono" });
  const inside = h("div", { class: "sent-body" });
  let latest = first;
  let shown = "";
  const element = h(
    "details",
    { class: "sent" },
    h(
      "summary",
      {},
      h("span", { class: "mono quiet" }, clock(first.at_ms)),
      h("b", {}, name ? t(`request_${name}`) : "?"),
      feedback,
      time,
    ),
    inside,
  );
  const open = (): void => {
    const text = JSON.stringify(latest);
    if (!element.open || shown === text) return;
    shown = text;
    inside.replaceChildren(
      h("p", { class: "mono note" }, latest.instance),
      h("h3", {}, t("request")),
      h("pre", { class: "json", tabindex: "0" }, pretty(latest.body)),
      replyBox(latest),
    );
  };
  element.addEventListener("toggle", open);
  return {
    element,
    update(send) {
      latest = send;
      const { text, bad } = outcome(send);
      setText(feedback, text);
      feedback.classList.toggle("bad", bad);
      setText(time, took(send));
      open();
    },
  };
}
