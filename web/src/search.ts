// What a search means, and what a group of reasons is called. Pure.
import type { Group } from './model.js';

/** What is typed: words with a colon are filters, others are an id, a name or a reference. */
export function read_search(text: string, now: number): { filters: { [name: string]: string }; word: string; fault: string } {
  const out: { filters: { [name: string]: string }; word: string; fault: string } = { filters: {}, word: '', fault: '' };
  const names: { [short: string]: string } = { name: 'name', ref: 'reference', reference: 'reference', error: 'error_class',
    status: 'status', waiting: 'waiting', reason: 'reason', type: 'action_type', from: 'from', until: 'until' };
  const words: string[] = [];
  for (const m of text.matchAll(/(?:([a-z]+):)?(?:"([^"]*)"|(\S+))/g)) {
    const value = m[2] ?? m[3] ?? '';
    const short = m[1];
    if (short === 'since') {
      const span = /^(\d+)(m|h|d|w)$/.exec(value);
      const unit: { [u: string]: number } = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
      if (span) out.filters.from = new Date(now - Number(span[1]) * unit[span[2]!]!).toISOString();
      else out.fault = `since:${value} is no time; say since:30m, since:6h, since:2d`;
    } else if (short && names[short]) {
      const name = names[short]!;
      if ((name === 'from' || name === 'until') && Number.isFinite(Date.parse(value))) out.filters[name] = new Date(value).toISOString();
      else out.filters[name] = value;
    } else words.push(m[0]);
  }
  out.word = words.join(' ').replace(/^"|"$/g, '');
  return out;
}

/** The other way round, of a query. */
export function print_search(q: URLSearchParams): string {
  const quoted = (t: string) => (/\s/.test(t) ? `"${t}"` : t);
  const short: { [name: string]: string } = { name: 'name', reference: 'ref', error_class: 'error', from: 'from', until: 'until' };
  const parts = Object.entries(short).filter(([n]) => q.get(n)).map(([n, s]) => `${s}:${quoted(q.get(n)!)}`);
  if (q.get('q')) parts.push(q.get('q')!);
  return parts.join(' ');
}

/** "charge waits for its retry". */
export function group_text(g: Group): string {
  const after = g.error_class ? ` after ${g.error_class}` : '';
  const many = g.actions === 1 ? '' : 's';
  switch (g.kind) {
    case 'running': return `${g.type} run${g.actions === 1 ? 's' : ''} now`;
    case 'retry': return `${g.type} wait${many ? '' : 's'} for a retry${after}`;
    case 'timer': return `${g.type} sleep${many ? '' : 's'} until its time`;
    case 'schedule': return `${g.type} ${many ? 'are' : 'is'} scheduled`;
    case 'starting': return `${g.type} may start now`;
    case 'lane_full': return `${g.type} wait${many ? '' : 's'} for a handler of that type to return`;
    case 'threads_full': return `${g.type} wait${many ? '' : 's'} for a thread`;
    case 'memory_full': return `${g.type} wait${many ? '' : 's'} for memory`;
    case 'no_handler': return `${g.type} has no handler`;
    case 'no_worker': return `${g.type} wait${many ? '' : 's'} for a worker: none has asked for that type`;
    case 'workers_full': return `${g.type} wait${many ? '' : 's'} for a worker: all are busy`;
    case 'outside': return `${g.type} wait${many ? '' : 's'} for somebody outside`;
    case 'signal': return `${g.type} wait${many ? '' : 's'} for a signal`;
    case 'in_doubt': return `${g.type} need${many ? '' : 's'} a decision: nobody knows how the attempt ended`;
    case 'exhausted': return `${g.type} need${many ? '' : 's'} a decision: it failed for good${after}`;
    default: return `${g.type ? `${g.type}: ` : ''}${g.text}`;
  }
}
