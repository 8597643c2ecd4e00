/** Which parts of the delivery do not work now, in sentences. */

import { count, duration } from "./format";
import { t } from "./i18n";
import { store } from "./state";
import type { Instance } from "./types";

/** Whether an instance's messages wait because they cannot be delivered. */
export function isStuck(instance: Instance): boolean {
  const delivery = instance.delivery;
  return Boolean(delivery?.last_error && (delivery.undelivered ?? 0) > 0);
}

export function outages(): string[] {
  const texts: string[] = [];
  if (!store.source.ok) {
    texts.push(
      t("outage_source", { name: store.source.name, error: store.source.error ?? t("no_reason") }),
    );
  }
  for (const instance of store.instances.values()) {
    if (!isStuck(instance)) continue;
    texts.push(
      t("outage_delivery", {
        id: instance.id,
        n: count(instance.delivery?.undelivered),
        age: duration(instance.delivery?.oldest_s),
        error: instance.delivery?.last_error ?? "",
      }),
    );
  }
  return texts;
}
