/** Requests by hand: a form and its JSON, which follow each other, the reply, the history. */

import { h, show } from "../dom";
import { t } from "../i18n";
import { History } from "../send/history";
import { replyBox } from "../send/reply";
import { RequestForm, type Body } from "../send/request";
import { store } from "../state";
import { get, post } from "../transport";
import type { Answer, Form } from "../types";
import { button, choice, empty, field, isActive, link, notice, type View } from "../ui";
import { InstanceMenu } from "./instances";

// What was typed stays while one looks at another view, or reads in another language.
let draft: { instance: string; name: Form["name"]; body: Body } | null = null;

export function send(): View {
  let forms: Form[] = [];
  let name: Form["name"] = "heartbeat"; // which of the forms is shown
  let asked: string | null = null; // whose forms were asked for
  const menu = new InstanceMenu(() => update(), false, (i) => Boolean(i.address) && isActive(i));
  const nothing = empty("empty_send", "empty_send_text", link(t("nav_overview"), "#/overview"));
  const names = h("div");
  const form = new RequestForm((body) => (draft = asked ? { instance: asked, name, body } : null));
  const feedback = notice();
  const reply = h("div", { class: "reply" });
  const go = button(t("send"), () => void submit(), { icon: "send", class: "primary" });
  const history = new History();

  const pick = (chosen: Form["name"], body: Body | null = null): void => {
    name = chosen;
    const found = forms.find((f) => f.name === chosen);
    if (found) form.set(body ?? found.body);
    feedback.show(found && !found.fits ? t("form_does_not_fit") : "");
  };
  const load = async (id: string): Promise<void> => {
    asked = id;
    reply.replaceChildren();
    try {
      const answer = await get<{ requests: Form[] }>("forms", { instance: id });
      if (asked !== id) return; // another instance was chosen meanwhile
      forms = answer.requests;
    } catch (error) {
      if (asked !== id) return;
      asked = null; // the next event asks again
      feedback.show((error as Error).message, true);
      return;
    }
    const kept = draft?.instance === id ? draft : null;
    const fitting = forms.find((f) => f.fits && f.name !== "heartbeat") ?? forms[0];
    if (!fitting) return;
    const first = kept?.name ?? fitting.name;
    const all = forms.map((f): [string, string] => [f.name, t(`request_${f.name}`)]);
    const picked = (chosen: string): void => {
      draft = null;
      pick(chosen as Form["name"]);
    };
    names.replaceChildren(choice(t("request"), all, first, picked).element);
    pick(first, kept?.body);
  };
  const submit = async (): Promise<void> => {
    const body = form.body();
    const id = asked;
    if (!id || body === null) return;
    go.disabled = true;
    feedback.show(t("sending"));
    try {
      const answer = await post<Answer>("send", { instance: id, body });
      // Of an instance that is not looked at any more, the history tells.
      if (asked === id) reply.replaceChildren(replyBox(answer));
      feedback.show("");
    } catch (error) {
      feedback.show((error as Error).message, true);
    }
    go.disabled = false;
    if (document.activeElement === document.body) go.focus(); // it was lost while disabled
  };
  const editor = h(
    "div",
    { class: "editor" },
    h(
      "div",
      { class: "toolbar" },
      field(t("instance"), menu.element),
      h(
        "div",
        { class: "field" },
        h("span", { class: "field-label", "aria-hidden": "true" }, t("request")),
        names,
      ),
    ),
    form.element,
    h("div", { class: "send-line" }, go, feedback.element),
    reply,
  );
  const element = h(
    "div",
    { class: "view send" },
    h("div", { class: "view-head" }, h("h1", {}, t("nav_send"))),
    nothing,
    editor,
    history.element,
  );
  const update = (): void => {
    menu.update();
    const id = menu.chosen;
    show(nothing, !id);
    show(editor, Boolean(id));
    // What someone is typing is not replaced because the instance says something.
    if (id && id !== asked) void load(id);
  };
  const stops = [
    store.onFrame(["instance", "forgotten", "state"], update),
    store.on(["sends", "forgotten", "state"], history.update),
  ];
  update();
  history.update();
  return {
    element,
    destroy() {
      stops.forEach((stop) => stop());
      asked = null;
      history.destroy();
    },
  };
}
