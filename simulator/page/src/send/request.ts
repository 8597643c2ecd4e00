/** A request as a form and as JSON; each follows the other. */

import { h, setText } from "../dom";
import { t } from "../i18n";
import type { Json } from "../types";
import { field } from "../ui";

export type Body = Record<string, Json>;

export class RequestForm {
  private draft: Body = {};
  private fields = h("div", { class: "fields" });
  private error = h("p", { class: "notice bad", role: "status" });
  private json = h("textarea", {
    class: "mono json-input",
    rows: "12",
    spellcheck: "false",
    oninput: () => this.fromJson(),
  });
  readonly element = h(
    "div",
    { class: "request" },
    h("div", { class: "request-fields" }, this.fields),
    h("div", { class: "request-json" }, field("JSON", this.json), this.error),
  );
  private valid = true;

  /** @param typed called with each valid request that somebody has typed */
  constructor(private typed: (body: Body) => void) {}

  set(body: Body): void {
    this.draft = structuredClone(body);
    this.showFields();
    this.showJson();
  }

  /** What is to be sent; null if the JSON is none. */
  body(): Body | null {
    if (this.valid) return this.draft;
    this.json.focus();
    return null;
  }

  private showJson(): void {
    this.json.value = JSON.stringify(this.draft, null, 2);
    this.json.rows = Math.min(24, Math.max(6, this.json.value.split("\n").length + 1));
    this.check(null);
  }

  private check(error: string | null): void {
    this.valid = error === null;
    setText(this.error, error ?? "");
    this.json.setAttribute("aria-invalid", String(!this.valid));
  }

  private fromJson(): void {
    try {
      const found = JSON.parse(this.json.value) as Json;
      if (typeof found !== "object" || found === null || Array.isArray(found)) {
        throw new SyntaxError(t("json_object"));
      }
      this.draft = found;
      this.check(null);
      this.showFields();
      this.typed(this.draft);
    } catch (error) {
      this.check(`${t("json_bad")} ${(error as Error).message}`);
    }
  }

  private showFields(): void {
    this.fields.replaceChildren(
      ...Object.entries(this.draft)
        .filter(([name]) => name !== "req_type")
        .map(([name, value]) => field(name, this.control(name, value), note(value))),
    );
  }

  private change(name: string, value: Json): void {
    this.draft[name] = value;
    this.showJson();
    this.typed(this.draft);
  }

  /** An input that fits the value's type; what is nested is edited as JSON. */
  private control(name: string, value: Json): HTMLElement {
    if (typeof value === "boolean") {
      const box = h("input", { type: "checkbox", checked: value, onchange: () => this.change(name, box.checked) });
      return box;
    }
    if (typeof value === "number") {
      const input = h("input", {
        type: "number",
        step: "any",
        value: String(value),
        oninput: () => {
          const number = input.valueAsNumber;
          input.setAttribute("aria-invalid", String(Number.isNaN(number)));
          if (!Number.isNaN(number)) this.change(name, number);
        },
      });
      return input;
    }
    if (typeof value === "string") {
      const input = h("input", { type: "text", value, oninput: () => this.change(name, input.value) });
      return input;
    }
    if (isTexts(value)) {
      const area = h("textarea", {
        rows: String(Math.min(6, Math.max(2, value.length))),
        spellcheck: "false",
        class: "mono",
        value: value.join("\n"),
        oninput: () => this.change(name, area.value.split("\n").filter((line) => line !== "")),
      });
      return area;
    }
    const area = h("textarea", {
      rows: "2",
      spellcheck: "false",
      class: "mono",
      value: JSON.stringify(value),
      oninput: () => {
        try {
          this.change(name, JSON.parse(area.value) as Json);
          area.setAttribute("aria-invalid", "false");
        } catch {
          area.setAttribute("aria-invalid", "true"); // not sent: the draft keeps the last good one
        }
      },
    });
    return area;
  }
}

function isTexts(value: Json): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

function note(value: Json): string {
  if (isTexts(value)) return t("one_per_line");
  return typeof value === "object" ? "JSON" : "";
}
