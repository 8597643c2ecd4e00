/** Every message as it came, live. */

import { h, setAttribute, setText, show } from "../dom";
import { clock, count } from "../format";
import { t } from "../i18n";
import { store } from "../state";
import { get } from "../transport";
import type { Message } from "../types";
import { empty, field, link, notice, type View } from "../ui";
import { messageDetail } from "./detail";
import { InstanceMenu } from "./instances";
import { scroller, Tail } from "./tail";

const ROW = 30; // px, as in lists.css
const PAGE = 300;
const SHORT = 400; // characters of a value that a row shows at most
const PARSED = 20_000; // characters beyond which a value is not looked into

export function messages(): View {
  const feedback = notice();
  const total = h("span", { class: "note" });
  const nothing = empty("empty_messages", "empty_messages_text", link(t("nav_overview"), "#/overview"));
  const menu = new InstanceMenu(() => tail.restart(), true);
  const follow = h("input", { type: "checkbox", checked: true, onchange: () => tail.setFollow(follow.checked) });
  const list = scroller(t("nav_messages"), "listbox");
  const detail = h("section", { class: "detail", tabindex: "0", "aria-label": t("message") });
  let selected: number | null = null;
  const elements = new WeakMap<HTMLElement, Message>();

  const select = (message: Message | null): void => {
    const inside = detail.contains(document.activeElement);
    selected = message?.id ?? null;
    show(detail, message !== null);
    if (message) detail.replaceChildren(...messageDetail(message, () => select(null)));
    else if (inside) list.focus();
    setAttribute(list, "aria-activedescendant", message && rowId(message));
    tail.refresh();
  };
  const tail = new Tail<Message>({
    scroller: list,
    rowHeight: ROW,
    id: (message) => message.id,
    load: (where) =>
      get("messages", {
        instance: menu.chosen,
        before_id: where?.before,
        after_id: where?.after,
        limit: PAGE,
      }),
    create: () => {
      const row = h("div", { role: "option", class: "message-row", onclick: () => open(row) }, ...cells());
      return row;
    },
    fill(element, message) {
      elements.set(element, message);
      element.id = rowId(message);
      element.setAttribute("aria-selected", String(message.id === selected));
      fillRow(element, message);
    },
    arrived: (n) => {
      feedback.show("");
      setText(total, t("n_messages", { n: count(n) }));
      show(nothing, n === 0);
      show(body, n > 0);
    },
    failed: (text) => feedback.show(text, true),
    followed: (yes) => (follow.checked = yes),
  });
  const open = (row: HTMLElement): void => {
    const message = elements.get(row);
    if (!message) return;
    tail.setFollow((follow.checked = false));
    select(message.id === selected ? null : message);
  };
  const walk = (event: KeyboardEvent): void => {
    if (event.key === "Escape") return select(null);
    const last = tail.items.length - 1;
    const at = tail.items.findIndex((m) => m.id === selected);
    const page = Math.max(1, Math.floor(list.clientHeight / ROW) - 1);
    const from = at < 0 ? last + 1 : at;
    const places: Record<string, number> = {
      ArrowDown: at < 0 ? last : at + 1,
      ArrowUp: from - 1,
      PageDown: from + page,
      PageUp: from - page,
      Home: 0,
      End: last,
    };
    const place = places[event.key];
    if (place === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(last, place));
    const message = tail.items[next];
    if (!message) return;
    tail.setFollow((follow.checked = false));
    tail.scrollTo(next);
    select(message);
  };
  list.addEventListener("keydown", walk);
  const body = h(
    "div",
    { class: "messages-body" },
    h("div", { class: "messages-list" }, head(), list),
    detail,
  );
  const element = h(
    "div",
    { class: "view fill" },
    h("div", { class: "view-head" }, h("h1", {}, t("nav_messages"))),
    h(
      "div",
      { class: "toolbar" },
      field(t("instance"), menu.element),
      h("label", { class: "tool check" }, follow, t("follow")),
      total,
    ),
    feedback.element,
    body,
    nothing,
  );
  for (const part of [detail, nothing, body]) show(part, false); // nothing is known yet
  const stops = [
    store.onFrame(["instance"], () => menu.update()),
    store.on(["messages"], () => tail.newer()),
    store.on(["state", "forgotten"], () => {
      menu.update();
      tail.restart();
    }),
  ];
  tail.restart();
  return {
    element,
    destroy() {
      stops.forEach((stop) => stop());
      tail.destroy();
    },
  };
}

function rowId(message: Message): string {
  return `message-${message.id}`;
}

const COLUMNS = ["time", "topic", "place", "flags", "text"] as const;

function cells(): HTMLElement[] {
  return COLUMNS.map((name) => h("span", { class: `m-${name}` }));
}

function head(): HTMLElement {
  const row = h("div", { class: "message-row message-head", "aria-hidden": "true" }, ...cells());
  COLUMNS.forEach((name, place) => {
    if (name !== "flags") setText(row.children[place] as HTMLElement, t(`m_${name}`));
  });
  return row;
}

function fillRow(element: HTMLElement, message: Message): void {
  const [time, topic, place, flags, text] = element.children as unknown as HTMLElement[];
  if (!time || !topic || !place || !flags || !text) return;
  setText(time, clock(message.timestamp_ms, true));
  setText(topic, message.topic);
  setText(place, `${message.partition ?? "–"}:${message.offset ?? "–"}`);
  flags.replaceChildren(
    ...(message.malformed ? [h("span", { class: "flag bad" }, t("malformed"))] : []),
    ...(message.repeat ? [h("span", { class: "flag" }, t("repeat"))] : []),
  );
  setText(text, short(message));
}

/** What tells a message from its neighbours: its data, whose beginning they do not share. */
function short(message: Message): string {
  if (!message.malformed && message.value.length <= PARSED) {
    try {
      const { data } = JSON.parse(message.value) as { data?: unknown };
      if (data !== undefined) return JSON.stringify(data).slice(0, SHORT);
    } catch {
      // what the platform can read is not always JSON to a browser, a bare NaN for example
    }
  }
  return message.value.slice(0, SHORT);
}
