/** An instance's log and its console, live. */

import { h, setAttribute, setText, show } from "../dom";
import { count, zone } from "../format";
import { t } from "../i18n";
import { icon } from "../icons";
import { Find, type Found } from "../log/find";
import { fillLine, makeLine } from "../log/line";
import { RowList } from "../log/list";
import { LinePages } from "../log/pages";
import { route } from "../route";
import { remember, remembered } from "../settings";
import { store } from "../state";
import { get, url } from "../transport";
import type { LogLines, LogName } from "../types";
import { choice, empty, field, link, notice, select, type View } from "../ui";
import { InstanceMenu } from "./instances";
import { scroller } from "./tail";

const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"];
const ROW = 20; // px, as in lists.css
const WRAP = "log.wrap";

export function log(): View {
  const feedback = notice();
  const total = h("span", { class: "note log-total" });
  const nothing = empty("empty_log", "empty_log_text", link(t("nav_overview"), "#/overview"));
  const menu = new InstanceMenu(() => update(), false, (i) => i.logs.length > 0);
  let shown: string | null = null; // instance and log
  const names = (): LogName[] => store.instances.get(menu.chosen ?? "")?.logs ?? [];
  const name = (): LogName => {
    const asked: LogName = route.get("file") === "console" ? "console" : "log";
    return names().includes(asked) ? asked : (names()[0] ?? asked);
  };
  const query = () => ({ instance: menu.chosen, file: name(), level: route.get("level") });
  const files = choice(
    t("log_file"),
    [["log", t("log_sdk")], ["console", t("log_console")]],
    "log",
    (value) => {
      route.set({ file: value === "console" ? value : null });
      update();
    },
  );
  const level = select(
    LEVELS.map((name) => [name, name === "DEBUG" ? t("all_levels") : t("from_level", { level: name })]),
    route.get("level") ?? "DEBUG",
    (value) => {
      route.set({ level: value === "DEBUG" ? null : value });
      restart();
    },
  );
  const follow = h("input", { type: "checkbox", checked: true, onchange: () => setFollow(follow.checked) });
  const setFollow = (yes: boolean): void => {
    follow.checked = yes;
    rows.setFollow(yes);
  };
  const wrap = h("input", {
    type: "checkbox",
    checked: remembered(WRAP) === "1",
    onchange: () => {
      remember(WRAP, wrap.checked ? "1" : null);
      list.classList.toggle("wrap", wrap.checked);
      rows.refresh(true);
    },
  });
  const download = h("a", { class: "button", download: "" }, icon("download"), h("span", {}, t("download_log")));
  const list = scroller(t("nav_log"), "log");
  list.classList.toggle("wrap", wrap.checked);

  const pages = new LinePages(
    (at, limit) => get<LogLines>("log", { ...query(), at, limit }),
    () => {
      feedback.show("");
      setText(total, t("n_lines", { n: count(pages.end) }));
      if (begin !== pages.begin) rows.refresh(true); // the oldest are gone: rows are other lines
      begin = pages.begin;
      rows.count = pages.end - pages.begin;
      rows.refresh();
    },
    (text) => feedback.show(text, true),
  );
  let begin = 0;
  const rows = new RowList({
    scroller: list,
    rowHeight: ROW,
    create: makeLine,
    fill: (element, index) => {
      const rank = begin + index;
      fillLine(element, pages.get(rank), find.search, rank === find.current);
    },
    visible: (first, stop) => pages.want(begin + first, begin + stop),
    followed: (yes) => (follow.checked = yes),
  });
  const find = new Find({
    search: route.get("search") ?? "",
    changed: (search) => {
      route.set({ search: search || null });
      rows.refresh();
    },
    ask: (search, at, backwards) =>
      get<Found>("log/find", { ...query(), search, at, backwards: String(backwards) }),
    from: () => begin + rows.first,
    reveal: (rank) => {
      setFollow(false);
      rows.scrollTo(rank - begin, "middle");
      rows.refresh();
    },
    failed: (text) => feedback.show(text, true),
  });
  const restart = (): void => {
    pages.clear();
    begin = 0;
    rows.count = 0;
    rows.refresh(true);
    setFollow(true);
    void pages.newest().then((good) => {
      if (good && find.search) find.restart();
    });
  };
  let asking = false;
  let again = false;
  const newer = async (): Promise<void> => {
    again = asking;
    if (asking) return;
    asking = true;
    await (rows.follow ? pages.newest() : pages.newer());
    await find.recount();
    asking = false;
    if (again) void newer();
  };
  const times = h("p", { class: "note log-times" }, t("log_times", { zone: zone() }));
  const tools = h(
    "div",
    { class: "toolbar" },
    field(t("instance"), menu.element),
    files.element,
    field(t("level"), level),
    find.element,
    h("label", { class: "tool check" }, wrap, t("wrap")),
    h("label", { class: "tool check" }, follow, t("follow")),
    download,
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
    const there = Boolean(id);
    const file = name();
    show(nothing, !there);
    [tools, list].forEach((part) => show(part, there));
    show(times, there && file === "log");
    files.set(file);
    for (const button of files.element.querySelectorAll("button")) {
      button.disabled = !names().includes(button.value as LogName);
    }
    list.classList.toggle("console", file === "console");
    setAttribute(download, "href", url("log/download", { instance: id, file }));
    const now = there ? `${file} ${id}` : null;
    if (now === shown) return;
    shown = now;
    if (now) restart();
  };
  [...files.element.querySelectorAll("button")].forEach((button, place) => {
    button.value = place ? "console" : "log";
  });
  const stops = [
    store.onFrame(["instance", "forgotten"], update),
    store.on(["state"], () => {
      shown = null; // the log may be another one
      update();
    }),
    store.on(["log"], (data) => {
      if ((data as { instance: string }).instance === menu.chosen) void newer();
    }),
  ];
  update();
  return {
    element,
    destroy() {
      stops.forEach((stop) => stop());
      pages.clear();
      find.destroy();
      rows.destroy();
    },
  };
}
