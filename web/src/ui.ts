// What all views share: where they are (the URL), how times are shown, count-downs, long lists.
import { server_clock } from './api.js';
import { announce, h, type Child } from './dom.js';
import { pretty } from './json.js';
import { age, clock, countdown, duration, moments, parse_time, stamp } from './time.js';

// --- preferences ---
export const prefs = {
  utc: localStorage.getItem('tenax-utc') === '1',
  theme: localStorage.getItem('tenax-theme') ?? '',
};
export function apply_theme(): void {
  if (prefs.theme) document.documentElement.dataset.theme = prefs.theme;
  else delete document.documentElement.dataset.theme;
}

// --- the URL is the query ---
export const url = {
  query: (): URLSearchParams => new URLSearchParams(location.search),
  go(to: string, replace = false): void {
    if (to === location.pathname + location.search) return;
    replace ? history.replaceState(null, '', to) : history.pushState(null, '', to);
    dispatchEvent(new Event('tenax:url'));
  },
  /** The same place with other parameters; '' takes one away. */
  with(changes: { [name: string]: string }): string {
    const q = url.query();
    for (const [name, value] of Object.entries(changes)) value ? q.set(name, value) : q.delete(name);
    const text = q.toString();
    return location.pathname + (text ? `?${text}` : '');
  },
};
export const workflow_url = (id: string, query = ''): string => `/w/${encodeURIComponent(id)}${query}`;

/** A link that stays in the page. */
export function link(to: string, ...rest: unknown[]): HTMLAnchorElement {
  return h('a', { href: to, onclick: (e: MouseEvent) => {
    if (e.metaKey || e.ctrlKey || e.shiftKey || e.button !== 0) return;
    e.preventDefault();
    url.go(to);
  } }, ...(rest as Child[]));
}

// --- times ---
export function when(text: string | number | undefined, exact = true): HTMLElement | null {
  const at = typeof text === 'number' ? text : parse_time(text);
  if (!Number.isFinite(at)) return null;
  return h('time', { datetime: new Date(at).toISOString(), title: `${stamp(at, false)} local\n${stamp(at, true)}` },
    clock(at, prefs.utc, server_clock.now(), exact));
}
export function until(at: number): HTMLElement {
  const e = h('time.tick', { 'data-until': at, datetime: new Date(at).toISOString(),
    title: `${stamp(at, false)} local\n${stamp(at, true)}` });
  tick_one(e);
  return e;
}
/** `how`: "age" for lists, "for" for something that goes on. */
export function since(at: number, how: 'age' | 'for'): HTMLElement {
  const e = h('time.tick', { [`data-${how}`]: at, datetime: new Date(at).toISOString(),
    title: `${stamp(at, false)} local\n${stamp(at, true)}` });
  tick_one(e);
  return e;
}
function tick_one(e: HTMLElement): void {
  const now = server_clock.now();
  const { until: u, age: a, for: f } = e.dataset;
  const text = u !== undefined ? countdown(Number(u) - now) : a !== undefined ? age(now - Number(a)) : duration(Math.max(0, now - Number(f)));
  if (e.textContent !== text) e.textContent = text;
}
setInterval(() => {
  if (!document.hidden) document.querySelectorAll<HTMLElement>('.tick').forEach(tick_one);
}, 200);

/** A sentence of the server's, its moments counting down by the server's clock. */
export function sentence(text: string): Child[] {
  return moments(text, server_clock.now()).map((part) =>
    typeof part === 'string' ? part : h('span.moment', part.how === 'in' ? until(part.at) : part.how === 'for' ? ['for ', since(part.at, 'for')] : [since(part.at, 'for'), ' ago'],
      h('span.dim', part.how === 'for' ? ', since ' : ', ', when(part.at, false))));
}

// --- payloads: text nodes only ---
const shown_max = 64 * 1024;
export function payload(name: string, o: object): HTMLElement | null {
  const of = o as { [key: string]: unknown };
  const raw = of[name] as { text: string } | undefined;
  const text = (of[`${name}_text`] ?? of[`${name}_base64`]) as string | undefined;
  if (!raw && text === undefined) return null;
  const box = h('pre.payload', { tabindex: 0, 'data-k': `pre-${name}` });
  const all = raw ? raw.text : text!;
  const show = (most: number) => {
    box.replaceChildren();
    const part = all.length > most ? all.slice(0, most) : all;
    if (raw && all.length <= 1024 * 1024) for (const t of pretty(part)) box.append(t.kind === 'mark' ? t.text : h(`span.json-${t.kind}`, t.text));
    else box.append(part);
    if (all.length > most) box.append(h('button.more', { onclick: () => show(Infinity) }, `… ${all.length - most} more characters`));
  };
  show(shown_max);
  const note = of[`${name}_base64`] !== undefined ? 'base64: it is not UTF-8' : raw ? null : 'it is no JSON';
  return h('div.field', h('div.label', name, note && h('span.dim', ` ${note}`), copy_button('Copy', all)), box);
}

