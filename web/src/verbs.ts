// What a person may do, where it is read: what it will mean is said before, what it did after, both
// in full; what the server refuses, in its own words.
import { get, missing, Problem, send, token, Unreachable, workflow_path } from './api.js';
import { add, h, set, type Child } from './dom.js';
import type { ActionView, Explanation, HistoryEvent, WorkflowView } from './model.js';
import { toast } from './ui.js';

export interface Context {
  view: WorkflowView;
  explained: Explanation | null;
  changed(): void;
  removed(): void;
}
interface Verb {
  title: string;
  means: Child[];
  fields?: HTMLElement[];
  button: string;
  danger?: boolean;
  scope: string;
  run(): Promise<void>;
  curl(): string;
}

const json = (x: unknown) => JSON.stringify(x);
const keys_of = (list: { key: string }[], most = 5) => {
  const some = list.slice(0, most).map((a) => a.key).join(', ');
  return list.length > most ? `${some} and ${list.length - most} others` : some;
};
const is_open = (a: ActionView) => a.status === 'validated' || a.status === 'executing';
const children_of = (v: WorkflowView, key: string) => v.actions.filter((a) => a.depends_on.includes(key));
/** Those that only this one holds back. */
function can_start_after(v: WorkflowView, key: string): ActionView[] {
  const over = new Set(v.actions.filter((a) => a.status === 'completed' || a.status === 'skipped').map((a) => a.key));
  return children_of(v, key).filter((a) => is_open(a) && a.depends_on.every((d) => d === key || over.has(d)));
}

export function text_field(label: string, value = '', more: { [name: string]: unknown } = {}): { root: HTMLElement; value(): string; input: HTMLElement } {
  const { lines, ...rest } = more;
  const input = lines ? h('textarea', { rows: lines, ...rest }) : h('input', { type: 'text', ...rest });
  (input as HTMLInputElement).value = value;
  input.setAttribute('spellcheck', 'false');
  return { root: h('label.form-field', h('span', label), input), value: () => (input as HTMLInputElement).value, input };
}

function curl_line(method: string, path: string, body?: string): string {
  const quoted = (t: string) => `'${t.replace(/'/g, `'\\''`)}'`;
  const auth = token.get() ? ` -H "Authorization: Bearer $TENAX_TOKEN"` : '';
  return `curl${method === 'GET' ? '' : ` -X ${method}`}${auth} ${quoted(location.origin + path)}${body === undefined ? '' : ` -d ${quoted(body)}`}`;
}
export const curl_get = (path: string): string => curl_line('GET', path);

function ask(context: Context, make: () => Verb): void {
  const verb = make();
  const before = context.view.workflow.events;
  const answer = h('div.answer', { role: 'status' });
  const go = h(verb.danger ? 'button.danger' : 'button.primary', { type: 'submit' }, verb.button);
  const is_missing = missing.has(verb.scope);
  if (is_missing) go.setAttribute('disabled', '');
  const dialog = h('dialog', { 'aria-label': verb.title });
  const close = h('button', { type: 'button', onclick: () => dialog.close() }, 'Not now');
  const form = h('form', { method: 'dialog', onsubmit: (e: Event) => { e.preventDefault(); void run(); } },
    h('h2', verb.title), h('div.means', verb.means), verb.fields ?? null,
    is_missing ? h('p.refused', `Your token has not the scope ${verb.scope}, which this needs.`) : null,
    answer, h('div.buttons', h('button.quiet', { type: 'button', onclick: () => void navigator.clipboard?.writeText(verb.curl()).then(() => toast('Copied the curl line')) }, 'Copy as curl'), h('span.space'), close, go));
  dialog.append(form);
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (e) => { if (e.target === dialog) dialog.close(); });
  async function run(): Promise<void> {
    go.setAttribute('disabled', '');
    set(answer, h('span.dim', 'Asking the server …'));
    try {
      await verb.run();
    } catch (e) {
      go.removeAttribute('disabled');
      return set(answer, refusal(e));
    }
    await tell_what_changed();
  }
  async function tell_what_changed(): Promise<void> {
    const id = context.view.workflow.id;
    set(form, h('h2', verb.title));
    const said = h('div.changes');
    const read = async () => {
      const news = await get<{ events: HistoryEvent[]; next_after: number | null }>(`${workflow_path(id, 'history')}?after=${before}&limit=200`);
      set(said, h('p', news.events.length === 0 ? 'The server took it; nothing has changed by it.' : 'Done. Since you looked, the history has:'),
        h('ul', news.events.slice(0, 12).map((e) => h('li', h('span.dim', `#${e.seq} `), h('strong', e.kind.replace(/_/g, ' ')), e.action ? ` ${e.action}` : '', h('span.dim', ` by ${e.actor}`)))),
        news.events.length > 12 ? h('p.dim', `and ${news.events.length - 12}${news.next_after === null ? '' : '+'} more`) : null);
    };
    try {
      await read();
      add(form, [said]);
      context.changed();
      // What it set off comes a moment later.
      for (const ms of [300, 1_000, 2_000]) setTimeout(() => { if (dialog.isConnected) read().catch(() => {}); }, ms);
    } catch (e) {
      if (e instanceof Problem && e.doc.code === 'not_found') {
        add(form, [h('p', `${id} is removed, with its history.`)]);
        context.removed();
      } else add(form, [h('p', 'The server took it.'), refusal(e)]);
    }
    const done = h('button.primary', { type: 'button', onclick: () => dialog.close() }, 'Good');
    add(form, [h('div.buttons', h('span.space'), done)]);
    done.focus();
  }
  document.body.append(dialog);
  dialog.showModal();
  (form.querySelector<HTMLElement>('input,textarea,select') ?? (verb.danger ? close : go)).focus();
}

