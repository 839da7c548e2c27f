// Each attempt a bar, each wait between them drawn with the bounds it was drawn from; idle gaps of
// all are folded.
import { server_clock } from './api.js';
import { h, set } from './dom.js';
import { scale_of, type Scale } from './fold.js';
import { sign } from './status.js';
import { duration, stamp } from './time.js';
import type { Attempt, Track, Tracks, Wait } from './tracks.js';
import { is_phone, prefs, Rows } from './ui.js';

const tone_of: { [outcome: string]: string } = { running: 'run', completed: 'good', failed: 'bad', timed_out: 'bad', unknown: 'need',
  interrupted: 'retry', deferred: 'wait', cancelled: 'off' };
export const outcome_word: { [outcome: string]: string } = { running: 'runs', completed: 'completed', failed: 'failed', timed_out: 'timed out',
  unknown: 'nobody knows how it ended', interrupted: 'was interrupted', deferred: 'said: not now', cancelled: 'was cancelled' };
const wait_word: { [kind: string]: string } = { retry: 'waits for its retry', schedule: 'is scheduled', timer: 'sleeps', ready: 'waits for its turn', decision: 'waits for a decision' };

export function describe_attempt(a: Attempt, now: number): string {
  const end = a.to ?? now;
  return `attempt ${a.attempt} ${a.opened_at !== undefined && a.to === null ? 'is open' : outcome_word[a.outcome]}: ${stamp(a.from, prefs.utc)}${a.to === null ? '' : ` to ${stamp(a.to, prefs.utc)}`}, ${duration(end - a.from)}`
    + (a.error_class || a.message ? `\n${a.error_class ?? ''}: ${a.message ?? ''}` : '');
}
export function describe_wait(w: Wait, now: number): string {
  const end = w.to ?? w.until ?? now;
  const bounds = w.least !== undefined && w.most !== undefined ? `, drawn from ${duration(w.least - w.from)} to ${duration(w.most - w.from)}` : '';
  return `${wait_word[w.kind] ?? w.kind}: ${duration(end - w.from)}${bounds}${w.to === null && w.until ? `, until ${stamp(w.until, prefs.utc)}` : ''}`;
}

export interface Timeline { root: HTMLElement; update(tracks: Tracks, states: Map<string, string>, total: number, is_over: boolean): void; selected: string | null }

export function timeline_view(choose: (key: string) => void): Timeline {
  let scale: Scale = scale_of([], 1);
  let now = 0;
  let width = 0;
  let states = new Map<string, string>();
  const head = h('div.time-head');
  const foot = h('div.dim.time-foot');
  const rows = new Rows<Track>({ label: 'Timeline', height: () => 30, render: row, open: (t) => choose(t.key) });
  const root = h('div.timeline', head, rows.root, foot);
  const view: Timeline = { root, selected: null, update };

  function bar(cls: string, from: number, to: number, title: string, least_px = 2): HTMLElement {
    const x = scale.x(from);
    const e = h(`i.${cls}`, { title });
    e.style.left = `${x}px`;
    e.style.width = `${Math.max(least_px, scale.x(to) - x)}px`;
    return e;
  }
  function row(t: Track): HTMLElement {
    const lane = h('span.lane');
    lane.style.width = `${width}px`;
    for (const g of scale.gaps) {
      const e = h('i.gap');
      e.style.left = `${g.x}px`;
      e.style.width = `${g.width}px`;
      lane.append(e);
    }
    for (const w of t.waits) {
      const is_open = w.to === null;
      const end = w.to ?? Math.max(now, Math.min(w.until ?? now, scale.to));
      lane.append(bar(`wait.wait-${w.kind}${is_open ? '.open' : ''}`, w.from, end, describe_wait(w, now)));
      if (w.least !== undefined && w.most !== undefined && w.most > w.least) {
        const e = bar('bounds', Math.min(w.least, scale.to), Math.min(w.most, scale.to), describe_wait(w, now), 1);
        lane.append(e);
      }
    }
    for (const a of t.attempts) {
      const to = a.to ?? now;
      lane.append(bar(`attempt.tone-${tone_of[a.outcome]}${a.opened_at !== undefined ? '.outside' : ''}${a.to === null ? '.running' : ''}`, a.from, to, describe_attempt(a, now), 4));
    }
    for (const l of t.late) {
      const e = bar('late', l.at, l.at, `late result of attempt ${l.attempt}: ${l.outcome}; it changed nothing`, 7);
      lane.append(e);
    }
    const e = h('button.track', { type: 'button', onclick: () => choose(t.key), 'data-k': `track-${t.key}` },
      h('span.track-name', sign(states.get(t.key) ?? 'unknown'), h('span', t.key)), lane);
    e.classList.toggle('here', view.selected === t.key);
    return e;
  }

  function update(tracks: Tracks, next: Map<string, string>, total: number, is_over: boolean): void {
    states = next;
    now = server_clock.now();
    const phone = is_phone();
    width = Math.max(160, (root.clientWidth || 800) - (phone ? 120 : 220) - 24);
    const list = [...tracks.all.values()].sort((a, b) => a.first - b.first);
    const spans = tracks.busy(now);
    if (!is_over) spans.push({ from: now, to: now });
    // What is planned within a reasonable time is in sight, too.
    for (const t of list) for (const w of t.waits) if (w.to === null && w.until) spans.push({ from: w.until, to: w.until });
    scale = scale_of(spans, width, 52);
    const marks = h('div.axis');
    marks.style.width = `${width}px`;
    const mark = (x: number, text: string, cls: string, title = '') => {
      const e = h(`span.${cls}`, { title }, text);
      e.style.left = `${x}px`;
      marks.append(e);
    };
    if (list.length) {
      mark(0, stamp(scale.from, prefs.utc).slice(phone ? 11 : 0, phone ? 19 : 23), 'from');
      const room = scale.gaps.filter((g, i) => i === 0 || g.x - scale.gaps[i - 1]!.x >= 52);
      for (const g of room) mark(g.x + g.width / 2, duration(g.to - g.from), 'gap-text', `${stamp(g.from, prefs.utc)} to ${stamp(g.to, prefs.utc)}: nothing happened`);
      if (!is_over) mark(scale.x(now), 'now', 'now');
      else if (scale.x(scale.to) > 340) mark(width, `+ ${duration(scale.to - scale.from)}`, 'to');
    }
    set(head, h('span.track-name', ''), marks);
    rows.set(list);
    rows.refresh();
    set(foot, list.length === 0 ? 'Nothing has started yet.' : list.length < total ? `${(total - list.length).toLocaleString('en-US')} have not started.` : null);
  }
  return view;
}
