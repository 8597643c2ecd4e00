/** Attaching to an instance that somebody else started. */

import { h } from "../dom";
import { t } from "../i18n";
import { post } from "../transport";
import { button, field, notice, select } from "../ui";

export function attachForm(): HTMLElement {
  const feedback = notice();
  const address = h("input", { type: "text", required: true, placeholder: "127.0.0.1:8030", class: "mono", autocomplete: "off" });
  const instance = h("input", { type: "text", placeholder: "m1-a1-train-1", class: "mono", autocomplete: "off" });
  const folder = h("input", { type: "text", placeholder: "temporary/", class: "mono", autocomplete: "off" });
  const protocol = select(
    [
      ["http", "HTTP"],
      ["tcp", "TCP"],
    ],
    "http",
    () => undefined,
  );
  const attach = button(t("attach"), () => undefined, { icon: "attach" });
  attach.type = "submit";
  const form = h(
    "form",
    { class: "fold-body fields" },
    field(t("address"), address),
    field(t("protocol"), protocol),
    field(t("instance_id"), instance, t("instance_id_note")),
    field(t("folder"), folder, t("folder_note")),
    h("div", { class: "field end" }, attach),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send();
  });
  const send = async (): Promise<void> => {
    feedback.show("");
    try {
      const made = await post<{ instance: string }>("attach", {
        address: address.value.trim(),
        protocol: protocol.value,
        instance: instance.value.trim() || null,
        folder: folder.value.trim() || null,
      });
      feedback.show(t("attached", { id: made.instance }));
    } catch (error) {
      feedback.show((error as Error).message, true);
    }
  };
  return h("details", { class: "fold attach" }, h("summary", {}, t("attach_title")), form, feedback.element);
}
