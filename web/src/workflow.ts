// One workflow: why it does not run, what happens next, and all that can be known about it.
import { get, Problem, workflow_path } from './api.js';
import { announce, h, set, type Child } from './dom.js';
import { detail_view, event_view } from './detail.js';
import { graph_view, type Graph } from './graph.js';
import { follow_workflow, type Feed } from './live.js';
import type { ActionView, Explanation, HistoryEvent, Reason, TypeStats, WorkflowView } from './model.js';
import { look, order, sign, state_of, state_of_workflow } from './status.js';
import { duration, parse_time } from './time.js';
import { timeline_view, type Timeline } from './timeline.js';
import { Tracks } from './tracks.js';
import { copy, is_phone, keep_focus, link, payload, Rows, sentence, since, until, url, when } from './ui.js';
import * as verbs from './verbs.js';

const tab_names = ['graph', 'timeline', 'actions', 'history', 'data'] as const;
type Tab = (typeof tab_names)[number];
const history_page = 1_000;

export interface Shown {
  view: WorkflowView;
  explained: Explanation | null;
  by_key: Map<string, ActionView>;
  reasons: Map<string, Reason[]>;
  states: Map<string, string>;
  holds: Map<string, number>;
  children: Map<string, string[]>;
}
/** An action and what it is doing, for lists. */
interface Line { action: ActionView; state: string; reasons: Reason[] }

function prepare(view: WorkflowView, explained: Explanation | null): Shown {
  const reasons = new Map((explained?.actions ?? []).map((a) => [a.key, a.reasons] as const));
  const running = new Set((explained?.actions ?? []).filter((a) => a.running).map((a) => a.key));
  const children = new Map<string, string[]>();
  const states = new Map<string, string>();
  for (const a of view.actions) {
    states.set(a.key, running.has(a.key) ? 'running' : state_of(a, reasons.get(a.key)));
    for (const d of a.depends_on) {
      const list = children.get(d);
      if (list) list.push(a.key);
      else children.set(d, [a.key]);
    }
  }
  return { view, explained, reasons, states, children, by_key: new Map(view.actions.map((a) => [a.key, a])),
    holds: new Map((explained?.roots ?? []).map((r) => [r.key, r.holds])) };
}

