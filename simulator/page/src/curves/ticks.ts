/** Where an axis has its marks, and how they are written.
 *
 * uPlot's own marks are for everyday numbers: they are written with three decimals, so that a
 * learning rate reads 0 at each mark; its increments end at 1e-16 and 1e16; and on a logarithmic
 * scale a range that begins below them makes it add steps of no size for ever. Here the digits
 * follow from the distance between two marks, and any finite double can be drawn: values are given
 * to uPlot times a power of ten (`shift`) or as logarithms, see `scale.ts`.
 */

import { elapsed } from "../format";

export interface Ticks {
  /** In the axis' own units, ascending, within its range. */
  at: number[];
  labels: string[];
}

const STEPS = [1, 2, 5, 10];
/** A logarithmic axis of fewer decades is marked like a linear one. */
const FEW_DECADES = 0.5;
const DECADES = [1, 2, 5, 10, 20, 50, 100, 200]; // from one mark to the next
const SMALLEST_PLAIN = -4; // powers of ten that are written without an exponent
const LARGEST_PLAIN = 5;

/** @param most how many marks there is room for
 * @param shift the power of ten that the axis' units were multiplied by
 * @param least the smallest distance of two marks */
export function linearTicks(min: number, max: number, most: number, shift = 0, least = 0): Ticks {
  const step = stepFor(max - min, most, least);
  if (!step) return { at: [], labels: [] };
  const { mantissa, power } = step;
  // Multiples of a whole number times a power of ten: 3 × 0.1 would not be 0.3.
  const times = (n: number): number =>
    power < 0 ? (n * mantissa) / 10 ** -power : n * mantissa * 10 ** power;
  const at: number[] = [];
  const first = Math.ceil(min / times(1) - 1e-9);
  for (let n = 0; n <= most + 1; n++) {
    const place = times(first + n);
    if (place > max + times(1) * 1e-9) break;
    at.push(place === 0 ? 0 : Math.min(max, Math.max(min, place)));
  }
  return { at, labels: at.map(labeller(at, power, shift)) };
}

/** @param min, max as logarithms to the base 10 */
export function logTicks(min: number, max: number, most: number): Ticks {
  if (max - min < FEW_DECADES) {
    const base = Math.floor(min);
    const { at, labels } = linearTicks(10 ** (min - base), 10 ** (max - base), most, -base);
    return { at: at.map((x) => clamp(Math.log10(x) + base, min, max)), labels };
  }
  const decades = Math.floor(max) - Math.ceil(min) + 1;
  const each = decades * 3 <= most ? [1, 2, 5] : [1];
  const every = DECADES.find((n) => n * most >= decades) ?? 200;
  const at: number[] = [];
  const labels: string[] = [];
  for (let power = Math.floor(min / every) * every; power <= max; power += every) {
    for (const digit of each) {
      const place = power + Math.log10(digit);
      if (place < min || place > max) continue;
      at.push(place);
      labels.push(
        power >= SMALLEST_PLAIN && power <= LARGEST_PLAIN
          ? plain(digit * 10 ** power, Math.max(0, -power))
          : `${digit}e${power}`,
      );
    }
  }
  return { at, labels };
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SPANS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
];

/** Marks of spans of time in ms: 0:30, 1:00:00. */
export function durationTicks(min: number, max: number, most: number): Ticks {
  return spans(min, max, most, 0, (at, step) => elapsed(at, step < SECOND));
}

/** Marks of times in ms since 1970, in this browser's zone. */
export function timeTicks(min: number, max: number, most: number): Ticks {
  const zone = new Date(min).getTimezoneOffset() * MINUTE;
  return spans(min, max, most, zone, (at, step) => {
    const day = clock(at).date;
    const { time, millis } = clock(at);
    if (step >= DAY) return day;
    if (step >= MINUTE) return time.slice(0, 5);
    return step >= SECOND ? time : `${time}.${millis}`;
  });
}

/** @param zero where multiples of a step are counted from */
function spans(
  min: number, max: number, most: number, zero: number, label: (at: number, step: number) => string,
): Ticks {
  const least = (max - min) / Math.max(1, most);
  if (!(least > 0) || !Number.isFinite(least)) return { at: [], labels: [] };
  const coarse = least > DAY / 2 ? DAY * whole(least / DAY) : undefined;
  const step = SPANS.find((n) => n >= least && least > SECOND / 2) ?? coarse ?? whole(least);
  const at: number[] = [];
  for (let n = Math.ceil((min - zero) / step); n * step + zero <= max; n++) at.push(n * step + zero);
  return { at, labels: at.map((x) => label(x, step)) };
}

/** The next 1, 2 or 5 times a power of ten, 1 at least. */
function whole(x: number): number {
  const power = 10 ** Math.max(0, Math.floor(Math.log10(x)));
  return (STEPS.find((digit) => digit * power >= x) ?? 10) * power;
}

function clock(ms: number): { date: string; time: string; millis: string } {
  const at = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, "0");
  return {
    date: `${two(at.getMonth() + 1)}-${two(at.getDate())}`,
    time: [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":"),
    millis: String(at.getMilliseconds()).padStart(3, "0"),
  };
}

/** The smallest of 1, 2 and 5 times a power of ten of which at most `most` fit into a range. */
function stepFor(span: number, most: number, least: number): { mantissa: number; power: number } | null {
  const distance = Math.max(span / Math.max(1, most), least);
  if (!(distance > 0) || !Number.isFinite(distance)) return null;
  const power = Math.floor(Math.log10(distance) + 1e-12);
  const mantissa = STEPS.find((digit) => digit >= (distance / 10 ** power) * (1 - 1e-9)) ?? 10;
  return mantissa === 10 ? { mantissa: 1, power: power + 1 } : { mantissa, power };
}

/** Writes marks with as many digits as tell neighbours apart, and all of an axis alike.
 * @param power of the last digit that may differ */
function labeller(at: number[], power: number, shift: number): (x: number) => string {
  const largest = Math.max(...at.map(Math.abs));
  const exponent = largest > 0 ? Math.floor(Math.log10(largest) + 1e-12) : power;
  const shown = exponent - shift;
  if (shown >= SMALLEST_PLAIN && shown <= LARGEST_PLAIN) {
    return (x) => plain(x * 10 ** -shift, Math.max(0, shift - power));
  }
  return (x) => {
    if (x === 0) return "0";
    const own = Math.floor(Math.log10(Math.abs(x)) + 1e-12);
    const digits = Math.max(0, Math.min(20, own - power));
    const [mantissa, e] = x.toExponential(digits).split("e");
    return `${mantissa}e${Number(e) - shift}`;
  };
}

function plain(x: number, decimals: number): string {
  return (x === 0 ? 0 : x).toFixed(Math.min(20, decimals));
}

function clamp(x: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, x));
}
