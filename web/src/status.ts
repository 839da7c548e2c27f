// Every status and reason: its shape, its word and its colour. What is not known here is shown by
// the server's word with a question mark.
import { s } from './dom.js';
import type { ActionView, Reason, Summary } from './model.js';

export type Tone = 'idle' | 'wait' | 'retry' | 'need' | 'run' | 'good' | 'bad' | 'off';
export interface Look { word: string; tone: Tone; shape: string }

const looks: { [state: string]: Look } = {
  pending: { word: 'Pending', tone: 'idle', shape: 'ring' },
  in_progress: { word: 'In progress', tone: 'run', shape: 'half' },
  running: { word: 'Running', tone: 'run', shape: 'half' },
  completed: { word: 'Completed', tone: 'good', shape: 'check' },
  failed: { word: 'Failed', tone: 'bad', shape: 'cross' },
  cancelled: { word: 'Cancelled', tone: 'off', shape: 'slash' },
  skipped: { word: 'Skipped', tone: 'off', shape: 'skip' },
  dependencies: { word: 'Blocked', tone: 'idle', shape: 'dashed' },
  schedule: { word: 'Scheduled', tone: 'wait', shape: 'clock' },
  timer: { word: 'Sleeping', tone: 'wait', shape: 'clock' },
  retry: { word: 'Retrying', tone: 'retry', shape: 'again' },
  starting: { word: 'Ready', tone: 'wait', shape: 'dot' },
  thread: { word: 'Ready', tone: 'wait', shape: 'dot' },
  settling: { word: 'Settling', tone: 'run', shape: 'half' },
  lane_full: { word: 'In line', tone: 'wait', shape: 'dot' },
  threads_full: { word: 'In line', tone: 'wait', shape: 'dot' },
  memory_full: { word: 'In line', tone: 'wait', shape: 'dot' },
  no_handler: { word: 'No handler', tone: 'need', shape: 'alert' },
  handler: { word: 'No handler', tone: 'need', shape: 'alert' },
  no_worker: { word: 'No worker', tone: 'need', shape: 'alert' },
  workers_full: { word: 'Workers full', tone: 'wait', shape: 'dot' },
  workers_slow: { word: 'Workers slow', tone: 'wait', shape: 'dot' },
  outside: { word: 'Outside', tone: 'wait', shape: 'out' },
  signal: { word: 'Signal', tone: 'wait', shape: 'out' },
  in_doubt: { word: 'In doubt', tone: 'need', shape: 'alert' },
  exhausted: { word: 'Exhausted', tone: 'need', shape: 'alert' },
  decision: { word: 'Needs a decision', tone: 'need', shape: 'alert' },
  paused: { word: 'Engine paused', tone: 'need', shape: 'alert' },
  at_rest: { word: 'At rest', tone: 'idle', shape: 'ring' },
  draining: { word: 'Draining', tone: 'idle', shape: 'ring' },
  closing: { word: 'Closing', tone: 'idle', shape: 'ring' },
  stopped: { word: 'Engine stopped', tone: 'bad', shape: 'cross' },
  no_process: { word: 'No process', tone: 'need', shape: 'alert' },
  validated: { word: 'Waiting', tone: 'idle', shape: 'ring' },
  executing: { word: 'Executing', tone: 'run', shape: 'half' },
};
/** Those that need somebody go first. */
export const order = ['bad', 'need', 'retry', 'run', 'wait', 'idle', 'good', 'off'];

export function look(state: string): Look {
  const known = Object.prototype.hasOwnProperty.call(looks, state) ? looks[state] : undefined;
  return known ?? { word: state.replace(/_/g, ' ') || 'unknown', tone: 'idle', shape: 'unknown' };
}

/** What an action is doing: its first reason, else what the view says. */
export function state_of(a: ActionView, reasons: Reason[] | undefined): string {
  if (a.status !== 'validated' && a.status !== 'executing') return a.status;
  if (reasons?.length) return reasons[0]!.kind;
  if (a.waiting && a.waiting !== 'nothing') return a.waiting;
  return a.status === 'executing' ? 'running' : a.status;
}

/** What an open workflow is doing, by its counts: what needs somebody first. */
export function state_of_workflow(w: Summary): string {
  if (w.status !== 'in_progress' && w.status !== 'pending') return w.status;
  const n = w.actions;
  if (n.in_doubt > 0) return 'decision';
  if (n.backing_off > 0) return 'retry';
  if (n.running > 0) return 'running';
  if (n.outside > 0) return 'outside';
  if (n.ready > 0) return 'thread';
  if (n.timer > 0) return 'timer';
  return w.status;
}

const paths: { [shape: string]: string } = {
  ring: 'M8 2.75a5.25 5.25 0 1 1 0 10.5a5.25 5.25 0 1 1 0-10.5z',
  clock: 'M8 2.75a5.25 5.25 0 1 1 0 10.5a5.25 5.25 0 1 1 0-10.5zM8 5v3.2l2 1.3',
  dot: 'M8 2.75a5.25 5.25 0 1 1 0 10.5a5.25 5.25 0 1 1 0-10.5zM8 7.9v.2',
  again: 'M12.9 6.2A5.25 5.25 0 1 0 13.2 9M13.2 3v3.4H9.8',
  check: 'M8 2a6 6 0 1 1 0 12A6 6 0 1 1 8 2zM5.4 8.2l1.8 1.8l3.5-3.7',
  cross: 'M5.3 2h5.4L14 5.3v5.4L10.7 14H5.3L2 10.7V5.3zM6 6l4 4M10 6l-4 4',
  slash: 'M8 2.75a5.25 5.25 0 1 1 0 10.5a5.25 5.25 0 1 1 0-10.5zM4.4 11.6l7.2-7.2',
  skip: 'M4 4.2L8 8l-4 3.8M9 4.2L13 8l-4 3.8',
  alert: 'M8 1.6L14.4 8L8 14.4L1.6 8zM8 5.2v3.2M8 10.7v.1',
  out: 'M7 3H3.4v9.6H13V9M9.5 2.8h3.7v3.7M13 3L7.8 8.2',
  dashed: 'M8 2.75a5.25 5.25 0 1 1 0 10.5a5.25 5.25 0 1 1 0-10.5z',
  half: 'M8 2.75a5.25 5.25 0 1 1 0 10.5a5.25 5.25 0 1 1 0-10.5zM8 5.2a2.8 2.8 0 0 1 0 5.6z',
  unknown: 'M5.6 6.2a2.4 2.4 0 1 1 3.4 2.2c-.7.3-1 .8-1 1.4M8 12.2v.1',
};
export const path_of = (shape: string): string => paths[shape] ?? paths.unknown!;

/** The sign alone; a word belongs beside it, or `title`. */
export function sign(state: string, title?: string): SVGElement {
  const l = look(state);
  return s('svg', { viewBox: '0 0 16 16', class: `sign tone-${l.tone} shape-${l.shape}`, role: title ? 'img' : null,
    'aria-hidden': title ? null : 'true', 'aria-label': title }, s('path', { d: path_of(l.shape) }),
    title ? s('title', {}, title) : null);
}