export function workflow_view(root: HTMLElement, id: string, tell: (f: Feed | null) => void): () => void {
  const abort = new AbortController();
  let shown: Shown | null = null;
  let types: TypeStats[] = [];
  let fault: unknown = null;
  let gone = false;
  let feed: Feed | null = null;
  let history: HistoryEvent[] = [];
  let history_state: 'none' | 'loading' | 'all' = 'none';
  const tracks = new Tracks();
  let graph: Graph | null = null;
  let timeline: Timeline | null = null;
  let rows: Rows<Line> | null = null;
  let events: Rows<HistoryEvent> | null = null;
  let drawn_tab: Tab | null = null;
  let needle = '';
  let all_steps = false;

  const head = h('header.wf-head');
  const top = h('section.wf-top');
  const tabs = h('nav.tabs.sub', { role: 'tablist', 'aria-label': 'Views' });
  const body = h('div.tab-body');
  const aside = h('aside.detail', { 'aria-label': 'Details' });
  const split = h('div.split', h('div.split-main', tabs, body), aside);
  set(root, h('div.wf', head, top, split));

  const tab_now = (): Tab => (tab_names.find((t) => t === url.query().get('tab')) ?? 'graph');
  const chosen = (): string | null => url.query().get('action');
  const choose = (key: string | null) => url.go(url.with({ action: key ?? '', event: '' }), true);
  const context = (): verbs.Context => ({ view: shown!.view, explained: shown!.explained,
    changed: () => { void refresh().then(() => { if (feed?.state === 'over') begin_feed(); }); },
    removed: () => { gone = true; url.go('/'); } });

  // --- data ---
  let cost = 0;
  async function refresh(): Promise<void> {
    const begun = performance.now();
    try {
      const [view, explained] = await Promise.all([
        get<WorkflowView>(workflow_path(id), abort.signal),
        get<Explanation>(workflow_path(id, 'explain'), abort.signal).catch((e) => { if (e instanceof Problem) return null; throw e; })]);
      const before = shown;
      shown = prepare(view, explained);
      fault = null;
      draw();
      if (before && before.explained?.headline.split(':')[0] !== explained?.headline.split(':')[0]) announce(explained?.headline ?? '');
      if (history_state !== 'none') void load_history();
    } catch (e) {
      if (abort.signal.aborted) return;
      fault = e;
      if (!shown) draw();
      if (e instanceof Problem && e.doc.code === 'not_found' && shown) { gone = true; draw_gone(); }
    }
    cost = performance.now() - begun;
  }
  let due = false;
  let last_refresh = 0;
  function news(): void {
    if (due || gone) return;
    due = true;
    // What is costly is not asked for all the time: a tenth of the time at most.
    setTimeout(() => {
      due = false;
      if (abort.signal.aborted) return;
      last_refresh = Date.now();
      void refresh();
    }, Math.max(80, Math.min(10_000, 10 * cost) - (Date.now() - last_refresh)));
  }
  let loading: Promise<void> | null = null;
  function load_history(): Promise<void> {
    loading ??= (async () => {
      history_state = history_state === 'all' ? 'all' : 'loading';
      try {
        for (;;) {
          const after = tracks.last;
          const page = await get<{ events: HistoryEvent[]; next_after: number | null }>(`${workflow_path(id, 'history')}?after=${after}&limit=${history_page}`, abort.signal);
          for (const e of page.events) tracks.add(e);
          history = history.concat(page.events);
          if (page.next_after === null || page.events.length === 0) break;
          draw_history();
          await new Promise((r) => setTimeout(r));
        }
        history_state = 'all';
        draw_history();
      } catch { /* asked for again with the next news */ } finally { loading = null; }
    })();
    return loading;
  }
  function begin_feed(): void {
    feed?.close();
    feed = follow_workflow(id, () => shown?.view.workflow.events ?? 0, () => news(), tell);
    tell(feed);
  }

  // --- the head ---
  function draw_gone(): void {
    set(root, h('div.empty.big', h('strong', `${id} is not here.`),
      h('p', fault instanceof Problem ? fault.doc.detail : 'It may have been removed.'), link('/', 'All workflows')));
  }
  function draw_head(s: Shown): void {
    const w = s.view.workflow;
    const state = state_of_workflow(w);
    const over = !['pending', 'in_progress'].includes(w.status);
    const n = w.actions;
    const done = n.completed + n.skipped;
    const can_retry = w.status === 'failed' || s.view.actions.some((a) => a.waiting === 'retry' || a.waiting === 'timer');
    const button = (text: string, on: () => void, key: string, cls = '') => h('button', { type: 'button', class: cls || null, onclick: on, 'data-k': `verb-${key}` }, text);
    const ended = parse_time(w.closed_at);
    keep_focus(head, () => set(head,
      h('div.wf-title', h('h1', w.id), h('span.dim', w.name, w.reference ? ` · ${w.reference}` : ''), h('span.space'),
        h('div.verbs',
          can_retry ? button(w.status === 'failed' ? 'Go on' : 'Retry now', () => verbs.retry(context()), 'retry') : null,
          !over ? button('Signal', () => verbs.signal(context()), 'signal') : null,
          !over ? button('Cancel', () => verbs.cancel(context()), 'cancel') : null,
          over ? button('Remove', () => verbs.remove(context()), 'remove') : null,
          copy_menu(w.id))),
      h('div.wf-meta', h(`span.state.tone-${look(state).tone}`, sign(state), h('span', look(state).word)),
        meter(n.total, [['good', done], ['bad', n.failed], ['off', n.cancelled], ['need', n.in_doubt], ['retry', n.backing_off], ['run', n.running], ['wait', n.outside + n.timer + n.ready]]),
        h('span', `${done} of ${n.total} done`),
        h('span.dim', 'submitted ', when(w.submitted_at)),
        over && Number.isFinite(ended) ? h('span.dim', `${w.status} `, when(w.closed_at), ` after ${duration(ended - parse_time(w.submitted_at))}`) : null,
        !over && w.deadline_at ? h('span.dim', 'deadline ', until(parse_time(w.deadline_at))) : null),
      w.description ? h('p.description', w.description) : null));
  }
  function copy_menu(wid: string): HTMLElement {
    const item = (text: string, value: string) => h('button', { type: 'button', role: 'menuitem', onclick: () => void copy(value, text.toLowerCase()) }, text);
    return h('details.menu', h('summary', { 'data-k': 'copy-menu' }, 'Copy'), h('div', { role: 'menu' },
      item('Link', location.href), item('Id', wid), item('curl: why', verbs.curl_get(workflow_path(wid, 'explain'))), item('curl: all of it', verbs.curl_get(workflow_path(wid))),
      item('Command: tenax explain', `tenax explain ${wid}`), shown?.explained ? item('The sentence', shown.explained.headline) : null));
  }
  function meter(total: number, parts: [string, number][]): HTMLElement {
    const bar = h('span.bar.wide', { role: 'img', 'aria-label': parts.filter(([, n]) => n).map(([t, n]) => `${n} ${t}`).join(', ') });
    for (const [tone, n] of parts) {
      if (!n || !total) continue;
      const i = h('i', { class: `fill tone-${tone}` });
      i.style.width = `${Math.max(1.5, (n / total) * 100)}%`;
      bar.append(i);
    }
    return bar;
  }

  // --- why, and what next ---
  function draw_top(s: Shown): void {
    const e = s.explained;
    const state = state_of_workflow(s.view.workflow);
    if (!e) return set(top, h('div.headline', h('p', 'The server does not explain this workflow now.')));
    const plain = e.headline.startsWith(`${e.workflow} (`) ? e.headline.replace(/^\S+ \([a-z_]+\): /, '') : e.headline;
    const text = plain;
    const over = !['pending', 'in_progress'].includes(e.status);
    const stuck = e.nothing_by_itself && !over;
    keep_focus(top, () => set(top,
      h(`div.headline.tone-${stuck && look(state).tone !== 'bad' ? 'need' : look(state).tone}`, sign(stuck && look(state).tone === 'run' ? 'decision' : state),
        h('div', h('p', { id: 'headline' }, sentence(text)),
          stuck && !/nothing will happen by itself/i.test(text) ? h('p.stuck', 'Nothing will happen by itself.') : null)),
      h('div.why-next', over ? (s.view.workflow.failed_action ? [why_it_failed(s), go_on()] : null) : [why(s, e), next(s, e)])));
  }
  function why_it_failed(s: Shown): HTMLElement {
    const key = s.view.workflow.failed_action!;
    const a = s.by_key.get(key);
    return h('section', h('h2', 'Why it failed'), h('ul.reasons', h('li', h('button.reason', { type: 'button', onclick: () => choose(key), 'data-k': `why-${key}` },
      sign('failed', 'Failed'), h('span', h('strong', key), a ? h('span.dim', ` ${a.type}, ${a.attempts} attempt${a.attempts === 1 ? '' : 's'}`) : null,
        a?.last_error ? h('span.error-line', `${a.last_error.class}: ${a.last_error.message}`) : null)))));
  }
  function go_on(): HTMLElement {
    return h('section', h('h2', 'What happens next'), h('p', 'Nothing will happen by itself.', h('span.dim', ' What is done stays done; it goes on from there when somebody says so:')),
      h('div.acts', h('button', { type: 'button', 'data-k': 'do-go-on', onclick: () => verbs.retry(context()) }, 'Go on …')));
  }
  function why(s: Shown, e: Explanation): HTMLElement {
    const most = 5;
    const own = e.actions.filter((a) => a.running || a.reasons.some((r) => r.kind !== 'dependencies'))
      .sort((a, b) => rank(s, a.key) - rank(s, b.key) || (s.holds.get(b.key) ?? 0) - (s.holds.get(a.key) ?? 0));
    const blocked = e.actions.filter((a) => !a.running && a.reasons.length > 0 && a.reasons.every((r) => r.kind === 'dependencies'));
    const one = (a: (typeof own)[number]) => h('li', h('button.reason', { type: 'button', onclick: () => choose(a.key), 'data-k': `why-${a.key}` },
      sign(s.states.get(a.key) ?? 'unknown', look(s.states.get(a.key) ?? 'unknown').word),
      h('span', h('strong', a.key), ' ',
        a.running ? ['runs: attempt ', a.running.attempt, ', for ', since(parse_time(a.running.since), 'for')]
          : a.reasons.map((r, i) => [i ? h('br') : null, sentence(r.text), r.note ? h('span.then', r.note) : null]),
        a.last_error && !a.running ? h('span.error-line', `${a.last_error.class}: ${a.last_error.message}`) : null),
      s.holds.get(a.key) ? h('span.holds', `holds ${s.holds.get(a.key)}`) : null));
    return h('section', h('h2', 'Why it does not run'), h('ul.reasons', own.slice(0, most).map(one),
      own.length > most ? h('li.dim', link(url.with({ tab: 'actions' }), `${own.length - most} others`)) : null),
      blocked.length ? h('details', { 'data-k': 'blocked' }, h('summary', sign('dependencies'), ` ${blocked.length} wait${blocked.length === 1 ? 's' : ''} for others`),
        h('ul.reasons', blocked.slice(0, 30).map(one), blocked.length > 30 ? h('li.dim', `and ${blocked.length - 30} others`) : null)) : null);
  }
  const rank = (s: Shown, key: string) => order.indexOf(look(s.states.get(key) ?? '').tone);
  function next(s: Shown, e: Explanation): HTMLElement {
    const most = all_steps ? Infinity : 4;
    const steps = e.forecast.filter((f) => f.events.length > 0 || !/^nothing will happen by itself/.test(f.text));
    return h('section', h('h2', 'What happens next'), e.nothing_by_itself ? what_you_can_do(s, e) : steps.length === 0 ? h('p.dim', 'Nothing that is known.') : null,
      steps.length === 0 ? null : h('ol.next', steps.slice(0, most).map((f) => h('li', h('span.at', f.at ? until(parse_time(f.at)) : 'any moment'),
        h('span', f.action ? action_words(f.text, f.action) : sentence(f.text), 
          f.at ? h('span.dim', ', ', when(f.at, false)) : null, f.then ? h('span.then', sentence(f.then)) : null))),
        steps.length > 4 ? h('li.dim', h('button.quiet', { type: 'button', 'data-k': 'steps', onclick: () => { all_steps = !all_steps; draw_top(s); } }, all_steps ? 'Fewer' : `${steps.length - most} more steps`)) : null));
  }
  function what_you_can_do(s: Shown, e: Explanation): Child {
    const acts = e.actions.flatMap((a) => a.reasons.map((r) => ({ a: s.by_key.get(a.key), r }))).flatMap(({ a, r }) => {
      if (!a) return [];
      const button = (text: string, on: () => void) => h('button', { type: 'button', onclick: on, 'data-k': `do-${a.key}` }, text);
      if (r.kind === 'in_doubt' || r.kind === 'exhausted') return [button(`Decide for ${a.key} …`, () => verbs.resolve(context(), a))];
      if (r.kind === 'signal') return [button(`Send ${a.signal ?? 'the signal'} …`, () => verbs.signal(context(), a.signal))];
      if (r.kind === 'outside') return [button(`End the attempt of ${a.key} …`, () => verbs.end_attempt(context(), a))];
      return [];
    });
    const waits_for_worker = e.actions.some((a) => a.reasons.some((r) => r.kind === 'no_worker'));
    return [h('p', 'Nothing will happen by itself.', acts.length ? h('span.dim', ' It goes on when somebody acts:') : h('span.dim', waits_for_worker ? ' It goes on when a worker asks for it.' : ' It goes on when the engine is opened again with what it lacks.')), e.forecast[0]?.then ? h('p.dim', e.forecast[0].then) : null, acts.length ? h('div.acts', acts.slice(0, 4)) : null];
  }
  function action_words(text: string, key: string): Child[] {
    if (!text.startsWith(`${key} `)) return sentence(text);
    return [h('button.link', { type: 'button', onclick: () => choose(key), 'data-k': `next-${key}` }, key), ...sentence(text.slice(key.length))];
  }

  // --- tabs ---
  function draw_tabs(s: Shown): void {
    const here = tab_now();
    const words: { [t in Tab]: [string, number | null] } = { graph: ['Graph', null], timeline: ['Timeline', null], actions: ['Actions', s.view.actions.length],
      history: ['History', s.view.workflow.events], data: ['Input', null] };
    keep_focus(tabs, () => set(tabs, tab_names.map((t) => link(url.with({ tab: t === 'graph' ? '' : t }),
      { class: t === here ? 'tab here' : 'tab', role: 'tab', 'aria-selected': String(t === here), 'data-k': `tab-${t}` }, words[t][0],
      words[t][1] !== null ? h('span.count', words[t][1]!.toLocaleString('en-US')) : null))));
  }
  function draw_body(s: Shown): void {
    const tab = tab_now();
    if (tab !== drawn_tab) {
      drawn_tab = tab;
      needle = '';
      graph?.close();
      graph = null; timeline = null; rows = null; events = null;
      if (tab === 'graph') set(body, (graph = graph_view(choose)).root);
      else if (tab === 'timeline') set(body, (timeline = timeline_view(choose)).root);
      else if (tab === 'actions') make_actions();
      else if (tab === 'history') make_history();
      else set(body, h('div.fields'));
    }
    graph?.update(s.view.actions.map((a) => ({ key: a.key, type: a.type, state: s.states.get(a.key)!, parents: a.depends_on })), chosen());
    if (timeline) timeline.selected = chosen();
    if (tab === 'timeline' || tab === 'history' || chosen()) {
      if (history_state === 'none') void load_history();
      draw_history();
    }
    if (tab === 'actions') draw_actions(s);
    if (tab === 'data') keep_focus(body, () => set(body.firstElementChild!, payload('input', s.view), payload('terms', s.view) ?? h('p.dim', 'No terms were recorded.'), s.view.actions.length ? h('p.dim', 'Inputs and results of an action are shown with it.') : null));
  }
  function draw_history(): void {
    if (!shown) return;
    timeline?.update(tracks, shown.states, shown.view.actions.length, !['pending', 'in_progress'].includes(shown.view.workflow.status));
    if (events) {
      const word = needle.toLowerCase();
      events.set([...history].reverse().filter((e) => !word || `${e.kind} ${e.action ?? ''} ${e.data?.text ?? ''}`.toLowerCase().includes(word)));
    }
    draw_aside();
  }
  function filter_box(label: string, draw_it: () => void): HTMLElement {
    return h('input.filter', { type: 'search', placeholder: label, 'aria-label': label, value: needle, 'data-k': 'filter', spellcheck: 'false',
      oninput: (e: Event) => { needle = (e.target as HTMLInputElement).value; draw_it(); } });
  }
  function make_actions(): void {
    rows = new Rows<Line>({ label: 'Actions', height: () => (is_phone() ? 64 : 40), open: (l) => choose(l.action.key), render: (l) => {
      const a = l.action;
      const text: Child = l.reasons.length ? sentence(l.reasons.map((r) => r.text).join('; ')) : a.last_error ? `${a.last_error.class}: ${a.last_error.message}` : a.result ? h('code', a.result.text.slice(0, 120)) : null;
      const e = h('button.action', { type: 'button', onclick: () => choose(a.key), 'data-k': `a-${a.key}` },
        h(`span.state.tone-${look(l.state).tone}`, sign(l.state), h('span', look(l.state).word)), h('strong', a.key), h('span.dim.type', a.type),
        h('span.text', text), h('span.dim', a.attempts > 1 ? `${a.attempts} attempts` : ''), h('span.dim', when(a.closed_at ?? a.started_at, false)));
      e.classList.toggle('here', chosen() === a.key);
      return e;
    } });
    set(body, h('div.table-bar', filter_box('Filter by key, type, state, error', () => shown && draw_actions(shown))), rows.root);
  }
  function draw_actions(s: Shown): void {
    const word = needle.toLowerCase();
    const lines = s.view.actions.map((action): Line => ({ action, state: s.states.get(action.key)!, reasons: s.reasons.get(action.key) ?? [] }))
      .filter((l) => !word || `${l.action.key} ${l.action.type} ${look(l.state).word} ${l.action.last_error?.class ?? ''}`.toLowerCase().includes(word));
    const ranks = new Map(lines.map((l) => [l, order.indexOf(look(l.state).tone)]));
    lines.sort((a, b) => ranks.get(a)! - ranks.get(b)!);
    rows!.set(lines);
    rows!.refresh();
  }
  function make_history(): void {
    events = new Rows<HistoryEvent>({ label: 'History, latest first', height: () => (is_phone() ? 52 : 32), open: (e) => url.go(url.with({ event: String(e.seq), action: '' }), true), render: (e) => {
      const row = h('button.event', { type: 'button', onclick: () => url.go(url.with({ event: String(e.seq), action: '' }), true), 'data-k': `e-${e.seq}` },
        h('span.dim.seq', `#${e.seq}`), h('span.dim', when(e.at)), h('strong', e.kind.replace(/_/g, ' ')), h('span.key', e.action ?? ''), h('span.text.dim', e.data?.text === '{}' ? '' : e.data?.text.slice(0, 160) ?? ''), h('span.dim', e.actor));
      row.classList.toggle('here', url.query().get('event') === String(e.seq));
      return row;
    } });
    set(body, h('div.table-bar', filter_box('Filter by kind, action, words', draw_history)), events.root);
  }

  // --- the details ---
  function draw_aside(): void {
    if (!shown) return;
    const key = chosen();
    const seq = url.query().get('event');
    const action = key ? shown.by_key.get(key) : undefined;
    const event = seq ? history.find((e) => String(e.seq) === seq) : undefined;
    split.classList.toggle('has-detail', Boolean(action || event));
    const close = () => { choose(null); };
    keep_focus(aside, () => {
      if (action) set(aside, detail_view({ shown: shown!, action, track: tracks.all.get(action.key), history_state, type: types.find((t) => t.type === action.type), context: context(), choose, close }));
      else if (event) set(aside, event_view(event, choose, close));
      else set(aside);
    });
  }

  function draw(): void {
    if (abort.signal.aborted) return;
    if (fault && !shown) {
      return set(root, h('div.empty.big', h('strong', fault instanceof Problem ? (fault.doc.code === 'not_found' ? `${id} is not here.` : fault.doc.detail) : 'The server cannot be reached.'),
        fault instanceof Problem && fault.doc.advice ? h('p', fault.doc.advice) : null, link('/', 'All workflows'), ' ', h('button', { onclick: () => location.reload() }, 'Try again')));
    }
    if (!shown) return set(top, h('div.skeleton', [0, 1, 2].map(() => h('div'))));
    draw_head(shown);
    draw_top(shown);
    draw_tabs(shown);
    draw_body(shown);
    draw_aside();
  }
  draw();
  void refresh().then(() => { if (!abort.signal.aborted && !gone && shown) begin_feed(); else if (!abort.signal.aborted) { tell(null); } });
  get<{ types: TypeStats[] }>('/v1/types', abort.signal).then((t) => { types = t.types; draw_aside(); }).catch(() => {});

  const moved = () => { if (shown && location.pathname.startsWith('/w/')) { draw_tabs(shown); draw_body(shown); draw_aside(); rows?.refresh(); events?.refresh(); } };
  addEventListener('tenax:url', moved);
  addEventListener('popstate', moved);
  const keys = (e: KeyboardEvent) => {
    if (e.defaultPrevented || e.metaKey || e.ctrlKey || e.altKey) return;
    const target = e.target as HTMLElement;
    if (document.querySelector('dialog[open]')) return;
    if (target.matches('input,textarea,select')) {
      if (e.key === 'Escape') target.blur();
      return;
    }
    const list = rows ?? events;
    if (e.key === 'Escape') {
      if (chosen() || url.query().get('event')) choose(null);
      else url.go('/');
    } else if (/^[1-5]$/.test(e.key)) url.go(url.with({ tab: e.key === '1' ? '' : tab_names[Number(e.key) - 1]! }));
    else if (e.key === '/') { const f = root.querySelector<HTMLElement>('.filter'); if (f) { f.focus(); e.preventDefault(); } else url.go(url.with({ tab: 'actions' })); }
    else if (list && (e.key === 'j' || e.key === 'ArrowDown')) { list.move(1); e.preventDefault(); }
    else if (list && (e.key === 'k' || e.key === 'ArrowUp')) { list.move(-1); e.preventDefault(); }
    else if (e.key === 'c') void copy(location.href, 'the link');
    else if (e.key === 'r' && shown) root.querySelector<HTMLElement>('[data-k="verb-retry"]')?.click();
    else if (e.key === 'x' && shown) root.querySelector<HTMLElement>('[data-k="verb-cancel"]')?.click();
  };
  addEventListener('keydown', keys);
  const resized = () => { if (timeline) draw_history(); };
  addEventListener('resize', resized);
  return () => {
    abort.abort();
    feed?.close();
    graph?.close();
    removeEventListener('tenax:url', moved);
    removeEventListener('popstate', moved);
    removeEventListener('keydown', keys);
    removeEventListener('resize', resized);
  };
}