export async function copy(text: string, what = text): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(`Copied ${what}`);
  } catch {
    toast(text, 'Select and copy:');
  }
}
export function copy_button(label: string, text: string, what = 'it'): HTMLElement {
  return h('button.quiet', { type: 'button', onclick: () => void copy(text, what) }, label);
}

// --- what happened ---
export function toast(text: string, title = '', tone = ''): void {
  let box = document.querySelector('.toasts');
  if (!box) document.body.append((box = h('div.toasts')));
  const t = h('div.toast', title && h('strong', title), h('div', text));
  if (tone) t.classList.add(tone);
  box.append(t);
  announce(`${title} ${text}`);
  setTimeout(() => t.remove(), 4_000);
}

// --- long lists ---
/** Rows of one height, of which only those in sight are there. */
export class Rows<T> {
  readonly root: HTMLElement;
  private items: T[] = [];
  private there = new Map<number, HTMLElement>();
  private version = new Map<number, T>();
  selected = -1;
  private waiting = false;
  constructor(private readonly options: {
    label: string;
    height(): number;
    render(item: T, index: number): HTMLElement;
    open?(item: T): void;
    near_end?(): void;
    scroller?: HTMLElement;
  }) {
    this.root = h('div.rows', { role: 'list', 'aria-label': options.label });
    const on = () => this.soon();
    (options.scroller ?? window).addEventListener('scroll', on, { passive: true });
    addEventListener('resize', on);
    this.root.addEventListener('tenax:gone', () => {
      (options.scroller ?? window).removeEventListener('scroll', on);
      removeEventListener('resize', on);
    });
  }
  set(items: T[]): void {
    this.items = items;
    if (this.selected >= items.length) this.selected = items.length - 1;
    this.root.style.height = `${items.length * this.options.height()}px`;
    this.draw();
  }
  height(): number { return this.options.height(); }
  is_in_sight(index: number): boolean { return this.there.has(index); }
  refresh(): void {
    this.version.clear();
    this.set(this.items);
  }
  soon(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.draw(); });
  }
  draw(): void {
    if (!this.root.isConnected) return;
    const height = this.options.height();
    const top = this.root.getBoundingClientRect().top;
    const frame = this.options.scroller?.getBoundingClientRect() ?? { top: 0, bottom: innerHeight };
    const first = Math.max(0, Math.floor((frame.top - top) / height) - 8);
    const last = Math.min(this.items.length, Math.ceil((frame.bottom - top) / height) + 8);
    for (const [i, e] of this.there) if (i < first || i >= last) { e.remove(); this.there.delete(i); this.version.delete(i); }
    for (let i = first; i < last; ++i) {
      const item = this.items[i]!;
      const old = this.there.get(i);
      if (old && this.version.get(i) === item) { this.mark(old, i); continue; }
      const e = this.options.render(item, i);
      e.classList.add('row');
      e.setAttribute('role', 'listitem');
      e.setAttribute('aria-setsize', String(this.items.length));
      e.setAttribute('aria-posinset', String(i + 1));
      e.style.top = `${i * height}px`;
      e.style.height = `${height}px`;
      this.mark(e, i);
      if (old) {
        const had_focus = old.contains(document.activeElement);
        old.replaceWith(e);
        if (had_focus) (e.matches('a,button') ? e : e.querySelector<HTMLElement>('a,button'))?.focus();
      } else this.root.append(e);
      this.there.set(i, e);
      this.version.set(i, item);
    }
    if (last >= this.items.length - 20) this.options.near_end?.();
  }
  private mark(e: HTMLElement, i: number): void { e.classList.toggle('selected', i === this.selected); }
  move(by: number): void {
    if (this.items.length === 0) return;
    this.selected = Math.max(0, Math.min(this.items.length - 1, this.selected + by));
    const height = this.options.height();
    const top = this.root.getBoundingClientRect().top + this.selected * height;
    const frame = this.options.scroller?.getBoundingClientRect() ?? { top: 64, bottom: innerHeight };
    const off = top < frame.top + 8 ? top - frame.top - 60 : top + height > frame.bottom - 8 ? top + height - frame.bottom + 60 : 0;
    if (off) (this.options.scroller ?? window).scrollBy(0, off);
    this.draw();
    this.there.get(this.selected)?.focus({ preventScroll: true });
  }
  open(): boolean {
    const item = this.items[this.selected];
    if (item === undefined || !this.options.open) return false;
    this.options.open(item);
    return true;
  }
}

/** Draws anew and gives the focus back to what has the same data-k. */
export function keep_focus(root: Element, draw: () => void): void {
  const active = document.activeElement as HTMLElement | null;
  const key = active && root.contains(active) ? active.dataset.k : undefined;
  const scrolls = [...root.querySelectorAll<HTMLElement>('[data-k]')].filter((e) => e.scrollTop > 0).map((e) => [e.dataset.k, e.scrollTop] as const);
  draw();
  if (key) root.querySelector<HTMLElement>(`[data-k="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
  for (const [k, top] of scrolls) {
    const e = root.querySelector<HTMLElement>(`[data-k="${CSS.escape(k!)}"]`);
    if (e) e.scrollTop = top;
  }
}
export const is_phone = (): boolean => matchMedia('(max-width: 720px)').matches;
