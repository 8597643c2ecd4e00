/** Requests by hand: a form and its JSON, which follow each other, the reply, the history. */

import { h, KeyedList, perFrame, setText, show, type Row } from "../dom";
import { clock } from "../format";
import { t } from "../i18n";
import { Tile } from "../results/tile";
import { openLightbox } from "../results/lightbox";
import type { PictureOptions } from "../results/picture";
import { store } from "../state";
import { get, post } from "../transport";
import type { Form, Json, ResultItem, Send } from "../types";
import { button, choice, empty, field, isActive, link, notice, type View } from "../ui";
import { InstanceMenu } from "./instances";
import { RequestForm } from "./request";

export function send(): View {
  let forms: Form[] = [];
  let asked = "";
  const menu = new InstanceMenu(() => void load(), false, (i) => Boolean(i.address) && isActive(i));
  const nothing = empty("empty_send", "empty_send_text", link(t("nav_overview"), "#/overview"));
  const names = h("div");
  const form = new RequestForm();
  const said = notice();
  const reply = h("div", { class: "reply" });
  const go = button(t("send"), () => void submit(), { icon: "send", class: "primary" });
  const history = h("div", { class: "history" });
  const rows = new KeyedList<Send>(history, (s) => String(s.id), sendRow);
  const historyNote = h("p", { class: "hint" }, t("empty_history"));

  const pick = (name: Form["name"]): void => {
    const found = forms.find((f) => f.name === name);
    if (found) form.set(found.body);
    said.say(found && !found.fits ? t("form_does_not_fit") : "");
  };
  const load = async (): Promise<void> => {
    const id = menu.chosen;
    asked = id ?? "";
    if (!id) return;
    try {
      const answer = await get<{ requests: Form[] }>("forms", { instance: id });
      forms = answer.requests;
    } catch (error) {
      said.say((error as Error).message, true);
      return;
    }
    const fitting = forms.find((f) => f.fits && f.name !== "heartbeat") ?? forms[0];
    if (!fitting) return;
    names.replaceChildren(
      choice(
        t("request"),
        forms.map((f) => [f.name, t(`request_${f.name}`)]),
        fitting.name,
        (name) => pick(name as Form["name"]),
      ),
    );
    pick(fitting.name);
  };
  const submit = async (): Promise<void> => {
    const body = form.body();
    const id = menu.chosen;
    if (!id || body === null) return;
    go.disabled = true;
    said.say(t("sending"));
    try {
      const answer = await post<Send>("send", { instance: id, body });
      said.say("");
      reply.replaceChildren(replyBox({ ...answer, instance: id, body, at_ms: Date.now() }));
    } catch (error) {
      said.say((error as Error).message, true);
    }
    go.disabled = false;
  };
  const fetchHistory = async (): Promise<void> => {
    const { items } = await get<{ items: Send[] }>("sends", { limit: 100 }).catch(() => ({
      items: [] as Send[],
    }));
    rows.update([...items].sort((a, b) => b.id - a.id));
    show(historyNote, items.length === 0);
  };
  const editor = h(
    "div",
    { class: "editor" },
    h("div", { class: "toolbar" }, field(t("instance"), menu.element), h("div", { class: "field" }, h("span", { class: "field-label" }, t("request")), names)),
    form.element,
    h("div", { class: "send-line" }, go, said.element),
    reply,
  );
  const element = h(
    "div",
    { class: "view send" },
    h("div", { class: "view-head" }, h("h1", {}, t("nav_send"))),
    nothing,
    editor,
    h("section", { "aria-label": t("history") }, h("h2", {}, t("history")), historyNote, history),
  );
  const update = (): void => {
    menu.update();
    const id = menu.chosen;
    show(nothing, !id);
    show(editor, Boolean(id));
    // What someone is typing is not replaced because the instance says something.
    if (id && id !== asked) void load();
  };
  const stops = [
    store.on(["instance", "state"], perFrame(update)),
    store.on(["sends", "state"], () => void fetchHistory()),
  ];
  update();
  void fetchHistory();
  return { element, destroy: () => stops.forEach((stop) => stop()) };
}

function pretty(value: Json): string {
  return JSON.stringify(value, null, 2);
}

function outcome(send: Send): { text: string; bad: boolean } {
  if (send.error) return { text: send.error, bad: true };
  const reply = send.reply as { flag?: number; message?: string } | null;
  if (reply && typeof reply === "object" && "flag" in reply) {
    return { text: String(reply.message ?? ""), bad: reply.flag !== 1 };
  }
  return { text: "", bad: false };
}

function replyBox(send: Send): HTMLElement {
  const { text, bad } = outcome(send);
  const time = send.ms === null ? "" : `${send.ms.toFixed(send.ms < 10 ? 1 : 0)} ms`;
  return h(
    "div",
    { class: `reply-box ${bad ? "bad" : "good"}` },
    h("p", { class: "reply-head" }, h("b", {}, t(bad ? "refused" : "reply")), h("span", { class: "mono" }, time), h("span", {}, text)),
    predictions(send.results ?? []),
    send.reply === null ? null : h("pre", { class: "json" }, pretty(send.reply)),
  );
}

/** The images of an inference with what was found on them. */
function predictions(items: ResultItem[]): HTMLElement | null {
  if (!items.length) return null;
  const classes = [...new Set(items.flatMap((i) => i.findings.map((f) => f.predicted)))].sort();
  const options: PictureOptions = { classes, confidence: 0, labels: false };
  const tiles = items.map((item, index) => {
    const tile = new Tile(() =>
      openLightbox({
        index,
        total: () => items.length,
        item: (place) => Promise.resolve(items[place] ?? null),
        options: () => options,
        closed: (place) => tiles[place]?.querySelector("button")?.focus(),
      }),
    );
    tile.show(item, options);
    return h("div", { class: "cell" }, tile.element);
  });
  return h("div", { class: "predictions" }, ...tiles);
}

function sendRow(first: Send): Row<Send> {
  const body = first.body as { req_type?: number } | null;
  const kinds = ["heartbeat", "train", "predict", "inference"] as const;
  const name = kinds[Number(body?.req_type)];
  const said = h("span", { class: "sent-text" });
  const took = h("span", { class: "mono" });
  const inside = h("div", { class: "sent-body" });
  let latest = first;
  const element = h(
    "details",
    { class: "sent" },
    h("summary", {}, h("span", { class: "mono quiet" }, clock(first.at_ms)), h("b", {}, name ? t(`request_${name}`) : "?"), said, took),
    inside,
  );
  const open = (): void => {
    if (!element.open) return;
    inside.replaceChildren(
      h("p", { class: "mono note" }, latest.instance),
      h("h3", {}, t("request")),
      h("pre", { class: "json" }, pretty(latest.body)),
      replyBox(latest),
    );
  };
  element.addEventListener("toggle", open);
  return {
    element,
    update(send) {
      const changed = JSON.stringify(send) !== JSON.stringify(latest);
      latest = send;
      const { text, bad } = outcome(send);
      setText(said, text);
      said.classList.toggle("bad", bad);
      setText(took, send.ms === null ? "" : `${send.ms.toFixed(0)} ms`);
      if (changed) open();
    },
  };
}
