/** An instance's log, live. */

import { debounce, h, setText, show } from "../dom";
import { clock, count, zone } from "../format";
import { t } from "../i18n";
import { route } from "../route";
import { store } from "../state";
import { get } from "../transport";
import type { LogLine } from "../types";
import { empty, field, link, notice, select, type View } from "../ui";
import { InstanceMenu } from "./instances";
import { scroller, Tail } from "./tail";

const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"];
const ROW = 20; // px, as in lists.css
const PAGE = 500;
const TYPED_MS = 200;

export function log(): View {
  const feedback = notice();
  const total = h("span", { class: "note" });
  const nothing = empty("empty_log", "empty_log_text", link(t("nav_overview"), "#/overview"));
  const menu = new InstanceMenu(() => update(), false, (i) => i.has_log);
  let shown: string | null = null;
  const search = h("input", {
    type: "search",
    value: route.get("search") ?? "",
    placeholder: t("search"),
    oninput: () => find(),
  });
  const find = debounce(TYPED_MS, () => {
    route.set({ search: search.value || null });
    tail.restart();
  });
  const level = select(
    LEVELS.map((name) => [name, name === "DEBUG" ? t("all_levels") : t("from_level", { level: name })]),
    route.get("level") ?? "DEBUG",
    (value) => {
      route.set({ level: value === "DEBUG" ? null : value });
      tail.restart();
    },
  );
  const follow = h("input", { type: "checkbox", checked: true, onchange: () => tail.setFollow(follow.checked) });
  const list = scroller(t("nav_log"), "log");
  const tail = new Tail<LogLine>({
    scroller: list,
    rowHeight: ROW,
    id: (line) => line.n,
    load: async (where) => {
      const answer = await get<{ total: number; lines: LogLine[] }>("log", {
        instance: shown,
        search: route.get("search"),
        level: route.get("level"),
        before: where?.before,
        after: where?.after,
        limit: PAGE,
      });
      return { items: answer.lines, total: answer.total };
    },
    create: line,
    fill: (element, item) => fillLine(element, item, route.get("search")),
    arrived: (n) => {
      feedback.show("");
      setText(total, t("n_lines", { n: count(n) }));
    },
    failed: (text) => feedback.show(text, true),
    followed: (yes) => (follow.checked = yes),
  });
  const times = h("p", { class: "note log-times" }, t("log_times", { zone: zone() }));
  const tools = h(
    "div",
    { class: "toolbar" },
    field(t("instance"), menu.element),
    field(t("search"), search),
    field(t("level"), level),
    h("label", { class: "tool check" }, follow, t("follow")),
    total,
  );
  const element = h(
    "div",
    { class: "view fill" },
    h("div", { class: "view-head" }, h("h1", {}, t("nav_log"))),
    tools,
    times,
    feedback.element,
    list,
    nothing,
  );
  const update = (): void => {
    menu.update();
    const id = menu.chosen;
    show(nothing, !id);
    show(tools, Boolean(id));
    show(times, Boolean(id));
    show(list, Boolean(id));
    if (id === shown) return;
    shown = id;
    if (id) tail.restart();
  };
  const stops = [
    store.onFrame(["instance", "forgotten"], update),
    store.on(["state"], () => {
      shown = null; // the log may be another one
      update();
    }),
    store.on(["log"], (data) => {
      if ((data as { instance: string }).instance === shown) tail.newer();
    }),
  ];
  update();
  return {
    element,
    destroy() {
      stops.forEach((stop) => stop());
      find.cancel();
      tail.destroy();
    },
  };
}

const PARTS = ["n", "date", "time", "level", "text"] as const;

function line(): HTMLElement {
  const parts = PARTS.map((name) => h("span", { class: `log-${name}` }));
  return h("div", { class: "log-line" }, ...parts);
}

function fillLine(element: HTMLElement, item: LogLine, search: string | null): void {
  const [n, date, time, severity, text] = element.children as unknown as HTMLElement[];
  if (!n || !date || !time || !severity || !text) return;
  const at = typeof item.time === "number" ? clock(item.time, true) : (item.time ?? "");
  const day = at.lastIndexOf(" ") + 1; // the date has a place of its own: a phone has none for it
  setText(n, String(item.n + 1)); // as editors count
  setText(date, at.slice(0, day));
  setText(time, at.slice(day));
  setText(severity, item.level ?? "");
  mark(text, item.text, search);
  element.className = `log-line ${(item.level ?? "").toLowerCase()}`;
}

/** Shows a text with what was searched for marked in it. */
function mark(element: HTMLElement, text: string, search: string | null): void {
  if (!search) {
    setText(element, text);
    return;
  }
  const wanted = new RegExp(search.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gi");
  const parts: Node[] = [];
  let at = 0;
  for (const { 0: found, index } of text.matchAll(wanted)) {
    parts.push(document.createTextNode(text.slice(at, index)), h("mark", {}, found));
    at = index + found.length;
  }
  parts.push(document.createTextNode(text.slice(at)));
  element.replaceChildren(...parts);
}
