/** Talking to the server: requests, and the stream of events that reconnects by itself. */

/** An answer that is no success, or none at all (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export type Query = Record<string, string | number | null | undefined>;

/** The address of an API resource; parameters that are null or undefined are left out. */
export function url(path: string, query: Query = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const text = new URLSearchParams(given.map(([k, v]) => [k, String(v)])).toString();
  return `api/${path}${text ? `?${text}` : ""}`;
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return ask<T>(url(path, query), signal ? { signal } : {});
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  return ask<T>(url(path), {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Dubhe": "1" },
    body: JSON.stringify(body),
  });
}

async function ask<T>(address: string, options: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw new ApiError(0, String((error as Error).message));
  }
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) {
    const said = (body as { error?: unknown } | null)?.error;
    throw new ApiError(response.status, typeof said === "string" ? said : response.statusText);
  }
  return body as T;
}

/** Whether an error only says that a request was given up because a newer one replaces it. */
export function isAbort(error: unknown): boolean {
  return (error as Error | null)?.name === "AbortError";
}

const EVENTS = [
  "state",
  "instance",
  "run",
  "source",
  "algorithm",
  "flow",
  "log",
  "messages",
  "sends",
] as const;
export type EventName = (typeof EVENTS)[number];

/** Follows /api/events. After a loss the whole state is fetched again before the stream goes on,
 * so what the page shows is right also if the server is another process by now. */
export class EventStream {
  private source: EventSource | null = null;
  private pause = 500;

  constructor(
    private resume: () => Promise<number>, // fetches the state, returns its cursor
    private receive: (name: EventName, data: unknown) => void,
    private connected: (yes: boolean) => void,
  ) {}

  async start(): Promise<void> {
    try {
      const cursor = await this.resume();
      this.open(cursor);
    } catch {
      this.lost();
    }
  }

  private open(cursor: number): void {
    const source = new EventSource(url("events", { after: cursor }));
    this.source = source;
    source.onopen = () => {
      this.pause = 500;
      this.connected(true);
    };
    source.onerror = () => {
      if (this.source === source) this.lost();
    };
    for (const name of EVENTS) {
      source.addEventListener(name, (event) =>
        this.receive(name, JSON.parse((event as MessageEvent<string>).data)),
      );
    }
  }

  private lost(): void {
    this.source?.close();
    this.source = null;
    this.connected(false);
    window.setTimeout(() => void this.start(), this.pause);
    this.pause = Math.min(2000, this.pause * 1.5);
  }
}
