// Queues and workers: what waits for what, since when, and who does the work.
import { get, Problem, server_clock } from './api.js';
import { h, set, type Child } from './dom.js';
import { follow_list, type Feed } from './live.js';
import { quantile, type Queue, type TypeStats, type Worker } from './model.js';
import { look, order, sign } from './status.js';
import { duration, parse_time } from './time.js';
import { keep_focus, link, since } from './ui.js';

const rate_of = (r: unknown): number | null => (r === null || r === undefined ? null : Number(String(r)));
/** One type: of handlers in the server, or for workers. */
export interface Line {
  type: string; state: string; words: Child; waiting: number; more: boolean; oldest: number;
  usual: { least: number; most: number } | null; late: { least: number; most: number } | null; rate: number | null; given: number;
}
/** Nobody has asked for so long: no worker is there (as model/explain.cpp has it). */
const away_ms = 90_000;

export function line_of_workers(q: Queue, now: number): Line {
  const asked = parse_time(q.asked_at ?? undefined);
  const is_away = !Number.isFinite(asked) || now - asked > away_ms;
  const has_work = q.workflows_in_row > 0 || q.more_on_disk;
  const state = q.polls_waiting > 0 ? 'free' : !has_work ? 'quiet' : is_away ? 'no_worker' : 'workers_full';
  const words = q.polls_waiting > 0 ? q.polls_waiting === 1 ? '1 poll waits' : `${q.polls_waiting} polls wait`
    : Number.isFinite(asked) ? ['asked ', since(asked, 'age'), ' ago'] : 'none has asked yet';
  return { type: q.type, state, words, waiting: q.workflows_in_row, more: q.more_on_disk, oldest: parse_time(q.oldest_ready_at ?? undefined),
    usual: quantile(q.to_start, 0.5), late: quantile(q.to_start, 0.9), rate: rate_of(q.given_per_s), given: q.delivered };
}
/** Null: it runs in place, and has no line. */
export function line_of_handlers(t: TypeStats): Line | null {
  if (t.running_max === 0) return null;
  const state = t.running >= t.running_max ? 'lane_full' : t.running > 0 ? 'running' : 'quiet';
  return { type: t.type, state, words: `${t.running} of ${t.running_max} run`, waiting: Math.max(0, t.let_in - t.running) + t.in_row, more: false,
    oldest: parse_time(t.oldest_ready_at ?? undefined), usual: quantile(t.to_start, 0.5), late: quantile(t.to_start, 0.9), rate: rate_of(t.ended_per_s), given: t.started };
}
const rank = (l: Line): number => (l.state === 'quiet' ? 99 : order.indexOf(look(l.state).tone));
export function in_order(lines: Line[]): Line[] {
  return [...lines].sort((a, b) => rank(a) - rank(b) || b.waiting - a.waiting || (a.type < b.type ? -1 : 1));
}

const number = (n: number): string => n.toLocaleString('en-US');
const rate_text = (r: number | null): string => (r === null ? '–' : r === 0 ? '0' : r < 10 ? r.toFixed(1) : number(Math.round(r)));

