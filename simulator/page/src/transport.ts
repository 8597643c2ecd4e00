/** Requests to the server. Its reasons come in the page's language. */

import { language } from "./i18n";

/** An answer that is no success, or none at all (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Whether there is a server; a report that was saved as a file has none. */
export const LIVE = true;

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
  return send<T>(path, JSON.stringify(body), "application/json");
}

/** Posts what is no JSON. */
export async function send<T>(path: string, body: BodyInit, type: string): Promise<T> {
  const headers = { "Content-Type": type, "X-Dubhe": "1" };
  return ask<T>(url(path), { method: "POST", headers, body });
}

async function ask<T>(address: string, options: RequestInit): Promise<T> {
  let response: Response;
  try {
    const headers = { ...options.headers, "Accept-Language": language() };
    response = await fetch(address, { ...options, headers });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(0, String((error as Error).message));
  }
  // The token is another one by now: the server's answer to the page is the form that asks for it.
  if (response.status === 401) location.reload();
  if (response.ok) return (await body(response)) as T;
  const detail = ((await body(response)) as { error?: unknown } | null)?.error;
  throw new ApiError(response.status, typeof detail === "string" ? detail : response.statusText);
}

/** What a response holds. One that breaks off is no answer, and must not pass for an empty one. */
async function body(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(response.status, `${response.statusText} ${(error as Error).message}`.trim());
  }
}

/** Whether an error only says that a request was given up because a newer one replaces it. */
export function isAbort(error: unknown): boolean {
  return (error as Error | null)?.name === "AbortError";
}
