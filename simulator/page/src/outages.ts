/** Which parts of the delivery do not work now, in sentences. */

import { count, duration } from "./format";
import { t } from "./i18n";
import { store } from "./state";
import type { Instance } from "./types";

export interface Outage {
  key: string;
  /** What does not work and why: read aloud once. */
  text: string;
  /** What grows meanwhile. */
  numbers: string;
  /** Whether messages wait; else the page alone is cut off. */
  bad: boolean;
}

/** Whether an instance's messages wait because they cannot be delivered. */
export function isStuck(instance: Instance): boolean {
  const delivery = instance.delivery;
  return Boolean(delivery?.last_error && (delivery.undelivered ?? 0) > 0);
}

/** How the page calls what the messages come from. */
export function sourceName(): string {
  return store.mode === "embedded" ? t("source_journal") : store.source.name;
}

export function outages(): Outage[] {
  // What was known last of the delivery says nothing about now.
  if (!store.connected) return [{ key: "server", text: t("server_lost"), numbers: "", bad: false }];
  const found: Outage[] = [];
  if (store.ready && !store.source.ok) {
    const error = store.source.error ?? t("no_reason");
    const text = t("outage_source", { name: sourceName(), error });
    found.push({ key: "source", text, numbers: "", bad: true });
  }
  for (const text of store.source.failures) {
    found.push({ key: `failure ${text}`, text, numbers: "", bad: false });
  }
  for (const instance of store.instances.values()) {
    if (!isStuck(instance)) continue;
    const { undelivered, oldest_s, last_error } = instance.delivery ?? {};
    found.push({
      key: `delivery ${instance.id}`,
      text: t("outage_delivery", { id: instance.id, error: last_error ?? "" }),
      numbers: t("outage_waiting", { n: count(undelivered), age: duration(oldest_s) }),
      bad: true,
    });
  }
  return found;
}
