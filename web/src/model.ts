// What the API answers, as far as the page reads it (node/api/openapi.json). Everything may hold
// words that this does not know.
import type { Raw } from './json.js';

export interface Counts {
  total: number; blocked: number; ready: number; running: number; timer: number; backing_off: number;
  in_doubt: number; outside: number; completed: number; failed: number; cancelled: number; skipped: number;
}
export interface Why { headline: string; nothing_by_itself: boolean; next_at?: string }
export interface Summary {
  id: string; name: string; status: string; description?: string; reference?: string;
  submitted_at: string; started_at?: string; closed_at?: string; deadline_at?: string;
  actions: Counts; events: number; failed_action?: string; reason?: string; why?: Why;
}
export interface ActionError { class: string; message: string }
export interface ActionView {
  key: string; type: string; depends_on: string[]; status: string; waiting: string; waiting_on?: string[];
  next_at?: string; attempts: number; retry_count: number; recoveries: number; next_retry_at?: string;
  signal?: string; pending_on?: string; progress?: string; heard_at?: string; last_error?: ActionError;
  started_at?: string; closed_at?: string; stuck_attempt?: number;
  input?: Raw; input_text?: string; input_base64?: string;
  input_changed?: Changed; policy_changed?: Changed; policy?: PolicyChange;
  result?: Raw; result_text?: string; result_base64?: string;
}
export interface Changed { at: string; who?: string; reason?: string }
export interface PolicyChange { max_attempts?: number; min_wait_ms?: number; max_wait_ms?: number; on_exhausted?: string }
export interface WorkflowView {
  workflow: Summary; actions: ActionView[];
  input?: Raw; input_text?: string; input_base64?: string;
  terms?: Raw; terms_text?: string; terms_base64?: string;
}
export interface Reason {
  kind: string; text: string; at?: string; waits_for?: string[]; waits_for_total?: number;
  roots?: string[]; roots_total?: number; note?: string; place?: number; line?: number;
}
export interface ExplainedAction {
  key: string; type: string; status: string; attempts: number; running?: { attempt: number; since: string };
  reasons: Reason[]; last_error?: ActionError; deadline_at?: string; stuck_attempt?: number;
}
export interface Step { at?: string; action?: string; count: number; text: string; then?: string; events: string[] }
export interface Explanation {
  workflow: string; status: string; headline: string; nothing_by_itself: boolean; now: string; events: number;
  actions: ExplainedAction[]; roots: { key: string; type: string; holds: number }[]; roots_total: number;
  forecast: Step[];
}
export interface HistoryEvent { seq: number; at: string; kind: string; actor: string; action?: string; data?: Raw }
export interface Group {
  kind: string; type: string; error_class?: string; text: string; workflows: number; actions: number;
  oldest_at?: string; next_at?: string; example: string;
}
export interface Reasons { now: string; examined: number; groups: Group[]; next_cursor: string | null }
export interface Stats { submitted: number; open: number; completed: number; failed: number; cancelled: number; removed: number; commits: number }
export interface Histogram { counts: number[]; total_ms: number }
export interface TypeStats {
  type: string; started: number; succeeded: number; failed: number; running: number; running_max: number; let_in: number; in_row: number;
  to_start: Histogram; handling: Histogram; oldest_ready_at: string | null; ended_per_s: number | null;
}
export interface Queue {
  type: string; polls_waiting: number; workflows_in_row: number; more_on_disk: boolean; delivered: number; given_back: number;
  asked_at: string | null; oldest_ready_at: string | null; given_per_s: number | null; to_start: Histogram;
}
export interface Worker { worker: string; seen_at: string; polls_waiting: number; running: number; given: number; max: number; types: string[] }
export interface ProblemDoc {
  type: string; title: string; status: number; code: string; class: string; detail: string; advice?: string;
  request_id?: string; missing_scope?: string; faults?: { path: string; message: string }[];
}

/** The bounds of the class (a power of two of ms) that a share of all is in or below. */
export function quantile(h: Histogram, share: number): { least: number; most: number } | null {
  const all = h.counts.reduce((sum, n) => sum + n, 0);
  if (all === 0) return null;
  let seen = 0;
  for (let i = 0; i < h.counts.length; ++i) {
    seen += h.counts[i]!;
    if (seen >= all * share) return { least: i === 0 ? 0 : 2 ** (i - 1), most: 2 ** i };
  }
  return null;
}
