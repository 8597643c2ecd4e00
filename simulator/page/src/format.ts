/** Numbers, times and sizes as people read them, in the page's language. */

import { language, t } from "./i18n";

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : value.toLocaleString(language());
}

/** A measured value: enough digits to tell points apart, none to spare. */
export function value(number: number | string | null | undefined): string {
  if (number === null || number === undefined) return "–";
  if (typeof number === "string") return number.replace("Infinity", "∞");
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return number.toExponential(3).replace("e+", "e"); // as on the axes
  return String(Number(number.toPrecision(size >= 1000 ? 7 : 5)));
}

export function percent(share: number | null | undefined, digits = 1): string {
  return share === null || share === undefined ? "–" : `${(share * 100).toFixed(digits)} %`;
}

export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return t("seconds", { n: seconds.toFixed(1) });
  if (seconds < 60) return t("seconds", { n: Math.round(seconds) });
  if (seconds < 3600) {
    return t("minutes", { m: Math.floor(seconds / 60), s: Math.floor(seconds % 60) });
  }
  return t("hours", { h: Math.floor(seconds / 3600), m: Math.floor((seconds % 3600) / 60) });
}

export function bytes(number: number | null | undefined): string {
  if (number === null || number === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB"];
  let place = 0;
  while (number >= 1024 && place < units.length - 1) {
    number /= 1024;
    place += 1;
  }
  return `${place ? number.toFixed(1) : number} ${units[place]}`;
}

const two = (n: number): string => String(n).padStart(2, "0");

/** The time of day, with the date before it if that is not today. */
export function clock(ms: number | null | undefined, millis = false): string {
  if (ms === null || ms === undefined) return "–";
  const at = new Date(ms);
  if (Number.isNaN(at.getTime())) return "–"; // of no calendar's
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const exact = millis ? `${time}.${String(at.getMilliseconds()).padStart(3, "0")}` : time;
  if (at.toDateString() === new Date().toDateString()) return exact;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${exact}`;
}

/** A span of time as on a stopwatch: 0:30, 1:02:03. */
export function elapsed(ms: number, millis = false): string {
  const sign = ms < 0 ? "−" : "";
  const size = Math.abs(millis ? ms : Math.round(ms / 1000) * 1000);
  const [hours, minutes] = [Math.floor(size / 3_600_000), Math.floor(size / 60_000) % 60];
  const seconds = two(Math.floor(size / 1000) % 60);
  const part = millis ? `.${String(Math.floor(size % 1000)).padStart(3, "0")}` : "";
  return `${sign}${hours ? `${hours}:${two(minutes)}` : minutes}:${seconds}${part}`;
}

/** How far this browser's clock is from UTC: "UTC+08:00".
 * @param ms when, since 1970 */
export function zone(ms = Date.now()): string {
  const ahead = -new Date(ms).getTimezoneOffset();
  const size = Math.abs(ahead);
  return `UTC${ahead < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}