export function queues_view(root: HTMLElement, tell: (f: Feed | null) => void): () => void {
  const abort = new AbortController();
  const lines_box = h('section.lines');
  const workers_box = h('section.workers');
  set(root, h('div.queues', lines_box, workers_box));
  let all_workers = false;
  let workers: Worker[] = [];

  async function read(): Promise<void> {
    try {
      const [q, t, w] = await Promise.all([get<{ queues: Queue[] }>('/v1/queues', abort.signal), get<{ types: TypeStats[] }>('/v1/types', abort.signal),
        get<{ workers: Worker[] }>('/v1/workers', abort.signal)]);
      const now = server_clock.now();
      const of_workers = new Set(q.queues.map((one) => one.type));
      const lines = [...q.queues.map((one) => line_of_workers(one, now)),
        ...t.types.filter((one) => !of_workers.has(one.type)).map(line_of_handlers).filter((one): one is Line => one !== null)];
      workers = w.workers;
      draw_lines(in_order(lines));
      draw_workers();
    } catch (e) {
      if (abort.signal.aborted) return;
      if (e instanceof Problem) set(lines_box, h('div.empty', h('strong', e.doc.detail), e.doc.advice ? h('p', e.doc.advice) : null));
      // That the server is away, the sign above says; what was shown stays.
    }
  }

  const wait_text = (l: Line): Child => {
    if (!l.usual || !l.late) return h('span.dim', '–');
    const most = (q: { most: number }) => (q.most <= 1 ? 'under 1 ms' : `under ${duration(q.most)}`);
    return h('span', { title: `half of them ${most(l.usual)}, nine in ten ${most(l.late)}` }, most(l.late));
  };
  /** A wait that is longer than nine in ten were. */
  const is_slow = (l: Line): boolean => Number.isFinite(l.oldest) && l.late !== null && server_clock.now() - l.oldest > l.late.most && l.waiting > 0;

  function draw_lines(lines: Line[]): void {
    const one = (l: Line) => h('li', { class: `line${l.state === 'quiet' ? ' quiet-line' : ''}` },
      h(`span.state.tone-${l.state === 'free' ? 'good' : l.state === 'quiet' ? 'idle' : look(l.state).tone}`, sign(l.state === 'free' ? 'completed' : l.state === 'quiet' ? 'pending' : l.state),
        l.state === 'free' ? 'Workers free' : l.state === 'quiet' ? 'Quiet' : look(l.state).word),
      link(`/?${new URLSearchParams({ open: 'true', action_type: l.type })}`, { class: 'type', title: 'Open workflows with an action of this type', 'data-k': `q-${l.type}` }, h('strong', l.type)),
      h('span.words.dim', l.words),
      h('span.num', l.waiting === 0 && !l.more ? h('span.dim', '0') : h('strong', number(l.waiting)), l.more ? h('span.dim', { title: 'More may wait on disk' }, ' +') : null),
      h('span.num', { class: is_slow(l) ? 'slow' : null, title: is_slow(l) ? 'Longer than nine in ten have waited' : null }, Number.isFinite(l.oldest) ? since(l.oldest, 'for') : h('span.dim', '–')),
      h('span.num.usual', wait_text(l)),
      h('span.num', rate_text(l.rate)),
      h('span.num.dim', number(l.given)));
    keep_focus(lines_box, () => set(lines_box, h('h1', 'Queues'), lines.length === 0
      ? h('div.empty', h('strong', 'No action type has a queue yet.'), h('p', 'Types of handlers are here once the server has them, types for workers when one is asked for, or waits.'))
      : [h('div.line-head', { 'aria-hidden': 'true' }, [['State'], ['Type'], [''],
        ['In line', 'Workflows that wait in memory for a worker; calls and workflows that wait for a handler'], ['Oldest', 'For how long what waits longest could have run'],
        ['Nine in ten wait', 'For less than this'], ['A second', 'Tasks given, attempts ended: of the last ten seconds to a minute'], ['Begun', 'Since the server was started']].map(([t, title]) => h('span', { title }, t))), h('ul', { 'aria-label': 'Queues' }, lines.map(one))]));
  }

  function draw_workers(): void {
    const most = 50;
    const now = server_clock.now();
    const seen = (w: Worker) => parse_time(w.seen_at);
    const sorted = [...workers].sort((a, b) => b.running - a.running || seen(b) - seen(a) || (a.worker < b.worker ? -1 : 1));
    const state = (w: Worker) => (w.running > 0 ? 'running' : w.polls_waiting > 0 ? 'free' : now - seen(w) > away_ms ? 'away' : 'between');
    const words: { [s: string]: [string, string, string] } = { running: ['Working', 'run', 'running'], free: ['Waits for work', 'good', 'completed'], between: ['Was just here', 'wait', 'starting'], away: ['Away', 'idle', 'pending'] };
    const one = (w: Worker) => {
      const [word, tone, shape] = words[state(w)]!;
      return h('li.worker', h(`span.state.tone-${tone}`, sign(shape), word), h('strong.type', w.worker),
        h('span.dim.words', { title: w.types.join(', ') }, w.types.join(', ')),
        h('span.num', number(w.running), h('span.dim', ` / ${number(w.max)}`)), h('span.num', Number.isFinite(seen(w)) ? since(seen(w), 'age') : '–'), h('span.num.dim', number(w.given)));
    };
    keep_focus(workers_box, () => set(workers_box, h('h1', 'Workers', h('span.dim.small', ' seen within the last hour')), sorted.length === 0
      ? h('div.empty', h('strong', 'No worker has asked for work.'), h('p', 'One asks like this, in any language:'),
        h('pre', `curl ${location.origin}/v1/workers/poll -d '{"worker":"w1","types":["render"],"wait_ms":30000}'`))
      : [h('div.worker-head', { 'aria-hidden': 'true' }, ['State', 'Worker', 'Asks for', 'Has / takes', 'Seen', 'Given'].map((t) => h('span', t))),
        h('ul', { 'aria-label': 'Workers' }, sorted.slice(0, all_workers ? Infinity : most).map(one)),
        sorted.length > most ? h('button.quiet', { type: 'button', 'data-k': 'all-workers', onclick: () => { all_workers = !all_workers; draw_workers(); } }, all_workers ? 'Fewer' : `All ${number(sorted.length)} workers`) : null]));
  }

  // Changes of workflows tell of most; that a worker asks or leaves, nobody does.
  let due = false;
  let last = 0;
  const soon = (): void => {
    if (due) return;
    due = true;
    setTimeout(() => {
      due = false;
      last = Date.now();
      if (!abort.signal.aborted && !document.hidden) void read();
    }, Math.max(50, last + 1_000 - Date.now()));
  };
  const feed = follow_list(soon, tell);
  tell(feed);
  const timer = setInterval(() => { if (!document.hidden && feed.state === 'live' && Date.now() - last > 2_500) soon(); }, 500);
  void read();
  return () => {
    abort.abort();
    clearInterval(timer);
    feed.close();
  };
}
