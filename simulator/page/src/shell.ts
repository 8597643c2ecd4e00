/** The frame around the views: navigation, language and theme, banners. */

import { h, perFrame, setText, show } from "./dom";
import { icon, type IconName } from "./icons";
import { language, setLanguage, t, type Key, type Language } from "./i18n";
import { outages } from "./outages";
import { route } from "./route";
import { store } from "./state";
import { setTheme, theme, type Theme } from "./theme";
import { select, type View } from "./ui";
import { overview } from "./views/overview";
import { curves } from "./views/curves";
import { results } from "./views/results";
import { send } from "./views/send";
import { log } from "./views/log";
import { messages } from "./views/messages";
import { delivery } from "./views/delivery";

type Factory = (scroller: HTMLElement) => View;
const VIEWS: Record<string, Factory> = {
  overview,
  curves,
  results,
  send,
  log,
  messages,
  delivery,
};

export class Shell {
  private view: View | null = null;
  private main = h("main", { id: "main", tabindex: "-1" });
  private banners = h("div", { class: "banners", role: "status" });
  private links = new Map<string, HTMLAnchorElement>();
  private source = h("p", { class: "source" });
  private waiting = h("p", { class: "note waiting" });

  constructor(private root: HTMLElement) {
    this.frame();
    const follow = perFrame(() => this.showStatus());
    store.on(["state", "source", "instance", "algorithm", "connection"], follow);
  }

  /** Shows the view that the address names. */
  open(): void {
    const name = route.view in VIEWS ? route.view : "overview";
    for (const [place, anchor] of this.links) {
      if (place === name) anchor.setAttribute("aria-current", "page");
      else anchor.removeAttribute("aria-current");
    }
    this.view?.destroy();
    this.view = null;
    this.main.scrollTop = 0;
    document.title = `${t(`nav_${name}` as Key)} · dubhe`;
    if (!store.ready) {
      setText(this.waiting, t("waiting"));
      this.main.replaceChildren(this.waiting);
      const once = store.on(["state"], () => {
        once();
        this.open();
      });
      return;
    }
    this.view = VIEWS[name]?.(this.main) ?? null;
    if (this.view) this.main.replaceChildren(this.view.element);
  }

  /** Makes everything anew: the language or the theme has changed. */
  redraw(): void {
    const top = this.main.scrollTop;
    this.frame();
    this.open();
    this.main.scrollTop = top;
  }

  private frame(): void {
    document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
    this.links.clear();
    const items = Object.keys(VIEWS).map((name) => {
      const anchor = h(
        "a",
        { href: `#/${name}` },
        icon(name as IconName),
        h("span", {}, t(`nav_${name}` as Key)),
      );
      this.links.set(name, anchor);
      return h("li", {}, anchor);
    });
    const languages = select(
      [
        ["en", "English"],
        ["zh", "中文"],
      ],
      language(),
      (value) => {
        setLanguage(value as Language);
        this.redraw();
        document.querySelector<HTMLElement>(".language select")?.focus();
      },
    );
    languages.setAttribute("aria-label", t("language"));
    const themes = select(
      (["auto", "light", "dark"] as Theme[]).map((value) => [value, t(`theme_${value}`)]),
      theme(),
      (value) => {
        setTheme(value as Theme);
        document.querySelector<HTMLElement>(".theme select")?.focus();
      },
    );
    themes.setAttribute("aria-label", t("theme"));
    const skip = h("a", { class: "skip", href: "#main" }, t("skip"));
    skip.addEventListener("click", (event) => {
      event.preventDefault(); // the hash is the page's place
      this.main.focus();
    });
    this.root.replaceChildren(
      skip,
      h(
        "header",
        { class: "side" },
        h(
          "a",
          { class: "brand", href: "#/overview" },
          h("img", { src: "icon.svg", alt: "", width: "26", height: "26" }),
          h("span", { class: "brand-name" }, "dubhe"),
          h("span", { class: "brand-sub" }, t("brand")),
        ),
        h("nav", { "aria-label": t("navigation") }, h("ul", {}, ...items)),
        h(
          "div",
          { class: "settings" },
          this.source,
          h("label", { class: "setting language" }, icon("language"), languages),
          h("label", { class: "setting theme" }, icon("theme"), themes),
        ),
      ),
      h("div", { class: "page" }, this.banners, this.main),
    );
    this.showStatus();
  }

  private showStatus(): void {
    const texts: [string, boolean][] = store.connected
      ? outages().map((text) => [text, true])
      : [[t("server_lost"), false]];
    const wanted = JSON.stringify(texts);
    if (this.banners.dataset.texts !== wanted) {
      this.banners.dataset.texts = wanted;
      this.banners.replaceChildren(
        ...texts.map(([text, bad]) =>
          h("p", { class: bad ? "banner bad" : "banner" }, icon("warning"), h("span", {}, text)),
        ),
      );
    }
    show(this.source, store.ready);
    if (!store.ready) return;
    const ok = store.source.ok && store.connected;
    setText(this.source, store.source.name);
    this.source.className = `source ${ok ? "ok" : "bad"}`;
    this.source.title = t(ok ? "source_ok" : "source_bad");
  }
}
