// The parts of the page without a browser: node --test, on what esbuild makes of web/src. Where they
// are is in TENAX_PAGE_UNITS.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

const part = (name) => import(pathToFileURL(path.join(process.env.TENAX_PAGE_UNITS, `${name}.mjs`)));
const { Exact, Raw, inside, parse, pretty } = await part('json');
const { ServerClock, age, clock, countdown, duration, moments } = await part('time');
const { common_name, depth_for, fold, layers_of, scale_of } = await part('fold');
const { layout } = await part('layout');
const { Tracks } = await part('tracks');
const { Splitter } = await part('live');
const { look, state_of_workflow } = await part('status');
const { read_search } = await part('search');

test('json_numbers_keep_their_digits', () => {
  const doc = parse('{"a":9007199254740993,"b":-12,"c":1.10,"d":[0,1e400],"e":1.5}');
  assert.ok(doc.a instanceof Exact);
  assert.equal(String(doc.a), '9007199254740993');
  assert.equal(doc.b, -12);
  assert.equal(String(doc.c), '1.10');
  assert.equal(doc.d[0], 0);
  assert.equal(String(doc.d[1]), '1e400');
  assert.equal(doc.e, 1.5);
});

test('json_payloads_stay_as_they_came', () => {
  const doc = parse('{"input": {"2":1, "1":[18446744073709551615, "x}\\"]"], "2":3} ,"result":null,"key":"k"}');
  assert.ok(doc.input instanceof Raw);
  assert.equal(doc.input.text, '{"2":1, "1":[18446744073709551615, "x}\\"]"], "2":3}');
  assert.equal(doc.result.text, 'null');
  assert.equal(doc.key, 'k');
  const shown = pretty(doc.input.text);
  assert.equal(shown.map((t) => t.text).join(''), '{\n  "2": 1,\n  "1": [\n    18446744073709551615,\n    "x}\\"]"\n  ],\n  "2": 3\n}');
  assert.deepEqual(shown.filter((t) => t.kind === 'key').map((t) => t.text), ['"2"', '"1"', '"2"']);
  assert.equal(pretty('{}').map((t) => t.text).join(''), '{}');
  assert.deepEqual(inside(new Raw('{"input":{"n":1}}')), { input: { n: 1 } });
  assert.equal(inside(new Raw('{')), null);
});

test('json_agrees_with_the_language_on_what_it_can_hold', () => {
  for (const text of ['{}', '[]', ' [ ] ', '"\\u00e9\\n\\"\\\\"', 'true', 'null', '-0.5', '{"a":{"b":[{"c":""}]},"":0}', '{"constructor":1,"toString":[false]}']) {
    assert.deepEqual(parse(text), JSON.parse(text), text);
  }
  assert.equal(Object.getPrototypeOf(parse('{"__proto__":{"x":1}}')), Object.prototype);
  for (const text of ['', '{', '[1', '[1,]', '{"a"}', '{"a":}', '{a:1}', '01', '+1', '1.', 'nul', '"a', '[1] 2', '{"input":}', '{"input":[}']) {
    assert.throws(() => parse(text), text);
  }
});

test('durations_are_short_and_true', () => {
  const all = [[0, '0 ms'], [999, '999 ms'], [1_000, '1.0 s'], [21_840, '21.8 s'], [59_949, '59.9 s'], [59_999, '1m 00s'], [130_000, '2m 10s'], [3_599_600, '1h 00m'], [14_700_000, '4h 05m'],
    [273_600_000, '3d 4h'], [-1_000, '-1.0 s'], [NaN, '?']];
  for (const [ms, text] of all) assert.equal(duration(ms), text);
  assert.equal(countdown(-1), 'due now');
  assert.equal(countdown(9_940), 'in 10.0 s');
  assert.equal(countdown(20_001), 'in 21 s');
  assert.equal(countdown(129_500), 'in 2m 10s');
  assert.equal(age(119_000), '1m');
});

test('times_are_told_to_the_millisecond_in_utc', () => {
  const at = Date.parse('2026-11-27T17:49:49.740Z');
  assert.equal(clock(at, true, at), '17:49:49.740Z');
  assert.equal(clock(at, true, at + 86_400_000), '2026-11-27 17:49:49.740Z');
});

