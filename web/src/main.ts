// The frame: where one is, whether what is shown is live, and which view the URL asks for.
import { get, Problem, server_clock, token, Unreachable } from './api.js';
import { h, set } from './dom.js';
import { list_view } from './list.js';
import type { Feed } from './live.js';
import { queues_view } from './queues.js';
import { clock } from './time.js';
import { apply_theme, link, prefs, url } from './ui.js';
import { text_field } from './verbs.js';
import { workflow_view } from './workflow.js';

apply_theme();
const trail = h('span.trail');
const live = h('span.live', { role: 'status' });
const zone = h('button.quiet', { type: 'button', title: 'Local time or UTC', onclick: () => {
  prefs.utc = !prefs.utc;
  localStorage.setItem('tenax-utc', prefs.utc ? '1' : '0');
  frame();
  show(true);
} });
const theme = h('button.quiet.theme', { type: 'button', 'aria-label': 'Light or dark', title: 'Light or dark', onclick: () => {
  const dark = prefs.theme ? prefs.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  prefs.theme = dark ? 'light' : 'dark';
  localStorage.setItem('tenax-theme', prefs.theme);
  apply_theme();
  dispatchEvent(new Event('resize'));
} }, '◐');
const help_button = h('button.quiet', { type: 'button', 'aria-label': 'Keys', title: 'Keys (?)', onclick: () => help() }, '?');
const main = h('main');
const app = document.getElementById('app')!;
set(app, h('header.frame', link('/', { class: 'mark', 'aria-label': 'tenax: all workflows' }, 'tenax'), trail, h('span.space'), live, link('/queues', { class: 'nav', title: 'Queues and workers (q)' }, 'Queues'), zone, theme, help_button), main);

function frame(): void { set(zone, prefs.utc ? 'UTC' : 'Local'); }

function tell(f: Feed | null): void {
  if (!f) return set(live);
  const { state } = f;
  const at = () => clock(f.heard_at, prefs.utc, server_clock.now(), false);
  const words: { [s: string]: string } = { live: 'live', connecting: 'connecting', reconnecting: `reconnecting · as of ${at()}`, hidden: `as of ${at()}`, over: 'over' };
  live.className = `live is-${state}`;
  set(live, h('i', { 'aria-hidden': 'true' }), words[state] ?? state);
}
let close: (() => void) | null = null;
let shown = '';
function show(anew = false): void {
  const parts = location.pathname.split('/');
  const id = parts[1] === 'w' && parts[2] ? decodeURIComponent(parts[2]) : null;
  const is_queues = parts[1] === 'queues';
  const key = is_queues ? '/queues' : id ?? '';
  if (!anew && close && key === shown) return;
  shown = key;
  close?.();
  document.querySelectorAll('dialog').forEach((d) => d.close());
  scrollTo(0, 0);
  document.querySelector('a.nav')?.classList.toggle('here', is_queues);
  set(trail, is_queues ? [h('span.dim', '/'), link('/', 'Workflows'), h('span.dim', '/'), h('span', 'Queues')] : id ? [h('span.dim', '/'), link('/', 'Workflows'), h('span.dim', '/'), h('span', id)] : [h('span.dim', '/'), h('span', 'Workflows')]);
  document.title = is_queues ? 'Queues · tenax' : id ? `${id} · tenax` : 'tenax';
  close = is_queues ? queues_view(main, tell) : id ? workflow_view(main, id, tell) : list_view(main, tell);
}
addEventListener('tenax:url', () => show());
addEventListener('popstate', () => show());

function help(): void {
  const dialog = h('dialog', { 'aria-label': 'Keys' });
  const keys: [string, string][] = [['/', 'search, or filter'], ['j k ↓ ↑', 'next, previous'], ['Enter', 'open'], ['Esc', 'close, back to the list'], ['1 – 7', 'the tabs'],
    ['r', 'retry, go on'], ['x', 'cancel'], ['c', 'copy the link'], ['arrows + − 0', 'in the graph: move, zoom, fit'], ['u', 'local time or UTC'], ['q', 'queues and workers'], ['?', 'this']];
  const secret = text_field('Token, if the server asks for one (kept in this tab only)', token.get() ?? '', { type: 'password', autocomplete: 'off' });
  dialog.append(h('form', { method: 'dialog', onsubmit: () => { if (secret.value() !== (token.get() ?? '')) { token.set(secret.value()); show(true); } } },
    h('h2', 'Keys'), h('dl.keys', keys.map(([k, what]) => [h('dt', h('kbd', k)), h('dd', what)])), secret.root,
    h('p.dim', 'Without JavaScript: ', h('a', { href: `${location.pathname}?plain` }, 'the plain page'), '. The API: ', h('a', { href: '/v1/openapi.json' }, '/v1/openapi.json')),
    h('div.buttons', h('span.space'), h('button.primary', { type: 'submit' }, 'Good'))));
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (e) => { if (e.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
}
addEventListener('keydown', (e) => {
  if (e.metaKey || e.ctrlKey || e.altKey || document.querySelector('dialog[open]') || (e.target as HTMLElement).matches('input,textarea,select')) return;
  if (e.key === '?') help();
  else if (e.key === 'u') zone.click();
  else if (e.key === 'q') url.go('/queues');
});

/** A server that wants a token says so once; everything else is said where it is asked. */
async function begin(): Promise<void> {
  frame();
  try {
    await get('/v1/version');
  } catch (e) {
    if (e instanceof Problem && e.doc.status === 401) return ask_token(e);
    if (!(e instanceof Unreachable) && !(e instanceof Problem)) throw e;
  }
  show();
}
function ask_token(why: Problem): void {
  const secret = text_field('Token', '', { type: 'password', autocomplete: 'off', required: true });
  set(main, h('form.empty.big', { onsubmit: (e: Event) => { e.preventDefault(); token.set(secret.value()); void begin(); } },
    h('strong', 'This server asks for a token.'), h('p', why.doc.detail), h('p.dim', 'It is kept in this tab only.'), secret.root, h('button.primary', { type: 'submit' }, 'Go on')));
  secret.input.focus();
}
void begin();
