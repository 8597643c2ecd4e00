/** What does not work, above every view. */

import { h, KeyedList, setText, type Row } from "./dom";
import { icon } from "./icons";
import { outages, type Outage } from "./outages";

export class Banners {
  readonly element = h("div", { class: "banners", role: "status" });
  private list = new KeyedList<Outage>(this.element, (o) => o.key, banner);

  update(): void {
    this.list.update(outages());
  }
}

function banner(): Row<Outage> {
  const text = h("span");
  // The numbers change every few seconds: nobody wants to hear them each time.
  const numbers = h("span", { class: "banner-numbers", "aria-live": "off" });
  const element = h("p", {}, icon("warning"), h("span", {}, text, " ", numbers));
  return {
    element,
    update(outage) {
      element.className = outage.bad ? "banner bad" : "banner";
      setText(text, outage.text);
      setText(numbers, outage.numbers);
    },
  };
}
