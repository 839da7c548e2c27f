// One action in full, beside the view it was chosen in: why, each attempt with its error, each wait
// with its bounds, what may be done about it.
import { h, type Child } from './dom.js';
import { quantile, type ActionView, type Changed, type HistoryEvent, type PolicyChange, type TypeStats } from './model.js';
import { look, sign } from './status.js';
import { duration, parse_time } from './time.js';
import { outcome_word } from './timeline.js';
import type { Attempt, Track, Wait } from './tracks.js';
import { payload, sentence, since, until, when } from './ui.js';
import * as verbs from './verbs.js';
import type { Shown } from './workflow.js';

export interface Detail {
  shown: Shown; action: ActionView; track: Track | undefined; history_state: string; type: TypeStats | undefined;
  context: verbs.Context; choose(key: string): void; close(): void;
}

const attempts_shown = 40;

export function detail_view(d: Detail): HTMLElement {
  const { action: a, shown } = d;
  const state = shown.states.get(a.key) ?? 'unknown';
  const reasons = shown.reasons.get(a.key) ?? [];
  const explained = shown.explained?.actions.find((x) => x.key === a.key);
  const children = shown.children.get(a.key) ?? [];
  const keys = (list: string[], most = 12): Child => [list.slice(0, most).map((k, i) => [i ? ', ' : '', h('button.link', { type: 'button', onclick: () => d.choose(k), 'data-k': `to-${k}` },
    shown.states.has(k) ? sign(shown.states.get(k)!) : null, k)]), list.length > most ? h('span.dim', ` and ${list.length - most} others`) : null];
  return h('div',
    h('div.detail-head', sign(state), h('h2', a.key), h('button.close', { type: 'button', 'aria-label': 'close', title: 'Esc', onclick: d.close, 'data-k': 'close' }, '×')),
    h('p.dim', h(`span.state.tone-${look(state).tone}`, look(state).word), ` · ${a.type}`, a.attempts ? ` · attempt ${a.attempts}` : '', a.recoveries ? ` · ${a.recoveries} recoveries` : ''),
    explained?.running ? h('p', 'Runs for ', since(parse_time(explained.running.since), 'for'), '.') : null,
    reasons.map((r) => h('p.why-line', h('strong', a.key), ' ', sentence(r.text), r.roots?.length && r.kind === 'dependencies' ? h('span.then', 'held by ', keys(r.roots)) : null, r.note ? h('span.then', r.note) : null)),
    explained?.deadline_at ? h('p.dim', 'its time is over ', until(parse_time(explained.deadline_at))) : null,
    a.progress ? h('p', `Progress: ${a.progress} `, h('span.dim', a.heard_at ? ['heard ', since(parse_time(a.heard_at), 'for'), ' ago'] : '')) : null,
    a.pending_on ? h('p', `Waits on: ${a.pending_on}`) : null,
    a.stuck_attempt !== undefined ? h('p.refused', `Attempt ${a.stuck_attempt} was given up, and its handler still runs.`) : null,
    acts(d), changed('Input', a.input_changed), changed('Retry policy', a.policy_changed, a.policy),
    a.last_error ? h('div.field', h('div.label', a.status === 'failed' ? 'Why it failed' : 'Last error'), h('div.failure', h('code', a.last_error.class), h('pre', a.last_error.message))) : null,
    attempts(d), usual(d),
    a.depends_on.length ? h('div.field', h('div.label', 'Depends on'), h('p', keys(a.depends_on))) : null,
    children.length ? h('div.field', h('div.label', 'Then', shown.holds.get(a.key) ? h('span.dim', ` holds ${shown.holds.get(a.key)} in all`) : null), h('p', keys(children))) : null,
    payload('input', a), payload('result', a));
}

function changed(what: string, c: Changed | undefined, policy?: PolicyChange): HTMLElement | null {
  if (!c) return null;
  const set = Object.entries(policy ?? {}).map(([name, value]) => `${name.replace(/_/g, ' ')} ${value}`).join(', ');
  return h('p', `${what} changed${c.who ? ` by ${c.who}` : ''}${c.reason ? `: ${c.reason}` : ''}${policy ? ` (${set || 'as registered'})` : ''} `, h('span.dim', when(parse_time(c.at))));
}

