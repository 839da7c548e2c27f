// A history as bars: each attempt of an action, and each wait between them. Pure.
import { inside } from './json.js';
import type { HistoryEvent } from './model.js';

export type Outcome = 'running' | 'completed' | 'failed' | 'timed_out' | 'unknown' | 'interrupted' | 'deferred' | 'cancelled';
export interface Attempt {
  attempt: number; from: number; to: number | null; outcome: Outcome; opened_at?: number;
  error_class?: string; message?: string; seq: number;
}
export interface Wait {
  kind: string; from: number; to: number | null; until?: number;
  least?: number; most?: number;  ///< the bounds that the delay was drawn from, as times
}
export interface Track {
  key: string; attempts: Attempt[]; waits: Wait[];
  late: { at: number; attempt: number; outcome: string; seq: number }[];
  first: number;
}

type Data = { [key: string]: unknown };
const number = (x: unknown): number | undefined => (typeof x === 'number' ? x : undefined);
const text = (x: unknown): string | undefined => (typeof x === 'string' ? x : undefined);
const time = (x: unknown): number | undefined => {
  const t = typeof x === 'string' ? Date.parse(x) : NaN;
  return Number.isFinite(t) ? t : undefined;
};

const ends: { [kind: string]: Outcome } = {
  attempt_failed: 'failed', attempt_timed_out: 'timed_out', attempt_interrupted: 'interrupted',
  outcome_unknown: 'unknown', attempt_deferred: 'deferred', action_completed: 'completed', action_failed: 'failed',
};

/** Takes a history in pieces, in its order. */
export class Tracks {
  readonly all = new Map<string, Track>();
  last = 0;

  add(e: HistoryEvent): void {
    this.last = e.seq;
    const at = Date.parse(e.at);
    if (!e.action) {
      if (e.kind === 'workflow_failed' || e.kind === 'workflow_cancelled') {
        for (const t of this.all.values()) {
          this.end(t, at, 'cancelled', {});
          this.end_wait(t, at);
        }
      }
      return;
    }
    let t = this.all.get(e.action);
    if (!t) {
      t = { key: e.action, attempts: [], waits: [], late: [], first: at };
      this.all.set(e.action, t);
    }
    const inner = inside(e.data);
    const data: Data = inner !== null && typeof inner === 'object' && !Array.isArray(inner) ? inner as Data : {};
    const wait = (kind: string, more: Partial<Wait> = {}) => {
      this.end_wait(t, at);
      t.waits.push({ kind, from: at, to: null, ...more });
    };
    const outcome = ends[e.kind];
    if (outcome) this.end(t, at, outcome, data);
    switch (e.kind) {
      case 'action_scheduled': return wait('schedule', opt({ until: time(data.scheduled_at) }));
      case 'action_due': return wait('ready');
      case 'attempt_started':
        this.end_wait(t, at);
        this.end(t, at, 'unknown', {});
        t.attempts.push({ attempt: number(data.attempt) ?? 0, from: at, to: null, outcome: 'running', seq: e.seq });
        return;
      case 'attempt_opened': {
        const a = t.attempts[t.attempts.length - 1];
        if (a) a.opened_at = at;
        return;
      }
      case 'attempt_deferred': return wait('timer', opt({ until: time(data.until) }));
      case 'attempt_interrupted': return wait('ready');
      case 'outcome_unknown': case 'action_paused': return wait('decision');
      case 'retry_scheduled': {
        const least = number(data.wait_least_ms);
        const most = number(data.wait_most_ms);
        return wait('retry', opt({ until: time(data.next_retry_at), least: least === undefined ? undefined : at + least,
          most: most === undefined ? undefined : at + most }));
      }
      case 'retry_requested': case 'action_resolved': case 'action_completed': case 'action_failed': case 'action_skipped':
        return this.end_wait(t, at);
      case 'late_result':
        t.late.push({ at, attempt: number(data.attempt) ?? 0, outcome: text(data.outcome) ?? '', seq: e.seq });
        return;
      default:  // one that this page does not know changes no bar
    }
  }

  /** What is still going on, closed or not, as spans; `now` ends what runs. */
  busy(now: number): { from: number; to: number }[] {
    const out: { from: number; to: number }[] = [];
    for (const t of this.all.values()) {
      for (const a of t.attempts) {
        // Of an open attempt, what somebody else takes is no work of ours.
        out.push({ from: a.from, to: a.opened_at ?? a.to ?? now });
        if (a.to !== null) out.push({ from: a.to, to: a.to });
      }
      for (const w of t.waits) out.push({ from: w.from, to: w.from });
      for (const l of t.late) out.push({ from: l.at, to: l.at });
    }
    return out;
  }

  private end(t: Track, at: number, outcome: Outcome, data: Data): void {
    const a = t.attempts[t.attempts.length - 1];
    if (!a || a.to !== null) return;
    a.to = at;
    a.outcome = outcome;
    const error_class = text(data.error_class);
    const message = text(data.message);
    if (error_class !== undefined) a.error_class = error_class;
    if (message !== undefined) a.message = message;
  }
  private end_wait(t: Track, at: number): void {
    const w = t.waits[t.waits.length - 1];
    if (w && w.to === null) w.to = at;
  }
}

function opt(o: { [key: string]: number | undefined }): Partial<Wait> {
  return Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined)) as Partial<Wait>;
}
