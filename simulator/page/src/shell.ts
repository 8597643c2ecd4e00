/** Shows the view that the address names, in the page's frame. */

import { Banners } from "./banners";
import { h } from "./dom";
import { language, setLanguage, t, type Key } from "./i18n";
import { route } from "./route";
import { Sidebar } from "./sidebar";
import { store } from "./state";
import type { View } from "./ui";
import { overview } from "./views/overview";
import { curves } from "./views/curves";
import { runs } from "./views/runs";
import { results } from "./views/results";
import { system } from "./system/view";
import { send } from "./views/send";
import { log } from "./views/log";
import { messages } from "./views/messages";
import { delivery } from "./views/delivery";

type Factory = (scroller: HTMLElement) => View;
const VIEWS: Record<string, Factory> = {
  overview,
  runs,
  curves,
  system,
  results,
  send,
  log,
  messages,
  delivery,
};

export class Shell {
  private view: View | null = null;
  private main = h("main", { id: "main", tabindex: "0" }); // so that keys can scroll it
  private banners = new Banners();
  private sidebar = this.frame();

  constructor(private root: HTMLElement) {
    this.fill();
    store.onFrame(["state", "source", "instance", "forgotten", "connection"], () => this.showStatus());
    store.on(["state"], () => {
      if (!this.view) this.open(); // it waited for the first state
    });
  }

  /** Shows the view that the address names. */
  open(): void {
    const name = route.view in VIEWS ? route.view : "overview";
    const inside = this.main.contains(document.activeElement);
    this.sidebar.mark(name);
    this.view?.destroy();
    this.view = store.ready ? (VIEWS[name]?.(this.main) ?? null) : null;
    this.main.scrollTop = 0;
    this.main.replaceChildren(
      this.view?.element ?? h("p", { class: "note waiting" }, t("waiting")),
    );
    document.title = `${t(`nav_${name}` as Key)} · dubhe`;
    // Who followed a link of the former view goes on at the new one's beginning.
    if (inside) this.main.focus({ preventScroll: true });
  }

  /** Draws canvases anew: the theme has changed. What is being typed stays. */
  recolour(): void {
    this.view?.recolour?.();
  }

  private frame(): Sidebar {
    return new Sidebar(Object.keys(VIEWS), (chosen) => {
      setLanguage(chosen);
      const top = this.main.scrollTop;
      this.sidebar = this.frame();
      this.fill();
      this.open();
      this.main.scrollTop = top;
      this.sidebar.focusLanguage();
      store.follow(); // for the server's reasons in that language
    });
  }

  private fill(): void {
    document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
    const skip = h("a", { class: "skip", href: "#main" }, t("skip"));
    skip.addEventListener("click", (event) => {
      event.preventDefault(); // the hash is the page's place
      this.main.focus();
    });
    const page = h("div", { class: "page" }, this.banners.element, this.main);
    this.root.replaceChildren(skip, this.sidebar.element, page);
    this.showStatus();
  }

  private showStatus(): void {
    this.banners.update();
    this.sidebar.update();
  }
}
