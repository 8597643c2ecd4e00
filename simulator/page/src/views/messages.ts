/** Every message as it came, live. */

import { h, perFrame, setText, show } from "../dom";
import { clock, count } from "../format";
import { t } from "../i18n";
import { store } from "../state";
import { get } from "../transport";
import type { Message } from "../types";
import { empty, facts, field, iconButton, link, notice, type View } from "../ui";
import { InstanceMenu } from "./instances";
import { Tail } from "./tail";

const ROW = 30;

export function messages(): View {
  const said = notice();
  const total = h("span", { class: "note" });
  const nothing = empty("empty_messages", "empty_messages_text", link(t("nav_overview"), "#/overview"));
  const menu = new InstanceMenu(() => void tail.restart(), true);
  const follow = h("input", { type: "checkbox", checked: true, onchange: () => tail.setFollow(follow.checked) });
  const detail = h("aside", { class: "detail", "aria-label": t("message") });
  let selected: number | null = null;
  const elements = new WeakMap<HTMLElement, Message>();

  const select = (message: Message | null): void => {
    selected = message?.id ?? null;
    show(detail, message !== null);
    if (message) detail.replaceChildren(...messageDetail(message, () => select(null)));
    tail.refresh();
  };
  const tail = new Tail<Message>({
    rowHeight: ROW,
    label: t("nav_messages"),
    id: (message) => message.id,
    load: async (where) => {
      const answer = await get<{ total: number; items: Message[] }>("messages", {
        instance: menu.chosen,
        before_id: where?.before,
        after_id: where?.after,
        limit: 300,
      });
      said.say("");
      setText(total, t("n_messages", { n: count(answer.total) }));
      show(nothing, answer.total === 0);
      show(body, answer.total > 0);
      return answer.items;
    },
    create: () => {
      const row = h(
        "div",
        { class: "message-row", role: "button", tabindex: "-1", onclick: () => open(row) },
        ...["time", "topic", "place", "flags", "text"].map((name) => h("span", { class: `m-${name}` })),
      );
      return row;
    },
    fill(element, message) {
      elements.set(element, message);
      const [time, topic, place, flags, text] = element.children as unknown as HTMLElement[];
      if (!time || !topic || !place || !flags || !text) return;
      setText(time, clock(message.timestamp_ms, true));
      setText(topic, message.topic);
      setText(place, `${message.partition ?? "–"}:${message.offset ?? "–"}`);
      flags.replaceChildren(
        ...(message.broken ? [h("span", { class: "flag bad" }, t("broken"))] : []),
        ...(message.repeat ? [h("span", { class: "flag" }, t("repeat"))] : []),
      );
      setText(text, message.value.slice(0, 400));
      element.setAttribute("aria-pressed", String(message.id === selected));
    },
    failed: (text) => said.say(text, true),
    followed: (yes) => (follow.checked = yes),
  });
  const open = (row: HTMLElement): void => {
    const message = elements.get(row);
    if (!message) return;
    tail.setFollow((follow.checked = false));
    select(message.id === selected ? null : message);
  };
  tail.scroller.addEventListener("keydown", (event) => {
    if (event.key === "Escape") select(null);
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    const at = tail.items.findIndex((m) => m.id === selected);
    const last = tail.items.length - 1;
    const next = at < 0 ? last : Math.max(0, Math.min(last, at + (event.key === "ArrowDown" ? 1 : -1)));
    const message = tail.items[next];
    if (!message) return;
    follow.checked = tail.follow = false;
    tail.scrollTo(next);
    select(message);
  });
  const head = h(
    "div",
    { class: "message-row message-head", "aria-hidden": "true" },
    ...(["time", "topic", "place", "flags", "text"] as const).map((name) => h("span", { class: `m-${name}` }, name === "flags" ? "" : t(`m_${name}`))),
  );
  const body = h("div", { class: "messages-body" }, h("div", { class: "messages-list" }, head, tail.scroller), detail);
  const element = h(
    "div",
    { class: "view fill" },
    h("div", { class: "view-head" }, h("h1", {}, t("nav_messages"))),
    h("div", { class: "toolbar" }, field(t("instance"), menu.element), h("label", { class: "tool check" }, follow, t("follow")), total),
    said.element,
    body,
    nothing,
  );
  show(detail, false);
  show(nothing, false);
  const stops = [
    store.on(["instance"], perFrame(() => menu.update())),
    store.on(["messages"], () => void tail.newer()),
    store.on(["state"], () => {
      menu.update();
      void tail.restart();
    }),
  ];
  void tail.restart();
  return {
    element,
    destroy() {
      stops.forEach((stop) => stop());
      tail.destroy();
    },
  };
}

function messageDetail(message: Message, close: () => void): HTMLElement[] {
  const where = facts(["m_topic", "m_partition", "m_offset", "m_time", "instance"]);
  where.update([
    message.topic,
    String(message.partition ?? "–"),
    String(message.offset ?? "–"),
    clock(message.timestamp_ms, true),
    message.instance ?? "–",
  ]);
  const headers = Object.entries(message.headers).map(([name, value]) =>
    h("div", {}, h("dt", {}, name), h("dd", { class: "mono" }, typeof value === "string" ? value : JSON.stringify(value))),
  );
  const parts: (HTMLElement | null)[] = [
    h("div", { class: "detail-head" }, h("h2", {}, `#${message.id}`), iconButton("close", t("close"), close)),
    message.broken ? h("p", { class: "notice bad" }, `${t("broken")}: ${message.broken}`) : null,
    message.repeat ? h("p", { class: "notice" }, t("repeat_note")) : null,
    where.element,
    headers.length ? h("h3", {}, t("headers")) : null,
    headers.length ? h("dl", { class: "facts wide" }, ...headers) : null,
    h("h3", {}, t("value")),
    h("pre", { class: "json" }, prettyText(message.value)),
  ];
  return parts.filter((part) => part !== null);
}

function prettyText(value: string): string {
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value; // a broken message is shown as it came
  }
}
