// What keeps a view up to date: an event stream where the server has one, else a long poll. One at a
// time, none while the page is hidden: browsers open six connections to a server for all their tabs.
import { get, headers, server_clock, workflow_path } from './api.js';
import type { Stats, Summary } from './model.js';

export type State = 'live' | 'connecting' | 'reconnecting' | 'hidden' | 'over';
export interface Feed { close(): void; state: State; heard_at: number }
export interface StreamEvent { id: string; name: string; data: string }

/** The events of a text/event-stream. */
export class Splitter {
  private rest = '';
  private event: StreamEvent = { id: '', name: '', data: '' };
  push(text: string): StreamEvent[] {
    const lines = (this.rest + text).split(/\r\n|\n/);
    this.rest = lines.pop()!;
    const out: StreamEvent[] = [];
    for (const line of lines) {
      if (line === '') {
        if (this.event.data || this.event.name) out.push(this.event);
        this.event = { id: '', name: '', data: '' };
      } else if (!line.startsWith(':')) {
        const colon = line.indexOf(':');
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
        if (field === 'data') this.event.data += (this.event.data ? '\n' : '') + value;
        else if (field === 'event') this.event.name = value;
        else if (field === 'id') this.event.id = value;
      }
    }
    return out;
  }
}

class NoStream extends Error {}
const retry_ms = [500, 1_000, 2_000, 5_000];
const sleep = (ms: number, signal: AbortSignal) => new Promise<void>((done) => {
  const timer = setTimeout(done, ms);
  signal.addEventListener('abort', () => { clearTimeout(timer); done(); }, { once: true });
});

async function read_stream(path: string, last_id: () => string, signal: AbortSignal, on: (e: StreamEvent) => void, begun: () => void): Promise<void> {
  const id = last_id();
  const answer = await fetch(path, { headers: headers({ Accept: 'text/event-stream', ...(id ? { 'Last-Event-ID': id } : {}) }),
    signal, cache: 'no-store', credentials: 'omit' });
  if (!answer.ok || !answer.headers.get('Content-Type')?.startsWith('text/event-stream') || !answer.body) {
    await answer.body?.cancel();
    if (answer.status >= 500) throw new Error(`the server answered ${answer.status}`);
    throw new NoStream();
  }
  begun();
  const reader = answer.body.getReader();
  const text = new TextDecoder();
  const splitter = new Splitter();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const e of splitter.push(text.decode(value, { stream: true }))) on(e);
  }
}

interface Source {
  path: string;
  last_id(): string;
  event(e: StreamEvent): 'goes on' | 'over';
  /** One round of a server without streams; 'over': no more will come. */
  poll(signal: AbortSignal): Promise<'goes on' | 'over'>;
}

function follow(source: Source, changed: (f: Feed) => void): Feed {
  let closed = false;
  let has_stream = true;
  let round = new AbortController();
  const feed: Feed = { state: 'connecting', heard_at: server_clock.now(), close: () => {
    closed = true;
    document.removeEventListener('visibilitychange', shown);
    round.abort();
  } };
  const turn = (state: State) => {
    if (state === 'live') feed.heard_at = server_clock.now();
    if (feed.state !== state) { feed.state = state; changed(feed); }
  };
  let wake: (() => void) | undefined;
  const shown = () => {
    if (document.hidden) { turn('hidden'); round.abort(); } else wake?.();
  };
  document.addEventListener('visibilitychange', shown);
  const run = async () => {
    for (let failures = 0; !closed;) {
      if (document.hidden) {
        turn('hidden');
        await new Promise<void>((done) => { wake = done; });
        continue;
      }
      round = new AbortController();
      let over = false;
      try {
        if (has_stream) {
          await read_stream(source.path, source.last_id, round.signal, (e) => {
            failures = 0;
            turn('live');
            if (source.event(e) === 'over') { over = true; round.abort(); }
          }, () => turn('live'));
        } else {
          if (feed.state === 'connecting') turn('live');  // what is shown was just read
          over = (await source.poll(round.signal)) === 'over';
          turn('live');
          failures = 0;
        }
      } catch (e) {
        if (e instanceof NoStream) {
          has_stream = false;
          turn('live');
          continue;
        }
        if (!round.signal.aborted) {
          turn('reconnecting');
          await sleep(retry_ms[Math.min(failures++, retry_ms.length - 1)]!, round.signal);
        }
      }
      if (over) { turn('over'); return; }
      if (has_stream && !round.signal.aborted && !closed && failures === 0) {  // the server ended it
        turn('reconnecting');
        await sleep(retry_ms[failures++]!, round.signal);
      }
    }
  };
  void run();
  return feed;
}

/** Calls `news` when the workflow's history is longer than `seq()`. */
export function follow_workflow(id: string, seq: () => number, news: (kind: string, e?: StreamEvent) => void, changed: (f: Feed) => void): Feed {
  return follow({
    path: `${workflow_path(id, 'history')}?after=${seq()}`,
    last_id: () => String(seq()),
    event: (e) => { news(e.name, e); return e.name === 'end' ? 'over' : 'goes on'; },
    poll: async (signal) => {
      const w = await get<{ workflow: Summary }>(`${workflow_path(id)}?summary&wait_ms=20000&after=${seq()}`, signal);
      const is_over = ['completed', 'failed', 'cancelled'].includes(w.workflow.status);
      if (w.workflow.events > seq()) {
        news('poll');
        await sleep(300, signal);  // until the view has it
      }
      return is_over ? 'over' : 'goes on';
    },
  }, changed);
}

/** Calls `news` when any workflow has changed: with its summary, if the server says which. */
export function follow_list(news: (kind: string, e?: StreamEvent) => void, changed: (f: Feed) => void): Feed {
  let before = -1;
  return follow({
    path: '/v1/events',
    last_id: () => '',
    event: (e) => { news(e.name, e); return 'goes on'; },
    poll: async (signal) => {
      const s = await get<Stats>('/v1/stats', signal);
      if (before >= 0 && s.commits !== before) news('poll');
      before = s.commits;
      await sleep(1_000, signal);
      return 'goes on';
    },
  }, changed);
}
