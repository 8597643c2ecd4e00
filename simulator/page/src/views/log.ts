/** An instance's log, live. */

import { debounce, h, perFrame, setText, show } from "../dom";
import { clock, count } from "../format";
import { t } from "../i18n";
import { route } from "../route";
import { store } from "../state";
import { get } from "../transport";
import type { LogLine } from "../types";
import { empty, field, link, notice, select, type View } from "../ui";
import { InstanceMenu } from "./instances";
import { Tail } from "./tail";

const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"];
const ROW = 20;

export function log(): View {
  const said = notice();
  const total = h("span", { class: "note" });
  const nothing = empty("empty_log", "empty_log_text", link(t("nav_overview"), "#/overview"));
  const menu = new InstanceMenu(() => void tail.restart(), false, (i) => i.has_log);
  let shown: string | null = null;
  const search = h("input", {
    type: "search",
    value: route.get("search") ?? "",
    placeholder: t("search"),
    oninput: () => find(),
  });
  const find = debounce(200, () => {
    route.set({ search: search.value || null });
    void tail.restart();
  });
  const level = select(
    LEVELS.map((name) => [name, name === "DEBUG" ? t("all_levels") : t("from_level", { level: name })]),
    route.get("level") ?? "DEBUG",
    (value) => {
      route.set({ level: value === "DEBUG" ? null : value });
      void tail.restart();
    },
  );
  const follow = h("input", { type: "checkbox", checked: true, onchange: () => tail.setFollow(follow.checked) });
  const tail = new Tail<LogLine>({
    rowHeight: ROW,
    label: t("nav_log"),
    id: (line) => line.n,
    load: async (where) => {
      const id = menu.chosen;
      if (!id) return [];
      const answer = await get<{ total: number; lines: LogLine[] }>("log", {
        instance: id,
        search: route.get("search"),
        level: route.get("level"),
        before: where?.before,
        after: where?.after,
        limit: 500,
      });
      said.say("");
      setText(total, t("n_lines", { n: count(answer.total) }));
      return answer.lines;
    },
    create: () =>
      h(
        "div",
        { class: "log-line" },
        h("span", { class: "log-n" }),
        h("span", { class: "log-time" }),
        h("span", { class: "log-level" }),
        h("span", { class: "log-text" }),
      ),
    fill(element, line) {
      const [n, time, severity, text] = element.children as unknown as HTMLElement[];
      if (!n || !time || !severity || !text) return;
      setText(n, String(line.n + 1)); // as editors count
      setText(time, typeof line.time === "number" ? clock(line.time, true) : (line.time ?? ""));
      setText(severity, line.level ?? "");
      mark(text, line.text, route.get("search"));
      element.className = `log-line ${(line.level ?? "").toLowerCase()}`;
    },
    failed: (text) => said.say(text, true),
    followed: (yes) => (follow.checked = yes),
  });
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
    said.element,
    tail.scroller,
    nothing,
  );
  const update = (): void => {
    menu.update();
    const id = menu.chosen;
    show(nothing, !id);
    show(tools, Boolean(id));
    show(tail.scroller, Boolean(id));
    if (id === shown) return;
    shown = id;
    void tail.restart();
  };
  const stops = [
    store.on(["instance"], perFrame(update)),
    store.on(["state"], () => {
      shown = null;
      update();
    }),
    store.on(["log"], (data) => {
      if ((data as { instance: string }).instance === menu.chosen) void tail.newer();
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

/** Shows a text with what was searched for marked in it. */
function mark(element: HTMLElement, text: string, search: string | null): void {
  if (!search) {
    setText(element, text);
    return;
  }
  const parts: Node[] = [];
  const low = text.toLowerCase();
  const wanted = search.toLowerCase();
  let at = 0;
  for (let found = low.indexOf(wanted); found >= 0; found = low.indexOf(wanted, at)) {
    parts.push(document.createTextNode(text.slice(at, found)));
    parts.push(h("mark", {}, text.slice(found, found + wanted.length)));
    at = found + wanted.length;
  }
  parts.push(document.createTextNode(text.slice(at)));
  element.replaceChildren(...parts);
}
