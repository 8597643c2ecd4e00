/** One instance on a card. */

import { h, setAttribute, setText, show, type Row } from "../dom";
import { clock, count, duration, percent } from "../format";
import { t, type Key } from "../i18n";
import { icon, type IconName } from "../icons";
import { isStuck } from "../outages";
import { inWords } from "../reasons";
import { store } from "../state";
import { post } from "../transport";
import type { Instance } from "../types";
import { button, facts, isActive, kindName, link, notice, stateName } from "../ui";

export function instanceCard(first: Instance): Row<Instance> {
  const { id } = first;
  const kind = h("span", { class: "card-kind" });
  const badge = h("span", { class: "badge" });
  const reason = h("p", { class: "reason" });
  const bar = h("div", { class: "bar" });
  const meter = h("div", { class: "meter", role: "progressbar", "aria-label": t("progress"), "aria-valuemin": "0", "aria-valuemax": "100" }, bar);
  const share = h("span", { class: "share" });
  const left = h("span", { class: "left" });
  const progress = h("div", { class: "progress" }, meter, h("div", { class: "progress-text" }, share, left));
  const last = h("p", { class: "last" });
  const details = facts(["engine", "address", "messages", "last_received"]);
  const feedback = notice();
  const stop = button(t("stop"), () => void halt(), { icon: "stop", class: "danger" });
  let shown = first;
  const halt = async (): Promise<void> => {
    const atWork = shown.state === "running" || (shown.state === "paused" && shown.progress !== null);
    if (atWork && !window.confirm(stopQuestion(shown))) return;
    stop.disabled = true;
    feedback.show(t("stopping"));
    try {
      await post("stop", { instance: id });
      feedback.show("");
    } catch (error) {
      feedback.show((error as Error).message, true);
    }
    stop.disabled = false;
    if (document.activeElement === document.body) element.focus(); // the button may be gone
  };
  const forget = button(t("forget"), () => void drop(), { class: "danger" });
  const drop = async (): Promise<void> => {
    if (!window.confirm(t("forget_sure", { id }))) return;
    try {
      await post("forget", { instance: id }); // the card goes with the event
    } catch (error) {
      feedback.show((error as Error).message, true);
    }
  };
  const curvesLink = link(t("nav_curves"), "", "curves");
  const resultsLink = link(t("nav_results"), "", "results");
  const query = new URLSearchParams({ instance: id }).toString();
  const sendLink = link(t("nav_send"), `#/send?${query}`, "send");
  const logLink = link(t("nav_log"), `#/log?${query}`, "log");
  const foot = h(
    "div",
    { class: "card-foot" },
    curvesLink,
    resultsLink,
    logLink,
    sendLink,
    stop,
    forget,
  );
  const element = h(
    "article",
    { class: "card", role: "listitem", tabindex: "-1", "aria-label": id, "data-instance": id },
    h("div", { class: "card-head" }, kind, badge),
    h("p", { class: "mono card-id" }, id),
    reason,
    progress,
    last,
    details.element,
    feedback.element,
    foot,
  );
  return {
    element,
    update(instance) {
      shown = instance;
      if (kind.dataset.kind !== String(instance.kind)) {
        kind.dataset.kind = String(instance.kind);
        kind.replaceChildren(icon((instance.kind ?? "none") as IconName), kindName(instance.kind));
      }
      setText(badge, stateName(instance.state));
      badge.className = `badge ${instance.state}`;
      element.dataset.state = instance.state;
      setText(reason, inWords(instance.reason));
      reason.title = instance.reason;
      show(reason, Boolean(instance.reason));
      show(progress, instance.progress !== null && instance.kind !== "infer");
      const done = Math.max(0, Math.min(1, instance.progress ?? 0));
      bar.style.transform = `scaleX(${done})`;
      setAttribute(meter, "aria-valuenow", String(Math.round(done * 100)));
      setText(share, percent(done, done < 1 ? 1 : 0));
      const running = instance.state === "running" && instance.remaining_s !== null;
      setText(left, running ? t("left", { time: duration(instance.remaining_s) }) : "");
      setText(last, instance.last || t("nothing_reported"));
      show(last, !instance.reason || !instance.last.includes(instance.reason)); // once is enough
      last.title = instance.last;
      details.update([
        t(`engine_${instance.engine || "attached"}`),
        instance.address ? `${instance.protocol ?? ""} ${instance.address}`.trim() : "–",
        last_received(instance),
        clock(instance.last_ms),
      ]);
      show(curvesLink, instance.run !== null && instance.kind === "train");
      show(resultsLink, instance.run !== null && instance.kind !== "infer");
      curvesLink.href = `#/curves?runs=${instance.run}`;
      resultsLink.href = `#/results?run=${instance.run}`;
      show(logLink, instance.logs.length > 0);
      show(sendLink, Boolean(instance.address) && isActive(instance));
      show(stop, instance.owned && isActive(instance));
      show(forget, !instance.owned);
      element.classList.toggle("stuck", isStuck(instance));
    },
  };
}

/** What a stop in the middle of a task would cost, and what stays. */
function stopQuestion(instance: Instance): string {
  const epoch = instance.run === null ? null : (store.runs.get(instance.run)?.epoch ?? null);
  const values = {
    share: percent(instance.progress ?? 0, 1),
    epoch: epoch ?? "",
    time: duration(instance.remaining_s),
  };
  const known = `${epoch === null ? "" : "_epoch"}${instance.remaining_s === null ? "" : "_left"}`;
  return t("stop_sure", {
    kind: kindName(instance.kind),
    id: instance.id,
    progress: t(`stop_progress${known}` as Key, values),
    kept: t(instance.kind === "evaluate" ? "stop_kept_evaluate" : "stop_kept_train"),
  });
}

function last_received(instance: Instance): string {
  const parts = [count(instance.messages)];
  if (instance.duplicates) parts.push(t("n_duplicates", { n: count(instance.duplicates) }));
  if (instance.malformed) parts.push(t("n_malformed", { n: count(instance.malformed) }));
  return parts.join(" · ");
}
