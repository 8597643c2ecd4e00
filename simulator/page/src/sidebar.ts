/** The page's frame: where one can go, where the messages come from, language and theme. */

import { h, setText, show } from "./dom";
import { icon, type IconName } from "./icons";
import { language, t, type Key, type Language } from "./i18n";
import { sourceName } from "./outages";
import { store } from "./state";
import { setTheme, theme, type Theme } from "./theme";
import { select } from "./ui";

export class Sidebar {
  readonly element: HTMLElement;
  private links = new Map<string, HTMLAnchorElement>();
  private source = h("p", { class: "source" });
  private languages: HTMLSelectElement;

  /** @param views names of the views, in order */
  constructor(views: string[], switched: (language: Language) => void) {
    for (const name of views) {
      const text = h("span", {}, t(`nav_${name}` as Key));
      this.links.set(name, h("a", { href: `#/${name}` }, icon(name as IconName), text));
    }
    this.languages = select(
      [
        ["en", "English"],
        ["zh", "中文"],
      ],
      language(),
      (value) => switched(value as Language),
    );
    this.languages.setAttribute("aria-label", t("language"));
    const themes = select(
      (["auto", "light", "dark"] as Theme[]).map((value) => [value, t(`theme_${value}`)]),
      theme(),
      (value) => setTheme(value as Theme),
    );
    themes.setAttribute("aria-label", t("theme"));
    const items = [...this.links.values()].map((anchor) => h("li", {}, anchor));
    this.element = h(
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
        h("div", { class: "setting language" }, icon("language"), this.languages),
        h("div", { class: "setting theme" }, icon("theme"), themes),
      ),
    );
  }

  /** Marks the view that is shown. */
  mark(view: string): void {
    for (const [name, anchor] of this.links) {
      if (name === view) anchor.setAttribute("aria-current", "page");
      else anchor.removeAttribute("aria-current");
    }
  }

  update(): void {
    show(this.source, store.ready);
    if (!store.ready) return;
    const ok = store.source.ok && store.connected;
    setText(this.source, sourceName());
    this.source.className = `source ${ok ? "ok" : "bad"}`;
    this.source.title = t(ok ? "source_ok" : "source_bad");
  }

  focusLanguage(): void {
    this.languages.focus();
  }
}
