// Times and durations for people. Pure, but for the clock that is handed in.

/** "350 ms", "9.4 s", "2m 10s", "4h 05m", "3d 4h". */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return '?';
  if (ms < 0) return `-${duration(-ms)}`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const two = (n: number) => String(n).padStart(2, '0');
  const s = Math.round(ms / 1000);
  if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
  const m = Math.floor(s / 60);
  if (m < 48 * 60) return `${Math.floor(m / 60)}h ${two(m % 60)}m`;
  const h = Math.floor(m / 60);
  return h < 24 * 365 ? `${Math.floor(h / 24)}d ${h % 24}h` : `${(h / 24 / 365).toFixed(1)} years`;
}

/** How long ago, for a list: one unit. */
export function age(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)}h`;
  return `${Math.floor(s / 86400)}d`;
}

/** Until a time: "in 21 s", "due now". Whole seconds from 10 s on, so that it is quiet. */
export function countdown(ms: number): string {
  if (ms <= 0) return 'due now';
  if (ms < 10_000) return `in ${(Math.ceil(ms / 100) / 10).toFixed(1)} s`;
  if (ms < 60_000) return `in ${Math.ceil(ms / 1000)} s`;
  return `in ${duration(Math.ceil(ms / 1000) * 1000)}`;
}

export const parse_time = (text: unknown): number => (typeof text === 'string' ? Date.parse(text) : NaN);

const pad = (n: number, digits = 2) => String(n).padStart(digits, '0');
function fields(ms: number, utc: boolean) {
  const d = new Date(utc ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000);
  return {
    day: `${d.getUTCFullYear()}-${pad(d.getUTCMonth() + 1)}-${pad(d.getUTCDate())}`,
    time: `${pad(d.getUTCHours())}:${pad(d.getUTCMinutes())}:${pad(d.getUTCSeconds())}`,
    ms: pad(d.getUTCMilliseconds(), 3),
  };
}
/** "17:49:49.740"; with its day unless that is `now`'s. */
export function clock(ms: number, utc: boolean, now: number, exact = true): string {
  if (!Number.isFinite(ms)) return '?';
  const f = fields(ms, utc);
  const text = `${f.time}${exact ? `.${f.ms}` : ''}${utc ? 'Z' : ''}`;
  return f.day === fields(now, utc).day ? text : `${f.day} ${text}`;
}
/** All of it, to the millisecond. */
export function stamp(ms: number, utc: boolean): string {
  if (!Number.isFinite(ms)) return '?';
  const f = fields(ms, utc);
  return `${f.day} ${f.time}.${f.ms}${utc ? 'Z' : ''}`;
}

/** The server's clock, as far as its answers tell: the offset of the quickest answer. */
export class ServerClock {
  private offset = 0;
  private best = Infinity;
  constructor(private readonly local: () => number = Date.now) {}
  /** An answer that says `server` was asked for at `sent` and is here at `received` (local). */
  heard(server: number, sent: number, received: number): void {
    const trip = received - sent;
    if (!Number.isFinite(server) || trip < 0) return;
    const offset = server - (sent + received) / 2;
    // A clock that was set is believed, not averaged.
    if (trip > this.best && Math.abs(offset - this.offset) < trip + this.best + 50) return;
    this.offset = offset;
    this.best = trip;
  }
  now(): number { return this.local() + this.offset; }
}

const day_ms = 86_400_000;
export interface Moment { at: number; text: string; how: 'in' | 'for' | 'ago' }
/** The parts of a sentence in which "in 21.8 s, 17:49:49.740Z", "for 5.2 s, since ..." and "5.2 s
 *  ago, ..." are moments, whose durations go on. A time of day is the one nearest to `now`. */
export function moments(text: string, now: number): (string | Moment)[] {
  const out: (string | Moment)[] = [];
  const scan = /\b(in |for )?(?:\d[\d.]*\s?(?:ms|s|m|h|d)\b\s?)+( ?ago)?, (since )?((?:\d{4}-\d{2}-\d{2}[T ])?\d{2}:\d{2}:\d{2}(?:\.\d+)?)Z/g;
  let last = 0;
  for (const m of text.matchAll(scan)) {
    const how = m[2] ? 'ago' : m[1] === 'in ' ? 'in' : m[1] === 'for ' && m[3] ? 'for' : null;
    if (!how) continue;
    const written = m[4]!;
    let at: number;
    if (written.length > 15) at = Date.parse(`${written.replace(' ', 'T')}Z`);
    else {
      at = Date.parse(`${new Date(now).toISOString().slice(0, 10)}T${written}Z`);
      if (at < now - day_ms / 2) at += day_ms;
      else if (at > now + day_ms / 2) at -= day_ms;
    }
    out.push(text.slice(last, m.index), { at, text: m[0], how });
    last = m.index! + m[0].length;
  }
  out.push(text.slice(last));
  return out.filter((part) => part !== '');
}
