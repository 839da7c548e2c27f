// All workflows: how many are how, why the open ones wait, and the list itself.
import { get, Problem, server_clock, workflow_path } from './api.js';
import { h, set } from './dom.js';
import { parse } from './json.js';
import { follow_list, type Feed } from './live.js';
import type { Explanation, Reasons, Stats, Summary } from './model.js';
import { group_text, print_search, read_search } from './search.js';
import { look, sign, state_of_workflow } from './status.js';
import { duration, parse_time } from './time.js';
import { is_phone, keep_focus, link, Rows, sentence, since, until, url, workflow_url } from './ui.js';

const page_size = 60;
const filters = ['status', 'open', 'waiting', 'name', 'reference', 'error_class', 'reason', 'action_type', 'from', 'until'];

const tabs: { label: string; query: { [name: string]: string }; count?: (s: Stats) => number; state?: string }[] = [
  { label: 'All', query: {}, count: (s) => s.submitted - s.removed },
  { label: 'Open', query: { open: 'true' }, count: (s) => s.open },
  { label: 'Needs a decision', query: { waiting: 'decision' }, state: 'decision' },
  { label: 'Retrying', query: { waiting: 'retry' }, state: 'retry' },
  { label: 'Failed', query: { status: 'failed' }, count: (s) => s.failed, state: 'failed' },
  { label: 'Completed', query: { status: 'completed' }, count: (s) => s.completed, state: 'completed' },
  { label: 'Cancelled', query: { status: 'cancelled' }, count: (s) => s.cancelled, state: 'cancelled' },
];

const number = (n: number): string => n.toLocaleString('en-US');

