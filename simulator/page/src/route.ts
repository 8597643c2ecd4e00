/** The page's place in the URL's hash, `#/curves?runs=1,2`: survives a reload, can be shared. */

type Listener = () => void;

class Route {
  view = "";
  params = new URLSearchParams();
  private listener: Listener = () => undefined;

  start(listener: Listener): void {
    this.listener = listener;
    this.read();
    window.addEventListener("hashchange", () => {
      const before = this.view;
      const query = this.params.toString();
      this.read();
      if (this.view !== before || this.params.toString() !== query) this.listener();
    });
  }

  get(name: string): string | null {
    return this.params.get(name);
  }

  /** Changes parameters of the present view in place; null takes one away. */
  set(changes: Record<string, string | null>): void {
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) this.params.delete(name);
      else this.params.set(name, value);
    }
    history.replaceState(null, "", this.hash(this.view, this.params));
  }

  go(view: string, params: Record<string, string> = {}): void {
    location.hash = this.hash(view, new URLSearchParams(params));
  }

  hash(view: string, params = new URLSearchParams()): string {
    const query = params.toString().replaceAll("%2C", ",");
    return `#/${view}${query ? `?${query}` : ""}`;
  }

  private read(): void {
    const [view = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
    this.view = view;
    this.params = new URLSearchParams(query);
  }
}

export const route = new Route();
