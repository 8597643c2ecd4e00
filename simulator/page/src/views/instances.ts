/** A menu of the instances, for the views that look at one of them. */

import { route } from "../route";
import { store } from "../state";
import { t } from "../i18n";
import type { Instance } from "../types";
import { isActive, kindName, select, setOptions, stateName } from "../ui";

export class InstanceMenu {
  readonly element: HTMLSelectElement;

  /** @param all whether "all instances" can be chosen
   * @param fits which instances are offered */
  constructor(
    changed: () => void,
    private all: boolean,
    private fits: (instance: Instance) => boolean = () => true,
  ) {
    this.element = select([], "", (id) => {
      route.set({ instance: id || null });
      changed();
    });
    this.update();
  }

  /** The chosen instance, else one that fits, preferably at work; null: all, or none fits. */
  get chosen(): string | null {
    const id = route.get("instance");
    if (id !== null && store.instances.has(id)) return id; // else it was forgotten
    if (this.all) return null;
    const fitting = store.listInstances().filter(this.fits);
    return (fitting.find(isActive) ?? fitting[0])?.id ?? null;
  }

  update(): void {
    const options = store
      .listInstances()
      .filter((i) => this.fits(i) || i.id === this.chosen)
      .map((i): [string, string] => [i.id, `${kindName(i.kind)} · ${i.id} · ${stateName(i.state)}`]);
    if (this.all) options.unshift(["", t("all_instances")]);
    setOptions(this.element, options, this.chosen ?? "");
  }
}
