/** One message with everything that came with it. */

import { h } from "../dom";
import { clock } from "../format";
import { t } from "../i18n";
import { indented } from "../json";
import type { Message } from "../types";
import { facts, iconButton } from "../ui";

export function messageDetail(message: Message, close: () => void): HTMLElement[] {
  const where = facts(["m_topic", "m_partition", "m_offset", "m_time", "instance"]);
  where.update([
    message.topic,
    String(message.partition ?? "–"),
    String(message.offset ?? "–"),
    clock(message.timestamp_ms, true),
    message.instance ?? "–",
  ]);
  const headers = Object.entries(message.headers).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return h("div", {}, h("dt", {}, name), h("dd", { class: "mono" }, text));
  });
  const parts: (HTMLElement | null)[] = [
    h("div", { class: "detail-head" }, h("h2", {}, `#${message.id}`), iconButton("close", t("close"), close)),
    message.malformed ? h("p", { class: "notice bad" }, `${t("malformed")}: ${message.malformed}`) : null,
    message.repeat ? h("p", { class: "notice" }, t("repeat_note")) : null,
    where.element,
    headers.length ? h("h3", {}, t("headers")) : null,
    headers.length ? h("dl", { class: "facts wide" }, ...headers) : null,
    h("h3", {}, t("value")),
    h("pre", { class: "json" }, indented(message.value)),
  ];
  return parts.filter((part) => part !== null);
}
