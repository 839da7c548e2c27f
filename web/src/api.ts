// Requests to the server that the page came from.
import { parse, type Json } from './json.js';
import type { ProblemDoc } from './model.js';
import { ServerClock } from './time.js';

export const server_clock = new ServerClock();

/** The server's own words for why not. */
export class Problem extends Error {
  constructor(readonly doc: ProblemDoc) { super(doc.detail); }
}
/** There was no answer. */
export class Unreachable extends Error {}

const token_key = 'tenax-token';
export const token = {
  get: (): string | null => sessionStorage.getItem(token_key),
  set: (text: string): void => text ? sessionStorage.setItem(token_key, text) : sessionStorage.removeItem(token_key),
};
/** Scopes that a refusal said this page's token has not. */
export const missing = new Set<string>();

export function headers(more: { [name: string]: string } = {}): { [name: string]: string } {
  const t = token.get();
  return t ? { ...more, Authorization: `Bearer ${t}` } : more;
}

export function path_of(...parts: string[]): string {
  return parts.map((p, i) => (i === 0 ? p : encodeURIComponent(p))).join('/');
}
export const workflow_path = (id: string, ...more: string[]): string =>
  path_of('/v1/workflows', id) + more.map((m) => `/${encodeURIComponent(m)}`).join('');

function as_problem(status: number, text: string): Problem {
  let doc: Partial<ProblemDoc> = {};
  try { doc = JSON.parse(text) as Partial<ProblemDoc>; } catch { /* said below */ }
  if (typeof doc.missing_scope === 'string') missing.add(doc.missing_scope);
  return new Problem({ type: 'about:blank', title: 'refused', code: String(status), class: 'rejected',
    detail: `the server answered ${status}`, ...doc, status });
}

async function ask(method: string, path: string, body: string | undefined, signal?: AbortSignal): Promise<Json> {
  const sent = Date.now();
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(path, { method, headers: headers(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      body: body ?? null, signal: signal ?? null, cache: 'no-store', credentials: 'omit' });
    text = await answer.text();
  } catch (e) {
    if (signal?.aborted) throw e;
    throw new Unreachable(e instanceof Error ? e.message : String(e));
  }
  if (!answer.ok) throw as_problem(answer.status, text);
  const doc = parse(text);
  const now = doc !== null && typeof doc === 'object' && 'now' in doc ? Date.parse(String(doc.now)) : NaN;
  // Date has seconds only: half of one is added, and it counts as a slow answer.
  if (Number.isFinite(now)) server_clock.heard(now, sent, Date.now());
  else {
    const date = Date.parse(answer.headers.get('Date') ?? '');
    if (Number.isFinite(date)) server_clock.heard(date + 500, sent - 1000, Date.now() + 1000);
  }
  return doc;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await ask('GET', path, undefined, signal)) as unknown as T;
}
/** `body` is JSON text, so that numbers that people type keep their digits. */
export async function send<T>(method: string, path: string, body?: string): Promise<T> {
  return (await ask(method, path, body)) as unknown as T;
}
