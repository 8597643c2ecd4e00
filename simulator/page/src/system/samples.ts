/** What an instance takes of its machine, as lines of charts. */

import { bytes } from "../format";
import { t, type Key } from "../i18n";

export interface Device {
  name: string;
  use?: number;
  memory?: number;
  memory_total?: number;
  temperature?: number;
  power?: number;
}

/** One sample: sizes in bytes, rates in bytes a second, `cpu` and `use` in percent. */
export interface Sample {
  /** ms since 1970 */
  at: number;
  cpu?: number;
  memory?: number;
  read?: number;
  written?: number;
  received?: number;
  sent?: number;
  devices: Device[];
}

export interface Series {
  name: string;
  values: (number | null)[];
}

export interface Figure {
  key: Key;
  unit: string;
  series: Series[];
  /** One of its values with its unit; a small one in a smaller unit. */
  text(value: number): string;
}

const GIB = 2 ** 30;
const UNITS: [number, string][] = [
  [GIB, "GiB"],
  [2 ** 20, "MiB"],
  [2 ** 10, "KiB"],
  [1, "B"],
];

/** The charts that the samples are enough for, in order. */
export function figures(samples: Sample[]): Figure[] {
  const of = (name: keyof Sample): (number | null)[] =>
    samples.map((sample) => (sample[name] as number | undefined) ?? null);
  const names = [...new Set(samples.flatMap((sample) => sample.devices.map((d) => d.name)))];
  const devices = (figure: keyof Device): Series[] =>
    names.map((name) => ({
      name,
      values: samples.map((sample) => {
        const device = sample.devices.find((each) => each.name === name);
        return (device?.[figure] as number | undefined) ?? null;
      }),
    }));
  const found: Figure[] = [
    plain("system_cpu", "%", [{ name: "", values: of("cpu") }]),
    inBytes("system_memory", [{ name: "", values: of("memory") }], ""),
    inBytes(
      "system_disk",
      [
        { name: t("system_read"), values: of("read") },
        { name: t("system_written"), values: of("written") },
      ],
      "/s",
    ),
    inBytes(
      "system_network",
      [
        { name: t("system_received"), values: of("received") },
        { name: t("system_sent"), values: of("sent") },
      ],
      "/s",
    ),
    plain("system_device_use", "%", devices("use")),
    inBytes("system_device_memory", devices("memory"), ""),
    plain("system_temperature", "°C", devices("temperature")),
    plain("system_power", "W", devices("power")),
  ];
  for (const figure of found) {
    figure.series = figure.series.filter(({ values }) => values.some((value) => value !== null));
  }
  return found.filter(({ series }) => series.length > 0);
}

function plain(key: Key, unit: string, series: Series[]): Figure {
  return { key, unit, series, text: (value) => `${Number(value.toPrecision(4))} ${unit}` };
}

/** Sizes in the unit in which the largest of them reads well. */
function inBytes(key: Key, series: Series[], per: string): Figure {
  const largest = series.flatMap(({ values }) => values).reduce<number>((a, b) => Math.max(a, b ?? 0), 0);
  const [size, unit] = UNITS.find(([least]) => largest >= least) ?? [1, "B"];
  return {
    key,
    unit: unit + per,
    text: (value) => bytes(Math.round(value * size)) + per,
    series: series.map(({ name, values }) => ({
      name,
      values: values.map((value) => (value === null ? null : value / size)),
    })),
  };
}