export function refusal(e: unknown): HTMLElement {
  if (e instanceof Problem) {
    const d = e.doc;
    const meaning: { [c: string]: string } = { rejected: 'Nothing was changed.', unknown: 'It may have happened: look, and repeat it if not.', fatal: 'The engine does not work.' };
    return h('div.refused', h('strong', d.detail), d.advice ? h('p', d.advice) : null,
      d.faults?.map((f) => h('p', `${f.path}: ${f.message}`)) ?? null,
      h('p.dim', `${meaning[d.class] ?? ''} ${d.code}${d.request_id ? ` · request ${d.request_id}` : ''}`));
  }
  return h('div.refused', h('strong', e instanceof Unreachable ? 'There was no answer.' : String(e)),
    h('p', 'It may have happened: look, and repeat it if not. Repeating it does no harm.'));
}

// --- of the workflow ---
export function cancel(context: Context): void {
  ask(context, () => {
    const { view } = context;
    const open = view.actions.filter(is_open);
    const running = open.filter((a) => a.waiting === 'nothing' && a.status === 'executing');
    const done = view.actions.filter((a) => a.status === 'completed').length;
    const why = text_field('Reason (kept in the history)');
    const path = workflow_path(view.workflow.id, 'cancel');
    const body = () => json(why.value() ? { reason: why.value() } : {});
    return { title: `Cancel ${view.workflow.id}?`, button: 'Cancel the workflow', danger: true, scope: 'operate', fields: [why.root],
      means: [h('p', `${open.length} open action${open.length === 1 ? ' is' : 's are'} cancelled: ${keys_of(open)}.`),
        running.length ? h('p', `${keys_of(running)} run${running.length === 1 ? 's' : ''} now and ${running.length === 1 ? 'is' : 'are'} told to stop; what comes back is kept as a late result.`) : null,
        h('p', `What is done (${done}) stays done. This cannot be undone.`)],
      run: () => send('POST', path, body()), curl: () => curl_line('POST', path, body()) };
  });
}
export function retry(context: Context, action?: ActionView): void {
  ask(context, () => {
    const { view } = context;
    const failed = view.workflow.status === 'failed';
    const waiting = view.actions.filter((a) => a.waiting === 'retry' || a.waiting === 'timer');
    const why = text_field('Reason (kept in the history)');
    const path = workflow_path(view.workflow.id, 'retry');
    const body = () => json({ ...(action ? { action: action.key } : {}), ...(why.value() ? { reason: why.value() } : {}) });
    const again = view.actions.filter((a) => a.status === 'failed' || a.status === 'cancelled');
    return { title: failed ? `Go on with ${view.workflow.id}?` : `Retry ${action?.key ?? view.workflow.id} now?`, button: failed ? 'Go on' : 'Retry now', scope: 'operate', fields: [why.root],
      means: failed ? [h('p', `What is done stays done. ${again.length} action${again.length === 1 ? '' : 's'} begin${again.length === 1 ? 's' : ''} anew with all attempts: ${keys_of(again)}. Deadlines begin anew, too.`)]
        : [h('p', action ? `${action.key} does not wait any longer: attempt ${action.waiting === 'retry' ? action.attempts + 1 : action.attempts} starts now${action.next_at ? ` instead of at ${action.next_at}` : ''}.` : `${keys_of(waiting)} do${waiting.length === 1 ? 'es' : ''} not wait any longer.`),
          h('p', 'If it fails again, the next wait is what it would have been.')],
      run: () => send('POST', path, body()), curl: () => curl_line('POST', path, body()) };
  });
}
export function remove(context: Context): void {
  ask(context, () => {
    const { view } = context;
    const path = workflow_path(view.workflow.id);
    return { title: `Remove ${view.workflow.id}?`, button: 'Remove it for good', danger: true, scope: 'admin',
      means: [h('p', `The workflow, its ${view.actions.length} actions with their inputs and results and its ${view.workflow.events} events are deleted. This cannot be undone.`)],
      run: () => send('DELETE', path), curl: () => curl_line('DELETE', path) };
  });
}
export function signal(context: Context, name = ''): void {
  ask(context, () => {
    const { view } = context;
    const waits = view.actions.filter((a) => a.signal);
    const field = text_field('Signal', name || waits[0]?.signal || '', { required: true });
    const payload = text_field('Payload (JSON)', 'null', { lines: 4 });
    const key = text_field('Key (the same key again is no second signal; may be empty)');
    const path = workflow_path(view.workflow.id, 'signals');
    // As text, so that numbers keep their digits.
    const body = () => `{"name":${json(field.value())},"payload":${payload.value().trim() || 'null'}${key.value() ? `,"key":${json(key.value())}` : ''}}`;
    return { title: `Send a signal to ${view.workflow.id}`, button: 'Send it', scope: 'submit', fields: [field.root, payload.root, key.root],
      means: [h('p', waits.length ? `${keys_of(waits)} wait${waits.length === 1 ? 's' : ''} for ${[...new Set(waits.map((a) => a.signal))].join(', ')}: the payload becomes the result.` : 'No action waits for a signal now: it is kept until one does.')],
      run: () => send('POST', path, body()), curl: () => curl_line('POST', path, body()) };
  });
}
// --- of an action ---
export function resolve(context: Context, action: ActionView): void {
  ask(context, () => {
    const { view } = context;
    const next = can_start_after(view, action.key);
    const then = next.length ? `${keys_of(next)} can start` : children_of(view, action.key).length ? 'those after it wait for others, too' : 'nothing waits for it';
    const held = children_of(view, action.key);
    const meanings: { [decision: string]: string } = {
      retry: `${action.key} is tried again, now, with all its attempts.`,
      skip: `${action.key} counts as done with the result null; ${then}.`,
      complete: `${action.key} is completed with this result; ${then}.`,
      fail: `${action.key} fails for good and the workflow with it${held.length ? `; ${keys_of(held)} never start${held.length === 1 ? 's' : ''}` : ''}.`,
    };
    const says = h('p');
    const result = text_field('Result (JSON)', 'null', { lines: 4 });
    const message = text_field('Message', 'failed by decision');
    const why = text_field('Reason (kept in the history)');
    const choice = h('div.choices', { role: 'radiogroup', 'aria-label': 'Decision' });
    let decision = 'retry';
    const draw = () => {
      set(says, meanings[decision]);
      result.root.hidden = decision !== 'complete';
      message.root.hidden = decision !== 'fail';
    };
    for (const name of Object.keys(meanings)) {
      const input = h('input', { type: 'radio', name: 'decision', value: name, onchange: () => { decision = name; draw(); } });
      if (name === decision) input.setAttribute('checked', '');
      choice.append(h('label', input, h('span', name)));
    }
    draw();
    const path = workflow_path(view.workflow.id, 'actions', action.key, 'resolve');
    const body = () => (decision === 'complete' ? `{"decision":"complete","value":${result.value().trim() || 'null'}${why.value() ? `,"reason":${json(why.value())}` : ''}}`
      : json({ decision, ...(decision === 'fail' ? { message: message.value() } : {}), ...(why.value() ? { reason: why.value() } : {}) }));
    return { title: `Decide for ${action.key}`, button: 'Decide', scope: 'operate', means: [choice, says], fields: [result.root, message.root, why.root],
      run: () => send('POST', path, body()), curl: () => curl_line('POST', path, body()) };
  });
}
/** An input only while no attempt has it. */
export function change(context: Context, action: ActionView): void {
  ask(context, () => {
    const { view } = context;
    const failed = view.workflow.status === 'failed';
    const has_input = action.waiting === 'outside' || (action.status === 'executing' && action.waiting === 'nothing');
    const before = action.input?.text ?? '';
    const input = text_field('Input (JSON; references only to what it depends on)', before, { lines: 6 });
    const most = text_field('Attempts in all, those made included (empty: as it is)', `${action.policy?.max_attempts ?? ''}`, { inputmode: 'numeric' });
    const wait = text_field('Least wait before a retry, in ms (empty: as it is)', `${action.policy?.min_wait_ms ?? ''}`, { inputmode: 'numeric' });
    const why = text_field('Reason (kept in the history)');
    const path = workflow_path(view.workflow.id, 'actions', action.key, 'change');
    // The input as text, so that numbers keep their digits.
    const body = () => {
      const policy = [most.value().trim() ? `"max_attempts":${most.value().trim()}` : '', wait.value().trim() ? `"min_wait_ms":${wait.value().trim()}` : ''].filter(Boolean);
      const parts = [!has_input && input.value().trim() !== before ? `"input":${input.value().trim() || 'null'}` : '', policy.length ? `"policy":{${policy.join(',')}}` : '',
        why.value() ? `"reason":${json(why.value())}` : ''].filter(Boolean);
      return `{${parts.join(',')}}`;
    };
    return { title: `Change ${action.key}`, button: 'Change it', scope: 'operate', fields: [has_input ? null : input.root, most.root, wait.root, why.root].filter((f): f is HTMLElement => f !== null),
      means: [h('p', has_input ? 'An attempt is under way and has its input: only how it is retried can be changed now.' : `The next attempt of ${action.key} has the new input. What was submitted stays in the definition, and who changed it in the history.`),
        h('p', failed ? 'The workflow stays failed until somebody goes on with it.' : action.next_at ? `It waits until ${action.next_at} as before; retry makes it now.` : 'Nothing else changes.')],
      run: () => send('POST', path, body()), curl: () => curl_line('POST', path, body()) };
  });
}
export function end_attempt(context: Context, action: ActionView): void {
  ask(context, () => {
    const key = text_field('Token of the attempt', '', { required: true, type: 'password', autocomplete: 'off' });
    const result = text_field('Result (JSON)', 'null', { lines: 4 });
    const error_class = text_field('Error class', 'rejected');
    const message = text_field('Message', '');
    let outcome = 'complete';
    const choice = h('div.choices', { role: 'radiogroup', 'aria-label': 'Outcome' });
    const draw = () => {
      result.root.hidden = outcome !== 'complete';
      error_class.root.hidden = message.root.hidden = outcome !== 'fail';
    };
    for (const name of ['complete', 'fail']) {
      const input = h('input', { type: 'radio', name: 'outcome', value: name, onchange: () => { outcome = name; draw(); } });
      if (name === outcome) input.setAttribute('checked', '');
      choice.append(h('label', input, h('span', name)));
    }
    draw();
    const body = (secret: string) => (outcome === 'complete' ? `{"token":${json(secret)},"outcome":"complete","result":${result.value().trim() || 'null'}}`
      : json({ token: secret, outcome: 'fail', error_class: error_class.value(), message: message.value() }));
    return { title: `End attempt ${action.attempts} of ${action.key}`, button: 'End it', scope: 'work', fields: [key.root, result.root, error_class.root, message.root],
      means: [h('p', 'Whoever was handed the token of this attempt may end it, once. It is a secret that this page does not know.'), choice],
      run: () => send('POST', '/v1/attempts/end', body(key.value())), curl: () => curl_line('POST', '/v1/attempts/end', body('TOKEN')) };
  });
}
