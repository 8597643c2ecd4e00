/** Looks for a text in a log: what to look for, which one of how many it is, the next one. */

import { debounce, h, setText } from "../dom";
import { count } from "../format";
import { t } from "../i18n";
import { iconButton } from "../ui";

const TYPED_MS = 200;

export interface Found {
  count: number;
  /** Of the line, and of it among those that have the text; null: there is none. */
  rank: number | null;
  index: number | null;
}

export interface FindOptions {
  search: string;
  /** Another text is looked for, or none ("") any more. */
  changed(search: string): void;
  /** Asks for the next line that has the text, that with a rank included. */
  ask(search: string, at: number, backwards: boolean): Promise<Found>;
  /** Where to begin. */
  from(): number;
  /** Shows a line. */
  reveal(rank: number): void;
  failed(text: string): void;
}

export class Find {
  readonly element: HTMLElement;
  readonly input: HTMLInputElement;
  /** The line that was found last. */
  current: number | null = null;
  search: string;
  private result = h("output", { class: "find-result", "aria-live": "polite" });
  private turn = 0;
  private typed = debounce(TYPED_MS, () => this.restart());

  constructor(private options: FindOptions) {
    this.search = options.search;
    this.input = h("input", {
      type: "search",
      value: options.search,
      placeholder: t("search"),
      "aria-label": t("search"),
      oninput: () => this.typed(),
      onkeydown: (event: KeyboardEvent) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        void this.go(event.shiftKey);
      },
    });
    this.element = h(
      "div",
      { class: "find" },
      this.input,
      this.result,
      iconButton("up", t("find_previous"), () => void this.go(true)),
      iconButton("down", t("find_next"), () => void this.go(false)),
    );
  }

  /** The text was changed, or it is looked for in something else. */
  restart(): void {
    this.search = this.input.value;
    this.current = null;
    this.options.changed(this.search);
    if (this.search) void this.look(this.options.from(), false, true);
    else this.show(null);
  }

  /** The log has grown: there may be more. */
  async recount(): Promise<void> {
    if (this.search) await this.look(this.current ?? 0, false, false);
  }

  destroy(): void {
    this.turn++;
    this.typed.cancel();
  }

  private async go(backwards: boolean): Promise<void> {
    this.typed.cancel();
    if (this.input.value !== this.search) return this.restart();
    if (!this.search) return;
    const from = this.current ?? this.options.from();
    const step = this.current === null ? 0 : backwards ? -1 : 1;
    const at = from + step;
    await this.look(at < 0 ? Number.MAX_SAFE_INTEGER : at, backwards, true); // before the first: the last
  }

  private async look(at: number, backwards: boolean, reveal: boolean): Promise<void> {
    const turn = ++this.turn;
    try {
      const found = await this.options.ask(this.search, at, backwards);
      if (turn !== this.turn) return;
      if (reveal) this.current = found.rank;
      this.show(found);
      if (reveal && found.rank !== null) this.options.reveal(found.rank);
    } catch (error) {
      if (turn === this.turn) this.options.failed((error as Error).message);
    }
  }

  private show(found: Found | null): void {
    const at = found?.index !== null && this.current !== null && found ? count(found.index + 1) : null;
    const n = found ? count(found.count) : "";
    setText(this.result, !found ? "" : at ? t("find_n_of", { at, n }) : t("find_n", { n }));
  }
}
