/** Metrics in groups by what stands before the first "/" of their names: `train/loss`, `val/loss`. */

export interface Group {
  /** What is folded by it. */
  key: string;
  kind: "pinned" | "prefix" | "none";
  /** Metrics in it, in the order in which they were reported first. */
  names: string[];
}

export const PINNED = "pinned";

/** @param names all metrics, each once
 * @param pinned those that stand at the top instead of in their group
 * @param search blank-separated texts that a name must hold, in either case; empty: all */
export function groupsOf(names: string[], pinned: ReadonlySet<string>, search: string): Group[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const top: Group = { key: PINNED, kind: "pinned", names: [] };
  const plain: Group = { key: "", kind: "none", names: [] };
  const groups = new Map<string, Group>();
  for (const name of names) {
    const text = name.toLowerCase();
    if (!words.every((word) => text.includes(word))) continue;
    const end = name.indexOf("/");
    if (pinned.has(name)) top.names.push(name);
    else if (end <= 0) plain.names.push(name);
    else {
      const key = name.slice(0, end + 1); // no group of a prefix is called like the other two
      const group = groups.get(key);
      if (group) group.names.push(name);
      else groups.set(key, { key, kind: "prefix", names: [name] });
    }
  }
  return [top, plain, ...groups.values()].filter((group) => group.names.length > 0);
}

/** A name in two parts, of which the first is cut where there is no room: names of layers differ
 * at their ends. */
export function inTwo(name: string): [head: string, tail: string] {
  const letters = Array.from(name);
  if (letters.length <= TAIL * 1.5) return [name, ""];
  return [letters.slice(0, -TAIL).join(""), letters.slice(-TAIL).join("")];
}

const TAIL = 10; // letters that are always shown