test('a_sentence_counts_down_where_it_has_a_moment', () => {
  const now = Date.parse('2026-11-27T23:59:50.000Z');
  const parts = moments('a waits for its retry: attempt 2 (2 of 4) in 21.8 s, 00:00:11.800Z, after x: in 3 s', now);
  assert.equal(parts[0], 'a waits for its retry: attempt 2 (2 of 4) ');
  assert.deepEqual(parts[1], { at: Date.parse('2026-11-28T00:00:11.800Z'), text: 'in 21.8 s, 00:00:11.800Z', how: 'in' });
  assert.equal(parts[2], ', after x: in 3 s');
  assert.equal(moments('completed 44.1 s ago, 23:59:05.900Z', now)[1].how, 'ago');
  assert.equal(moments('runs for 5.2 s, since 23:59:44.800Z', now)[1].how, 'for');
  assert.equal(moments('in 2d 3h, 2026-11-30T02:59:50Z', now)[0].at, Date.parse('2026-11-30T02:59:50Z'));
  assert.deepEqual(moments('nothing of the kind', now), ['nothing of the kind']);
});

test('the_server_s_clock_is_the_quickest_answer_s', () => {
  let local = 1_000_000;
  const c = new ServerClock(() => local);
  c.heard(local + 5_000, local - 10, local + 10);
  assert.equal(c.now(), local + 5_000);
  c.heard(local + 5_080, local - 100, local + 100);  // slower, and within its error
  assert.equal(c.now(), local + 5_000);
  c.heard(local + 60_000, local - 100, local + 100);  // it was set
  assert.equal(c.now(), local + 60_000);
});

const item = (key, parents = [], state = 'completed', type = 't') => ({ key, parents, state, type });

test('alike_siblings_are_one_node_and_others_are_not', () => {
  const items = [item('a'), ...[1, 2, 3, 4].map((i) => item(`b${i}`, ['a'])), item('c', ['a'], 'retry'), item('d', ['b1', 'b2', 'b3', 'b4', 'c'])];
  const nodes = fold(items, 'siblings');
  assert.deepEqual(nodes.map((n) => n.id), ['a', 'b1+4', 'c', 'd']);
  assert.deepEqual(nodes[3].parents, ['b1+4', 'c']);
  assert.equal(fold(items, 'siblings', new Set(['b1+4'])).length, items.length);
  assert.equal(common_name(['mProject_ID001', 'mProject_ID002']), 'mProject');
  assert.equal(common_name(['t1', 't2']), '');
  assert.equal(depth_for(items, 120, 14), 'none');
  assert.equal(depth_for(items, 4, 14), 'siblings');
});

test('a_layered_graph_keeps_its_order_and_its_parents_in_the_middle', () => {
  const nodes = fold([item('a'), item('b', ['a']), item('c', ['a']), item('d', ['a']), item('e', ['b', 'c', 'd']), item('f', ['a', 'e'])], 'none');
  const made = layout(nodes, { width: 100, height: 40, gap_x: 20, gap_y: 30 });
  const at = (id) => made.places.get(id);
  assert.deepEqual(['a', 'b', 'e', 'f'].map((id) => at(id).y), [20, 90, 160, 230]);
  assert.ok(Math.abs(at('a').x - (at('b').x + at('d').x) / 2) < 35, 'a parent is above the middle of its children');
  const row = ['b', 'c', 'd'].map((id) => at(id).x).sort((x, y) => x - y);
  assert.ok(row[1] - row[0] >= 119.99 && row[2] - row[1] >= 119.99, 'nothing overlaps');
  assert.equal(made.edges.length, 8);
  assert.equal(made.edges.find((e) => e.from === 'a' && e.to === 'f').points.length, 4);
});

test('a_parent_of_two_stands_exactly_between_them', () => {
  const made = layout(fold([item('a'), item('b', ['a']), item('c', ['a'])], 'none'), { width: 100, height: 40, gap_x: 20, gap_y: 30 });
  assert.ok(Math.abs(made.places.get('a').x - (made.places.get('b').x + made.places.get('c').x) / 2) < 0.01);
});

test('twenty_thousand_nodes_are_laid_out_at_once', () => {
  const items = Array.from({ length: 20_000 }, (_, i) => item(`t${i}`, i < 100 ? [] : i % 7 ? [`t${i - 100}`] : [`t${i - 100}`, `t${i - 99}`]));
  const begun = performance.now();
  assert.equal(layout(fold(items, 'none'), { width: 100, height: 40, gap_x: 20, gap_y: 30 }).places.size, 20_000);
  assert.ok(performance.now() - begun < 20_000, 'generous: it takes some tenths of a second');
  assert.ok(fold(items, 'layers').length <= 400);
  assert.ok(layers_of(items).get('t19999') >= 199);
});