export function list_view(root: HTMLElement, tell: (f: Feed | null) => void): () => void {
  const abort = new AbortController();
  let items: Summary[] = [];
  let cursor: string | null = '';
  let loading = false;
  let stats: Stats | null = null;
  let counts: { [query: string]: number } = {};
  let reasons: Reasons | null = null;
  let fault: unknown = null;
  let all_groups = false;
  let turn = 0;

  const q = url.query();
  const search = h('input.search', { type: 'search', placeholder: 'Search: id, name or reference, name:…  ref:…  error:…  since:2h',
    'aria-label': 'Search workflows', value: print_search(q), spellcheck: 'false', autocomplete: 'off', 'data-k': 'search' });
  const note = h('div.search-note', { role: 'status' });
  const tab_row = h('nav.tabs', { 'aria-label': 'Status' });
  const why = h('section.groups');
  const head = h('div.list-head', h('span', 'Status'), h('span', 'Workflow'), h('span', 'Why, and what next'), h('span', 'Actions'), h('span', 'Age'));
  const end = h('div.list-end');
  const rows = new Rows<Summary>({
    label: 'Workflows', height: () => (is_phone() ? 76 : 48),
    render: (w) => row(w), open: (w) => url.go(workflow_url(w.id)),
    near_end: () => { if (cursor) void more(); },
  });
  set(root, h('div.list', h('div.list-bar', h('form', { onsubmit: (e: Event) => { e.preventDefault(); submit_search(); } }, search), note),
    tab_row, why, head, rows.root, end));

  function submit_search(): void {
    const read = read_search(search.value, server_clock.now());
    set(note, read.fault);
    if (read.fault) return;
    const keep = new URLSearchParams();
    for (const name of ['status', 'open', 'waiting', 'reason', 'action_type']) if (url.query().get(name)) keep.set(name, url.query().get(name)!);
    for (const [name, value] of Object.entries(read.filters)) keep.set(name, value);
    if (read.word) keep.set('q', read.word);
    url.go(`/${keep.toString() ? `?${keep}` : ''}`);
  }

  function api_query(more: { [name: string]: string } = {}): URLSearchParams {
    const p = new URLSearchParams();
    for (const name of filters) if (url.query().get(name)) p.set(name, url.query().get(name)!);
    if (url.query().get('oldest_first') !== 'true') p.set('newest_first', 'true');
    for (const [name, value] of Object.entries(more)) p.set(name, value);
    return p;
  }
  const is_filtered = () => filters.some((f) => url.query().get(f)) || url.query().get('q');

  async function load_page(from: string): Promise<{ workflows: Summary[]; next_cursor: string | null }> {
    const word = url.query().get('q');
    const list = (extra: { [name: string]: string }) =>
      get<{ workflows: Summary[]; next_cursor: string | null }>(`/v1/workflows?${api_query({ limit: String(page_size), explain: 'true', ...extra, ...(from ? { cursor: from } : {}) })}`, abort.signal);
    if (!word) return list({});
    const found: Summary[] = [];
    if (!from) {
      const one = /^[A-Za-z0-9._:-]{1,128}$/.test(word)
        ? await get<{ workflow: Summary }>(`${workflow_path(word)}?summary`, abort.signal).catch((e) => { if (e instanceof Problem) return null; throw e; }) : null;
      if (one) found.push(one.workflow);
      const by_reference = await list({ reference: word });
      found.push(...by_reference.workflows);
    }
    const by_name = await list({ name: word });
    const ids = new Set(found.map((w) => w.id));
    return { workflows: [...found, ...by_name.workflows.filter((w) => !ids.has(w.id))], next_cursor: by_name.next_cursor };
  }

  async function more(): Promise<void> {
    if (loading || cursor === null) return;
    loading = true;
    const mine = turn;
    draw_end();
    try {
      const page = await load_page(cursor);
      if (mine !== turn) return;
      const there = new Set(items.map((w) => w.id));
      items = [...items, ...page.workflows.filter((w) => !there.has(w.id))];
      cursor = page.next_cursor;
      fault = null;
    } catch (e) {
      if (mine !== turn || abort.signal.aborted) return;
      fault = e;
    } finally {
      if (mine === turn) {
        loading = false;
        rows.set(items);
        draw_end();
        // A page may be short, even empty, before the last one.
        if (!fault && cursor && items.length < page_size) void more();
      }
    }
  }

  /** The first page again: what is new goes to the top, what has changed is changed. */
  async function again(): Promise<void> {
    if (loading) return;
    const mine = turn;
    try {
      const page = await load_page('');
      if (mine !== turn) return;
      const fresh = new Map(page.workflows.map((w) => [w.id, w]));
      const old_ids = new Set(items.map((w) => w.id));
      const first_old = page.workflows.findIndex((w) => old_ids.has(w.id));
      const selected = items[rows.selected]?.id;
      const length = items.length;
      if (items.length <= page_size || first_old < 0) {
        items = page.workflows;
        cursor = page.next_cursor;
      } else {
        items = [...page.workflows, ...items.filter((w) => !fresh.has(w.id))];
      }
      if (selected) rows.selected = items.findIndex((w) => w.id === selected);
      const added = items.length - length;
      rows.set(items);
      // Who reads further down keeps the place.
      if (added > 0 && rows.root.getBoundingClientRect().top < 0) scrollBy(0, added * rows.height());
      draw_end();
    } catch { /* the live sign says it */ }
  }

  async function load_counts(): Promise<void> {
    try {
      stats = await get<Stats>('/v1/stats', abort.signal);
      draw_tabs();
      reasons = await get<Reasons>('/v1/reasons', abort.signal);
      draw_groups();
      for (const t of tabs) {
        if (t.count) continue;
        const key = new URLSearchParams(t.query).toString();
        counts[key] = (await get<{ count: number }>(`/v1/workflows:count?${key}`, abort.signal)).count;
        draw_tabs();
      }
    } catch { /* the list says it */ }
  }

  function draw_tabs(): void {
    const now = url.query();
    keep_focus(tab_row, () => set(tab_row, tabs.map((t) => {
      const key = new URLSearchParams(t.query).toString();
      const count = stats && t.count ? t.count(stats) : counts[key];
      const is_here = ['status', 'open', 'waiting'].every((n) => (now.get(n) ?? '') === (t.query[n] ?? '')) && !now.get('reason');
      const to = new URLSearchParams(now);
      for (const n of ['status', 'open', 'waiting', 'reason', 'action_type']) to.delete(n);
      for (const [n, v] of Object.entries(t.query)) to.set(n, v);
      return link(`/${to.toString() ? `?${to}` : ''}`, { class: is_here ? 'tab here' : 'tab', 'aria-current': is_here ? 'page' : null, 'data-k': `tab-${t.label}` },
        t.state ? sign(t.state) : null, t.label, count !== undefined ? h('span.count', number(count)) : null);
    })));
  }

  function draw_groups(): void {
    const groups = reasons?.groups ?? [];
    const chosen = url.query();
    const shown = all_groups ? groups : groups.slice(0, 5);
    keep_focus(why, () => set(why, groups.length === 0 ? null : [
      h('h2', 'Why they wait', reasons!.next_cursor ? h('span.dim', ` of the newest ${number(reasons!.examined)} open ones`) : null),
      h('ul', shown.map((g, i) => {
        const query = { reason: g.kind, ...(g.type ? { action_type: g.type } : {}), ...(g.error_class ? { error_class: g.error_class } : {}) };
        const is_here = chosen.get('reason') === g.kind && (chosen.get('action_type') ?? '') === g.type && (!chosen.get('error_class') || chosen.get('error_class') === (g.error_class ?? ''));
        const to = is_here ? '/' : `/?${new URLSearchParams(query)}`;
        return h('li', link(to, { class: is_here ? 'group here' : 'group', 'data-k': `group-${i}`, 'aria-pressed': String(is_here) },
          sign(g.kind), h('span.text', h('strong', number(g.workflows)), ' ', group_text(g)),
          g.next_at ? h('span.dim', 'next ', until(parse_time(g.next_at))) : g.oldest_at ? h('span.dim', 'oldest ', since(parse_time(g.oldest_at), 'age')) : null,
          is_here ? h('span.off', '×') : null));
      })),
      groups.length > 5 ? h('button.quiet', { 'data-k': 'all-groups', onclick: () => { all_groups = !all_groups; draw_groups(); } },
        all_groups ? 'Fewer' : `All ${groups.length} reasons`) : null,
    ]));
  }

  function draw_end(): void {
    if (fault) {
      set(end, h('div.empty', h('strong', fault instanceof Problem ? fault.doc.detail : 'The server cannot be reached.'),
        fault instanceof Problem && fault.doc.advice ? h('p', fault.doc.advice) : null,
        h('button', { onclick: () => { fault = null; void more(); } }, 'Try again')));
    } else if (loading && items.length === 0) set(end, h('div.skeleton', { 'aria-label': 'loading' }, [0, 1, 2, 3, 4, 5].map(() => h('div'))));
    else if (loading) set(end, h('div.list-foot', 'Loading …'));
    else if (items.length === 0 && is_filtered()) {
      set(end, h('div.empty', h('strong', 'No workflow is like that.'), h('p', 'Search finds whole ids, names and references. ', link('/', 'Show all'))));
    } else if (items.length === 0) {
      set(end, h('div.empty', h('strong', 'No workflows yet.'), h('p', 'Submit one, and it is here at once:'),
        h('pre', `curl ${location.origin}/v1/workflows -d '{"name":"hello","actions":[\n  {"key":"rest","type":"wait","input":{"seconds":10}},\n  {"key":"say","type":"noop","depends_on":["rest"]}]}'`)));
    } else if (cursor === null && items.length > 12) set(end, h('div.list-foot', `${number(items.length)} shown: these are all`));
    else set(end);
  }

  function row(w: Summary): HTMLElement {
    const state = state_of_workflow(w);
    const l = look(state);
    const over = parse_time(w.closed_at);
    const begun = parse_time(w.submitted_at);
    const n = w.actions;
    const done = n.completed + n.skipped;
    const bar = h('span.bar', { 'aria-hidden': 'true' });
    for (const [tone, part] of [['good', done], ['bad', n.failed], ['off', n.cancelled], ['need', n.in_doubt], ['retry', n.backing_off], ['run', n.running]] as const) {
      if (part === 0 || n.total === 0) continue;
      const piece = h('i', { class: `fill tone-${tone}` });
      piece.style.width = `${Math.max(3, (part / n.total) * 100)}%`;
      bar.append(piece);
    }
    const text = w.why ? [w.why.nothing_by_itself && !w.why.headline.includes('nothing will happen') ? h('strong', 'Nothing will happen by itself. ') : null, sentence(w.why.headline.startsWith(`${w.id} (`) ? w.why.headline.replace(/^\S+ \([a-z_]+\): /, '') : w.why.headline)]
      : w.status === 'failed' ? [w.failed_action ? h('strong', `${w.failed_action} `) : null, w.reason ?? '']
      : w.status === 'completed' ? ['took ', duration(over - begun)] : [w.reason ?? ''];
    return link(workflow_url(w.id), { class: 'workflow', 'data-k': `w-${w.id}` },
      h(`span.state.tone-${l.tone}`, sign(state), h('span', l.word)),
      h('span.name', h('strong', w.id), h('span.dim', w.name, w.reference ? ` · ${w.reference}` : '')),
      h('span.text', { title: w.why?.headline ?? w.reason ?? '' }, text),
      h('span.progress', bar, h('span.dim', `${number(done)}/${number(n.total)}`)),
      h('span.dim.age', since(begun, 'age')));
  }

  /** One further down than the first page, which is read again. */
  function patch(kind: string, data: string): void {
    try {
      const w = parse(data) as unknown as Summary;
      const at = items.findIndex((x) => x.id === w.id);
      if (at < (kind === 'removed' ? 0 : page_size)) return;
      items = [...items];
      // Why it waited may not be why it waits.
      if (kind === 'removed') items.splice(at, 1);
      else items[at] = w;
      rows.set(items);
      if (kind === 'workflow' && !['completed', 'failed', 'cancelled'].includes(w.status) && rows.is_in_sight(at)) void explain(w);
    } catch { /* of a server that says more than this page knows */ }
  }
  async function explain(w: Summary): Promise<void> {
    try {
      const e = await get<Explanation>(workflow_path(w.id, 'explain'), abort.signal);
      const at = items.indexOf(w);
      if (at < 0) return;
      items = [...items];
      items[at] = { ...w, why: { headline: e.headline, nothing_by_itself: e.nothing_by_itself } };
      rows.set(items);
    } catch { /* it stays without */ }
  }

  let due = false;
  let last_again = 0;
  function news(kind: string, e?: { data: string }): void {
    if (kind === 'totals' && e && stats) {
      try { stats = { ...stats, ...(parse(e.data) as unknown as Stats) }; draw_tabs(); } catch { /* the next one */ }
      return;
    }
    if (e && (kind === 'workflow' || kind === 'removed')) patch(kind, e.data);
    if (due) return;
    due = true;
    // At most each second; less often while somebody reads further down, or all changes all the time.
    const wait = Math.max(100, last_again + (scrollY > 400 ? 3_000 : 1_000) - Date.now());
    setTimeout(() => {
      due = false;
      last_again = Date.now();
      if (abort.signal.aborted) return;
      void again();
      if (Date.now() - last_counts > 3_000) { last_counts = Date.now(); void load_counts(); }
    }, wait);
  }
  let last_counts = Date.now();

  const feed = follow_list(news, tell);
  tell(feed);
  function restart(): void {
    ++turn;
    items = [];
    cursor = '';
    loading = false;
    fault = null;
    rows.selected = -1;
    search.value = print_search(url.query());
    rows.set([]);
    draw_tabs();
    draw_groups();
    void more();
  }
  restart();
  void load_counts();

  const keys = (e: KeyboardEvent) => {
    if (e.defaultPrevented || e.metaKey || e.ctrlKey || e.altKey) return;
    const typing = (e.target as HTMLElement).matches('input,textarea,select,dialog *');
    if (typing) {
      if (e.key === 'Escape' && e.target === search) search.blur();
      if (e.key === 'ArrowDown' && e.target === search) { search.blur(); rows.move(1); e.preventDefault(); }
      return;
    }
    if (e.key === '/') { search.focus(); search.select(); e.preventDefault(); }
    else if (e.key === 'j' || e.key === 'ArrowDown') { rows.move(1); e.preventDefault(); }
    else if (e.key === 'k' || e.key === 'ArrowUp') { rows.move(-1); e.preventDefault(); }
    else if (e.key === 'Enter' && !(e.target as HTMLElement).matches('a,button')) rows.open();
    else if (/^[1-7]$/.test(e.key)) root.querySelectorAll<HTMLElement>('.tabs .tab')[Number(e.key) - 1]?.click();
  };
  addEventListener('keydown', keys);
  const moved = () => { if (location.pathname === '/') restart(); };
  addEventListener('tenax:url', moved);
  addEventListener('popstate', moved);
  return () => {
    abort.abort();
    feed.close();
    removeEventListener('keydown', keys);
    removeEventListener('tenax:url', moved);
    removeEventListener('popstate', moved);
  };
}
