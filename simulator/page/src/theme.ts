/** Light and dark. `auto` follows the system. */

import { remember, remembered } from "./settings";

export type Theme = "auto" | "light" | "dark";
const dark = matchMedia("(prefers-color-scheme: dark)");
let listener: () => void = () => undefined;

export function theme(): Theme {
  const kept = remembered("theme");
  return kept === "light" || kept === "dark" ? kept : "auto";
}

export function setTheme(value: Theme): void {
  remember("theme", value === "auto" ? null : value);
  applyTheme();
  listener();
}

export function applyTheme(): void {
  const root = document.documentElement;
  if (theme() === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme();
}

/** Calls `work` when what is drawn on canvases has to be drawn in other colours; all else follows
 * by CSS. */
export function onTheme(work: () => void): void {
  listener = work;
  dark.addEventListener("change", work);
}

/** The present value of a colour variable, for canvases. */
export function colour(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** Series and class colours: ten hues that differ in lightness too. */
export const HUES = 10;

/** A run's colour: the one that was chosen for it, else one by its number. */
export function runHue(run: { id: number; hue: number | null }): string {
  return hue(run.hue ?? run.id - 1);
}

export function hue(place: number): string {
  return `hue-${((place % HUES) + HUES) % HUES}`;
}
