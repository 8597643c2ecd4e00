/** What the sidecars say of the delivery, and how the messages get here. */

import { h, KeyedList, setText, show, type Row } from "../dom";
import { bytes, clock, count, duration } from "../format";
import { t, type Key } from "../i18n";
import { isStuck, sourceName } from "../outages";
import { store } from "../state";
import type { Instance } from "../types";
import { empty, facts, isActive, kindName, type View } from "../ui";

export function delivery(): View {
  const badge = h("span", { class: "badge" });
  const name = h("p", { class: "mono card-id" });
  const error = h("p", { class: "reason" });
  const source = h(
    "section",
    { class: "card source-card", "aria-label": t("source") },
    h("div", { class: "card-head" }, h("h2", {}, t("source")), badge),
    name,
    error,
    h("p", { class: "note" }, t("source_note")),
  );
  const grid = h("div", { class: "cards delivery-cards", role: "list" });
  const list = new KeyedList<Instance>(grid, (i) => i.id, deliveryCard);
  const nothing = empty("empty_delivery", "empty_delivery_text");
  const element = h(
    "div",
    { class: "view" },
    h("div", { class: "view-head" }, h("h1", {}, t("nav_delivery"))),
    source,
    grid,
    nothing,
  );
  const update = (): void => {
    setText(badge, t(store.source.ok ? "works" : "broken_down"));
    badge.className = `badge ${store.source.ok ? "ready" : "failed"}`;
    setText(name, sourceName());
    setText(error, store.source.error ?? "");
    show(error, Boolean(store.source.error));
    const known = store.listInstances().filter((i) => i.delivery !== null);
    list.update(known);
    show(nothing, known.length === 0);
  };
  const stop = store.onFrame(["state", "instance", "forgotten", "source"], update);
  update();
  return { element, destroy: stop };
}

function deliveryCard(): Row<Instance> {
  const kind = h("span", { class: "card-kind" });
  const badge = h("span", { class: "badge" });
  const id = h("p", { class: "mono card-id" });
  const error = h("p", { class: "reason" });
  const warning = h("p", { class: "note delivery-warning" });
  const names: Key[] = ["undelivered", "oldest", "delivered", "retries", "dropped", "dead_letters", "as_of", "sink"];
  const details = facts(names);
  const element = h(
    "article",
    { class: "card", role: "listitem" },
    h("div", { class: "card-head" }, kind, badge),
    id,
    error,
    warning,
    details.element,
  );
  return {
    element,
    update(instance) {
      const d = instance.delivery;
      if (!d) return;
      element.dataset.instance = instance.id;
      setText(kind, kindName(instance.kind));
      setText(id, instance.id);
      const stuck = isStuck(instance);
      const lost = (d.dropped ?? 0) + (d.dead_letters ?? 0) > 0;
      setText(badge, t(stuck ? "stuck" : (`sidecar_${d.sidecar.replace(" ", "_")}` as Key)));
      // An instance at work without a sidecar delivers nothing; one that has ended needs none.
      const idle = d.sidecar === "running" ? "ready" : isActive(instance) ? "lost" : "none";
      badge.className = `badge ${stuck ? "failed" : idle}`;
      setText(error, d.last_error ?? "");
      show(error, Boolean(d.last_error));
      const text = (d.warnings ?? []).join("; ");
      setText(warning, text && t("delivery_warning", { text }));
      show(warning, Boolean(text));
      element.classList.toggle("stuck", stuck || lost);
      details.update([
        d.undelivered === null ? "–" : `${count(d.undelivered)} · ${bytes(d.undelivered_bytes)}`,
        duration(d.oldest_s),
        count(d.delivered),
        count(d.retries),
        count(d.dropped),
        count(d.dead_letters),
        clock(d.at_ms),
        d.sink?.replace(/^journal(?= )/, t("source_journal")) ?? "–",
      ]);
    },
  };
}
