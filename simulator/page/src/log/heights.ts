/** The heights of many rows of which few have been measured: sums and their inverse in O(log n). */

export class Heights {
  private tree = new Float64Array(1); // a Fenwick tree of what rows have beyond `usual`
  private own = new Map<number, number>(); // what measured rows have beyond it
  private n = 0;
  private extra = 0;

  /** @param usual the height of a row that was not measured, in px */
  constructor(readonly usual: number) {}

  get count(): number {
    return this.n;
  }

  /** The height of all rows. */
  get total(): number {
    return this.n * this.usual + this.extra;
  }

  /** Nothing is measured any more: the width has changed, or these are other rows. */
  clear(): void {
    this.tree.fill(0);
    this.own.clear();
    this.extra = 0;
  }

  /** Sets how many rows there are; those that are left keep their heights. */
  resize(count: number): void {
    for (const row of count < this.n ? [...this.own.keys()] : []) if (row >= count) this.set(row, this.usual);
    this.n = count;
    while (this.tree.length <= count) {
      const size = this.tree.length - 1;
      const grown = new Float64Array(2 * size + 2);
      grown.set(this.tree);
      // The size is one below a power of two: the next node covers everything before.
      grown[size + 1] = this.extra;
      this.tree = grown;
    }
  }

  of(row: number): number {
    return this.usual + (this.own.get(row) ?? 0);
  }

  /** Notes a measured height; returns by how much it differs from what was known. */
  set(row: number, height: number): number {
    const beyond = height - this.usual;
    const change = beyond - (this.own.get(row) ?? 0);
    if (!change) return 0;
    if (beyond) this.own.set(row, beyond);
    else this.own.delete(row);
    this.extra += change;
    for (let at = row + 1; at < this.tree.length; at += at & -at) this.tree[at] = (this.tree[at] ?? 0) + change;
    return change;
  }

  /** Where a row begins. */
  top(row: number): number {
    let sum = row * this.usual;
    for (let at = row; at > 0; at -= at & -at) sum += this.tree[at] ?? 0;
    return sum;
  }

  /** The row at a place; the first or the last one for places beyond. */
  at(place: number): number {
    let row = 0;
    let left = place;
    for (let step = (this.tree.length + 1) >> 1; step; step >>= 1) {
      const next = row + step;
      if (next > this.n || next >= this.tree.length) continue;
      const height = step * this.usual + (this.tree[next] ?? 0);
      if (height > left) continue;
      left -= height;
      row = next;
    }
    return Math.max(0, Math.min(row, this.n - 1));
  }
}