function acts(d: Detail): HTMLElement | null {
  const { action: a, context } = d;
  const kinds = (d.shown.reasons.get(a.key) ?? []).map((r) => r.kind);
  const button = (text: string, on: () => void) => h('button', { type: 'button', onclick: on, 'data-k': `act-${text}` }, text);
  const all = [
    a.waiting === 'retry' || a.waiting === 'timer' ? button(`Retry ${a.waiting === 'timer' ? 'it ' : ''}now`, () => verbs.retry(context, a)) : null,
    a.waiting === 'decision' || kinds.some((k) => k === 'in_doubt' || k === 'exhausted') ? button('Decide …', () => verbs.resolve(context, a)) : null,
    a.signal ? button(`Send ${a.signal} …`, () => verbs.signal(context, a.signal)) : null,
    a.waiting === 'outside' && !a.signal ? button('End the attempt …', () => verbs.end_attempt(context, a)) : null,
    a.status === 'validated' || a.status === 'executing' || context.view.workflow.status === 'failed' && a.status !== 'completed' && a.status !== 'skipped'
      ? button('Change …', () => verbs.change(context, a)) : null,
  ].filter(Boolean);
  return all.length ? h('div.acts', all) : null;
}

function attempts(d: Detail): Child {
  const t = d.track;
  if (!t || (t.attempts.length === 0 && t.waits.length === 0)) {
    return d.history_state === 'loading' && d.action.attempts ? h('p.dim', 'Reading its attempts …') : null;
  }
  const items: { at: number; e: HTMLElement }[] = [
    ...t.attempts.map((a) => ({ at: a.from, e: attempt_line(a) })),
    ...t.waits.filter((w) => w.to === null || w.to - w.from >= 1).map((w) => ({ at: w.from + 0.5, e: wait_line(w) })),
    ...t.late.map((l) => ({ at: l.at, e: h('li.late-line', h('strong', `late result of attempt ${l.attempt}`), `: ${l.outcome} `, h('span.dim', when(l.at)), h('div.dim', 'It came after the attempt had been given up, and changed nothing.')) })),
  ].sort((a, b) => b.at - a.at);
  return h('div.field', h('div.label', 'Attempts'), h('ol.attempts', items.slice(0, attempts_shown).map((i) => i.e),
    items.length > attempts_shown ? h('li.dim', `and ${items.length - attempts_shown} before`) : null));
}
function attempt_line(a: Attempt): HTMLElement {
  const looks: { [o: string]: string } = { completed: 'completed', failed: 'failed', timed_out: 'failed', running: 'running', unknown: 'in_doubt', cancelled: 'cancelled', deferred: 'timer', interrupted: 'retry' };
  const is_open = a.opened_at !== undefined && a.to === null;
  return h('li', sign(is_open ? 'outside' : looks[a.outcome] ?? 'unknown'), h('div', h('strong', `${a.attempt}`), ` ${is_open ? 'is open, in somebody’s hands' : outcome_word[a.outcome]} `,
    h('span.dim', when(a.from), ' · ', a.to === null ? since(a.from, 'for') : duration(a.to - a.from)),
    a.error_class || a.message ? h('div.error-line', a.error_class ? h('code', a.error_class) : null, ` ${a.message ?? ''}`) : null));
}
function wait_line(w: Wait): HTMLElement {
  const words: { [kind: string]: string } = { retry: 'wait before the retry', schedule: 'scheduled', timer: 'sleep', ready: 'wait for its turn', decision: 'wait for a decision' };
  return h('li.wait-line', h('div.dim', words[w.kind] ?? w.kind, ' ', w.to !== null ? duration(w.to - w.from) : w.until ? until(w.until) : since(w.from, 'for'),
    w.least !== undefined && w.most !== undefined ? ` · drawn from ${duration(w.least - w.from)} to ${duration(w.most - w.from)}` : null,
    w.to === null && w.until ? [' · ', when(w.until)] : null));
}

/** This type's own: what is usual. */
function usual(d: Detail): Child {
  if (!d.type) return null;
  const start = quantile(d.type.to_start, 0.5);
  const start_late = quantile(d.type.to_start, 0.95);
  const run = quantile(d.type.handling, 0.5);
  const run_late = quantile(d.type.handling, 0.95);
  const words = (q: { least: number; most: number } | null) => (q ? `under ${duration(q.most)}` : '?');
  if (!start && !run) return null;
  return h('div.field', h('div.label', `Usual for ${d.type.type}`), h('p.dim', start ? `starts ${words(start)} after it may (95 %: ${words(start_late)})` : '', start && run ? '; ' : '',
    run ? `an attempt takes ${words(run)} (95 %: ${words(run_late)})` : '', `; of ${d.type.started.toLocaleString('en-US')} attempts ${d.type.failed.toLocaleString('en-US')} failed`));
}

export function event_view(e: HistoryEvent, choose: (key: string) => void, close: () => void): HTMLElement {
  return h('div', h('div.detail-head', h('h2', e.kind.replace(/_/g, ' ')), h('button.close', { type: 'button', 'aria-label': 'close', title: 'Esc', onclick: close, 'data-k': 'close' }, '×')),
    h('p.dim', `#${e.seq} · `, when(e.at), ` · by ${e.actor}`), e.action ? h('p', 'of ', h('button.link', { onclick: () => choose(e.action!) }, e.action)) : null,
    payload('data', e));
}
