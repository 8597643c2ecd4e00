/** The page's icons: line drawings on a 24 x 24 grid, in the colour of the text. */

import { s } from "./dom";

const PATHS = {
  overview: "M4 4h7v7H4z M13 4h7v7h-7z M4 13h7v7H4z M13 13h7v7h-7z",
  runs: "M4 5h16v14H4z M4 10h16 M4 14.5h16 M9 10v9",
  edit: "M4 20l1-4L16 5l3 3L8 19z",
  curves: "M4 4v16h16 M7 15l4-5 3 3 5-7",
  system: "M7 7h10v10H7z M10 3v4 M14 3v4 M10 17v4 M14 17v4 M3 10h4 M3 14h4 M17 10h4 M17 14h4",
  results: "M4 5h16v14H4z M8 9h5v6H8z M16 9v6",
  send: "M4 12L20 4l-5 16-3.5-6.5z M11.5 13.5L20 4",
  log: "M5 4h14v16H5z M8 8h8 M8 12h8 M8 16h5",
  messages: "M4 6h16v11H9l-4 3v-3H4z M8 10h8 M8 13h5",
  delivery: "M3 7h11v9H3z M14 10h4l3 3v3h-7z M6.5 18.5m-1.7 0a1.7 1.7 0 1 0 3.4 0a1.7 1.7 0 1 0-3.4 0 M17 18.5m-1.7 0a1.7 1.7 0 1 0 3.4 0a1.7 1.7 0 1 0-3.4 0",
  train: "M4 18l5-6 4 3 7-9 M15 6h5v5",
  evaluate: "M4 12l5 5L20 6",
  infer: "M12 5c5 0 8 4 9 7-1 3-4 7-9 7s-8-4-9-7c1-3 4-7 9-7z M12 12m-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0",
  all: "M4 6l6 6-6 6z M11 6l6 6-6 6z M19 6v12",
  stop: "M7 7h10v10H7z",
  theme: "M12 3a9 9 0 1 0 0 18z M12 3a9 9 0 0 1 0 18",
  language: "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18z M3 12h18 M12 3c3 3 4 6 4 9s-1 6-4 9c-3-3-4-6-4-9s1-6 4-9z",
  download: "M12 4v11 M7 11l5 5 5-5 M5 20h14",
  picture: "M4 5h16v14H4z M4 16l5-5 4 4 3-3 4 4 M15.5 9m-1.2 0a1.2 1.2 0 1 0 2.4 0a1.2 1.2 0 1 0-2.4 0",
  enlarge: "M14 4h6v6 M20 4l-7 7 M10 20H4v-6 M4 20l7-7",
  pin: "M9 4h6l-1 6 3 3v2H7v-2l3-3z M12 15v6",
  fold: "M6 9l6 6 6-6",
  reset: "M4 12a8 8 0 1 0 3-6.2 M4 4v5h5",
  close: "M6 6l12 12 M18 6L6 18",
  swap: "M4 8h15 M15 4l4 4-4 4 M20 16H5 M9 12l-4 4 4 4",
  previous: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  down: "M12 5v14 M6 13l6 6 6-6",
  up: "M12 19V5 M6 11l6-6 6 6",
  plus: "M12 5v14 M5 12h14",
  minus: "M5 12h14",
  right: "M5 12l5 5L20 6",
  wrong: "M6 6l12 12 M18 6L6 18",
  missed: "M12 12m-7 0a7 7 0 1 0 14 0a7 7 0 1 0-14 0 M7 17L17 7",
  false: "M12 4l9 16H3z M12 10v4 M12 17v.5",
  none: "M6 12h12",
  warning: "M12 4l9 16H3z M12 10v4 M12 17v.5",
  attach: "M9 15l6-6 M11 6l2-2a4 4 0 0 1 6 6l-2 2 M13 18l-2 2a4 4 0 0 1-6-6l2-2",
} as const;

export type IconName = keyof typeof PATHS;

/** An icon; it is decoration, the words beside it or the button's label say what it means. */
export function icon(name: IconName): SVGElement {
  return s(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    s("path", { d: PATHS[name] }),
  );
}