test('a_graph_with_a_parent_that_is_not_there_is_drawn', () => {
  assert.equal(layout(fold([item('a', ['gone'])], 'none'), { width: 1, height: 1, gap_x: 1, gap_y: 1 }).edges.length, 0);
});

test('idle_time_is_folded_and_order_is_kept', () => {
  const scale = scale_of([{ from: 0, to: 1_000 }, { from: 3_600_000, to: 3_601_000 }, { from: 3_601_100, to: 3_601_200 }], 836, 36);
  assert.equal(scale.gaps.length, 1);
  assert.ok(Math.abs(scale.x(1_000) - 363.6) < 1 && Math.abs(scale.x(3_600_000) - 399.6) < 1);
  let last = -1;
  for (let t = 0; t <= 3_601_200; t += 900) {
    assert.ok(scale.x(t) >= last);
    last = scale.x(t);
  }
  assert.ok(Math.abs(scale.x(3_601_200) - 836) < 1);
  const two = scale_of([{ from: 0, to: 100 }, { from: 9_100, to: 9_200 }, { from: 20_200, to: 20_300 }], 372, 36);
  assert.deepEqual(two.gaps.map((g) => Math.round(g.x)), [100, 236]);
  assert.ok(Math.abs(two.x(20_300) - 372) < 1);
  assert.equal(scale_of([], 100).x(5), 0);
});

let seq = 0;
const event = (at, kind, data = {}, action = 'a') => ({ seq: ++seq, at: new Date(at).toISOString(), kind, actor: 'system', ...(action ? { action } : {}), data: new Raw(JSON.stringify(data)) });

test('each_attempt_is_a_bar_and_each_wait_has_its_bounds', () => {
  const tracks = new Tracks();
  for (const e of [event(0, 'workflow_created', {}, ''), event(10, 'attempt_started', { attempt: 1 }), event(30, 'attempt_failed', { attempt: 1, error_class: 'net', message: 'no' }),
    event(30, 'retry_scheduled', { attempt: 1, next_retry_at: new Date(530).toISOString(), wait_ms: 500, wait_least_ms: 400, wait_most_ms: 600 }),
    event(531, 'attempt_started', { attempt: 2 }), event(540, 'attempt_opened', { attempt: 2 }), event(900, 'a_kind_of_tomorrow', { x: 1 }), event(1_000, 'attempt_timed_out', { attempt: 2 }),
    event(1_001, 'late_result', { attempt: 2, outcome: 'completed' })]) tracks.add(e);
  const t = tracks.all.get('a');
  assert.deepEqual(t.attempts.map((a) => [a.attempt, a.from, a.to, a.outcome, a.error_class]), [[1, 10, 30, 'failed', 'net'], [2, 531, 1_000, 'timed_out', undefined]]);
  assert.deepEqual(t.waits, [{ kind: 'retry', from: 30, to: 531, until: 530, least: 430, most: 630 }]);
  assert.equal(t.late.length, 1);
  assert.equal(tracks.last, seq);
  tracks.add(event(2_000, 'attempt_started', { attempt: 3 }));
  tracks.add(event(2_500, 'workflow_cancelled', {}, ''));
  assert.equal(t.attempts[2].outcome, 'cancelled');
});

test('an_event_stream_is_read_however_it_is_cut', () => {
  const text = ': hello\nretry: 2000\n\nid: 7\nevent: attempt_started\ndata: {"a":\ndata: 1}\n\nevent: end\ndata: {}\n\n';
  for (let cut = 1; cut < text.length; ++cut) {
    const s = new Splitter();
    const all = [...s.push(text.slice(0, cut)), ...s.push(text.slice(cut))];
    assert.deepEqual(all, [{ id: '7', name: 'attempt_started', data: '{"a":\n1}' }, { id: '', name: 'end', data: '{}' }]);
  }
});

test('a_word_that_is_not_known_is_shown_as_it_is', () => {
  assert.equal(look('half_asleep').word, 'half asleep');
  assert.equal(look('constructor').word, 'constructor');
  assert.equal(look('').word, 'unknown');
  assert.equal(state_of_workflow({ status: 'half_asleep', actions: {} }), 'half_asleep');
});

test('a_search_is_filters_and_a_word', () => {
  const now = Date.parse('2026-11-27T12:00:00.000Z');
  assert.deepEqual(read_search('name:"my flow" order-7 since:2h', now), { filters: { name: 'my flow', from: '2026-11-27T10:00:00.000Z' }, word: 'order-7', fault: '' });
  assert.match(read_search('since:never', now).fault, /no time/);
});
