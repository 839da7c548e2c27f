// The page as a person has it: a browser on a real server. Each promise by what is read and what a
// click or a key does; nothing that needs a machine of some speed.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { Browser, Server, grid, order, picture, traces } from './world.mjs';

const server = new Server();
const browser = new Browser();
const patience = { timeout: 60_000 };
const text = (page, selector) => page.locator(selector).first().innerText();
const see = (page, selector, words) => page.locator(selector, words ? { hasText: words } : {}).first().waitFor(patience);
async function retrying(id) {
  await server.submit(order(id));
  await server.eventually(`/v1/workflows/${id}?summary`, (w) => w.workflow.actions.backing_off === 1);
}
async function with_page(where, options, use) {
  const page = await browser.open(server, where, options);
  await use(page);
  await browser.close(page);
}

before(async () => {
  await server.start();
  await browser.start();
});
after(async () => {
  await browser.stop();
  await server.stop('SIGKILL');
  server.remove();
});

test('one_sentence_on_top_says_why_and_counts_down', async () => {
  await retrying('order-1');
  const { headline } = await server.get('/v1/workflows/order-1/explain');
  await with_page('/w/order-1', {}, async (page) => {
    await see(page, '#headline', 'waits for its retry');
    const shown = await text(page, '#headline');
    // Its own words but for the moment, which goes on.
    assert.equal(shown.split(' in ')[0], headline.replace(/^\S+ \(\w+\): /, '').split(' in ')[0]);
    assert.match(shown, /after exit_code: .*no answer from the bank; it holds 3 others/);
    const first = await text(page, '#headline .tick');
    await page.waitForFunction((t) => document.querySelector('#headline .tick').textContent !== t, first, patience);
    await see(page, '.next', 'is tried again');
    await see(page, '.next .then', 'if it fails');
    await see(page, '.reason .error-line', 'no answer from the bank');
    assert.equal(await text(page, '.holds'), 'holds 3');
    await page.locator('details', { hasText: 'wait for others' }).locator('summary').click();
    await see(page, '.reason', 'held by charge');
    await see(page, '.live', 'live');
    await picture(page, 'workflow');
  });
  await with_page('/w/order-1?action=charge&tab=timeline', { dark: true }, async (page) => {
    await see(page, 'aside .attempts');
    await picture(page, 'workflow-dark');
  });
  await with_page('/w/order-1', { phone: true }, async (page) => {
    await see(page, '#headline');
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than a telephone');
    await picture(page, 'workflow-phone');
  });
});

test('a_failure_is_shown_in_full_with_each_attempt_and_each_wait', async () => {
  await retrying('order-2');
  await with_page('/w/order-2', {}, async (page) => {
    await page.locator('.reason', { hasText: 'charge' }).first().click();
    await see(page, 'aside .failure code', 'exit_code');
    await see(page, 'aside .failure pre', 'no answer from the bank');
    await see(page, 'aside .attempts', 'failed');
    await see(page, 'aside .wait-line', 'drawn from 30.0 s to 45.0 s');
    assert.match(page.url(), /action=charge/);
    await page.locator('.tab', { hasText: 'Timeline' }).click();
    await see(page, '.track', 'charge');
    assert.ok(await page.locator('.track', { hasText: 'charge' }).locator('.attempt.tone-bad').count() >= 1);
    assert.ok(await page.locator('.track', { hasText: 'charge' }).locator('.wait-retry.open').count() === 1);
    assert.match(await page.locator('.attempt.tone-bad').first().getAttribute('title'), /attempt 1 failed.*exit_code: .*no answer/s);
    await picture(page, 'timeline');
  });
});

test('nothing_will_happen_by_itself_is_said_with_what_somebody_can_do', async () => {
  await server.submit({ id: 'ask-1', name: 'ask', actions: [{ key: 'ask', type: 'wait_signal', input: { name: 'approved' } }, { key: 'go', type: 'noop', depends_on: ['ask'] }] });
  await server.eventually('/v1/workflows/ask-1?summary', (w) => w.workflow.actions.outside === 1);
  await with_page('/w/ask-1', {}, async (page) => {
    await see(page, '#headline', 'nothing will happen by itself');
    await page.locator('.why-next button', { hasText: 'Send approved' }).click();
    await see(page, 'dialog .means', 'ask waits for approved: the payload becomes the result');
    await page.locator('dialog textarea').fill('{"by": 9007199254740993}');
    await page.locator('dialog button[type=submit]').click();
    await see(page, 'dialog .changes', 'signal received');
    await page.locator('dialog button', { hasText: 'Good' }).click();
    await see(page, '.wf-meta .state', 'Completed');
    await page.goto(`${server.url}/w/ask-1?action=go`);
    await page.goto(`${server.url}/w/ask-1?action=ask`);
    await see(page, 'aside .payload', '9007199254740993');
  });
});

test('an_action_that_no_worker_asks_for_says_so_and_goes_on_when_one_does', async () => {
  await server.submit({ id: 'render-1', name: 'render', actions: [{ key: 'render', type: 'render_page', input: { n: 1 } }] });
  await with_page('/w/render-1', {}, async (page) => {
    await see(page, '#headline', 'waits for a worker');
    await see(page, '.reason', 'waits for a worker');
    const asked = await fetch(`${server.url}/v1/workers/poll`, { method: 'POST', body: JSON.stringify({ worker: 'w1', types: ['render_page'], max: 1, wait_ms: 5_000, lease_ms: 60_000 }) });
    const { tasks } = await asked.json();
    assert.equal(tasks.length, 1);
    await page.waitForFunction(() => !document.querySelector('#headline').textContent.includes('waits for a worker'), null, patience);
    await fetch(`${server.url}/v1/attempts/end`, { method: 'POST', body: JSON.stringify({ token: tasks[0].token, outcome: 'complete', result: { pages: 3 } }) });
    await see(page, '.wf-meta .state', 'Completed');
  });
});

test('queues_and_workers_are_shown_as_they_are_now', async () => {
  const poll = (worker, type, wait_ms) => fetch(`${server.url}/v1/workers/poll`, { method: 'POST', body: JSON.stringify({ worker, types: [type], max: 3, wait_ms, lease_ms: 60_000 }) }).then((a) => a.json());
  await poll('w-early', 'translate', 0);
  for (let i = 0; i < 3; ++i) await server.submit({ id: `cut-${i}`, name: 'cut', actions: [{ key: 'cut', type: 'cut_film', input: i }] });
  await server.submit({ id: 'translate-1', name: 'translate', actions: [{ key: 'a', type: 'translate' }, { key: 'b', type: 'translate' }] });
  await with_page('/', {}, async (page) => {
    await page.locator('a.nav').click();
    assert.match(page.url(), /\/queues$/);
    const row = (type) => page.locator('.line', { hasText: type });
    await see(page, '.line', 'cut_film');
    // What needs somebody is first; its oldest goes on.
    assert.match(await row('cut_film').innerText(), /No worker[\s\S]*none has asked yet[\s\S]*3/);
    assert.match(await row('translate').innerText(), /Workers full[\s\S]*asked[\s\S]*ago/);
    const first = await row('cut_film').locator('.tick').innerText();
    await page.waitForFunction((t) => document.querySelector('.line .num .tick').textContent !== t, first, patience);
    await see(page, '.line.quiet-line', 'exec');
    await see(page, '.worker', 'w-early');
    // A worker that asks is there within a moment, and so is what it was given.
    const waits = poll('w-cutter', 'paint', 60_000);
    await page.locator('.line', { hasText: 'paint' }).locator('.state', { hasText: 'Workers free' }).waitFor(patience);
    const { tasks } = await poll('w-cutter', 'cut_film', 1_000);
    assert.equal(tasks.length, 3);
    await page.locator('.worker', { hasText: 'w-cutter' }).locator('.num', { hasText: '3 / 3' }).waitFor(patience);
    await page.locator('.line', { hasText: 'cut_film' }).locator('.state', { hasText: 'Quiet' }).waitFor(patience);
    await see(page, '.live', 'live');
    await picture(page, 'queues');
    await row('translate').locator('a.type').click();
    await see(page, '.workflow', 'translate-1');
    await page.keyboard.press('q');
    await see(page, '.queues h1', 'Workers');
    await server.submit({ id: 'paint-1', name: 'paint', actions: [{ key: 'a', type: 'paint' }] });
    assert.equal((await waits).tasks.length, 1);
  });
  await with_page('/queues', { dark: true }, async (page) => { await see(page, '.worker', 'w-cutter'); await picture(page, 'queues-dark'); });
  await with_page('/queues', { phone: true }, async (page) => {
    await see(page, '.worker', 'w-cutter');
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than a telephone');
    await picture(page, 'queues-phone');
  });
  const plain = await (await fetch(`${server.url}/queues?plain`)).text();
  assert.match(plain, /<td>translate<\/td>/);
  assert.match(plain, /<td>w-cutter<\/td>/);
});

test('two_fingers_zoom_the_graph_about_the_point_between_them', async () => {
  await server.submit(grid('pinch', 60, 10));
  await with_page('/w/pinch', { touch: true }, async (page) => {
    await page.locator('.graph-svg .node').first().waitFor(patience);
    const scale = () => page.evaluate(() => Number(/scale\(([^)]+)\)/.exec(document.querySelector('.graph-svg g').getAttribute('transform'))[1]));
    const box = await page.locator('.graph-paper').boundingBox();
    const touch = await page.context().newCDPSession(page);
    const fingers = (apart) => [-1, 1].map((side, id) => ({ x: box.x + box.width / 2 + side * apart, y: box.y + box.height / 2, id }));
    const pinch = async (from, to) => {
      await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: fingers(from) });
      for (let i = 1; i <= 5; ++i) await touch.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: fingers(from + ((to - from) * i) / 5) });
      await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    };
    const before = await scale();
    await pinch(40, 80);
    await page.waitForFunction((k) => Number(/scale\(([^)]+)\)/.exec(document.querySelector('.graph-svg g').getAttribute('transform'))[1]) > k * 1.8, before, patience);
    const wide = await scale();
    await pinch(80, 40);
    await page.waitForFunction((k) => Number(/scale\(([^)]+)\)/.exec(document.querySelector('.graph-svg g').getAttribute('transform'))[1]) < k / 1.8, wide, patience);
    assert.ok(!/action=/.test(page.url()), 'no node was pressed');
  });
});

test('a_consequence_is_said_before_and_what_changed_after', async () => {
  await retrying('order-3');
  await with_page('/w/order-3?action=charge', {}, async (page) => {
    await page.locator('aside button', { hasText: 'Retry now' }).click();
    await see(page, 'dialog .means', 'attempt 2 starts now');
    await page.locator('dialog input').fill('the bank is back');
    await page.locator('dialog button[type=submit]').click();
    await see(page, 'dialog .changes', 'retry requested');
    await see(page, 'dialog .changes', 'attempt started charge');
    await page.keyboard.press('Enter');
    await page.locator('.verbs button', { hasText: 'Cancel' }).click();
    await see(page, 'dialog .means', 'open actions are cancelled: charge, pack, ship, mail');
    await see(page, 'dialog .means', 'What is done (2) stays done');
    await picture(page, 'dialog');
    await page.locator('dialog button.danger').click();
    await see(page, 'dialog .changes', 'workflow cancelled');
    await page.keyboard.press('Escape');
    await see(page, '.wf-meta .state', 'Cancelled');
    await page.locator('.verbs button', { hasText: 'Remove' }).click();
    await page.locator('dialog button.danger').click();
    await see(page, '.list');
    assert.equal((await fetch(`${server.url}/v1/workflows/order-3`)).status, 404);
  }).catch((e) => { if (!/404/.test(e.message)) throw e; });
});

test('what_the_server_refuses_is_shown_in_its_own_words', async () => {
  await retrying('order-4');
  await with_page('/w/order-4', { allowed: ['409', '400'] }, async (page) => {
    await page.locator('.verbs button', { hasText: 'Retry now' }).click();
    await see(page, 'dialog .means');
    await fetch(`${server.url}/v1/workflows/order-4/cancel`, { method: 'POST' });
    const own = await (await fetch(`${server.url}/v1/workflows/order-4/retry`, { method: 'POST' })).json();
    assert.equal(own.class, 'rejected');
    await page.locator('dialog button[type=submit]').click();
    await see(page, 'dialog .refused strong', own.detail);
    await see(page, 'dialog .refused', own.code);
    await see(page, 'dialog .refused', 'Nothing was changed.');
  });
});

test('a_decision_says_what_each_choice_means', async () => {
  await server.submit({ id: 'decide-1', name: 'decide', actions: [{ key: 'a', type: 'log_message', input: { level: 'info', message: 'x' } }, { key: 'charge', type: 'exec', input: { argv: ['/no/such/program'] } }, { key: 'pack', type: 'noop', depends_on: ['charge'] }] });
  const waiting = () => server.get('/v1/workflows/decide-1?summary');
  for (let i = 0; i < 3 && (await waiting()).workflow.actions.in_doubt === 0; ++i) {
    await server.eventually('/v1/workflows/decide-1?summary', (w) => w.workflow.actions.backing_off + w.workflow.actions.in_doubt === 1);
    await fetch(`${server.url}/v1/workflows/decide-1/retry`, { method: 'POST' });
    await new Promise((r) => setTimeout(r, 200));
  }
  await server.eventually('/v1/workflows/decide-1?summary', (w) => w.workflow.actions.in_doubt === 1);
  await with_page('/w/decide-1', {}, async (page) => {
    await page.locator('.why-next button', { hasText: 'Decide for charge' }).click();
    await see(page, 'dialog .means', 'tried again');
    await page.locator('dialog input[value=fail]').check({ force: true });
    await see(page, 'dialog .means', 'the workflow with it; pack never starts');
    await page.locator('dialog input[value=skip]').check({ force: true });
    await see(page, 'dialog .means', 'counts as done with the result null; pack can start');
    await page.locator('dialog button[type=submit]').click();
    await see(page, 'dialog .changes', 'action resolved charge');
    await page.keyboard.press('Escape');
    await see(page, '.wf-meta .state', 'Completed');
  });
});

test('an_action_is_changed_where_it_is_read_and_says_who_changed_it', async () => {
  await retrying('order-10');
  await with_page('/w/order-10?action=charge', { allowed: ['400'] }, async (page) => {
    await page.locator('aside .acts button', { hasText: 'Change …' }).click();
    await see(page, 'dialog .means', 'The next attempt of charge has the new input');
    await see(page, 'dialog .means', 'as before');
    await page.locator('dialog textarea').fill('{"argv":["true"],"n":12345678901234567890}');
    await page.locator('dialog button[type=submit]').click();
    await see(page, 'dialog .refused', '/input');
    await page.locator('dialog textarea').fill('{"argv":["true"]}');
    await page.locator('dialog label', { hasText: 'Attempts in all' }).locator('input').fill('9');
    await page.locator('dialog label', { hasText: 'Reason' }).locator('input').fill('a typo');
    await picture(page, 'change');
    await page.locator('dialog button[type=submit]').click();
    await see(page, 'dialog .changes', 'input changed charge');
    await page.keyboard.press('Escape');
    await see(page, 'aside', 'Input changed: a typo');
    await see(page, 'aside', '(max attempts 9)');
  });
});

test('the_list_groups_by_reason_and_a_click_shows_those', async () => {
  await retrying('order-5');
  await retrying('order-6');
  await server.submit({ id: 'done-1', name: 'quick', actions: [{ key: 'a', type: 'noop' }] });
  await with_page('/', {}, async (page) => {
    await see(page, '.group', 'exec wait for a retry after exit_code');
    await see(page, '.workflow', 'order-6');
    await see(page, '.workflow .text', 'waits for its retry');
    await picture(page, 'list');
    await page.locator('.group', { hasText: 'exec wait for a retry' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.workflow').length > 1 && [...document.querySelectorAll('.workflow .state')].every((e) => e.textContent === 'Retrying'), null, patience);
    assert.match(page.url(), /reason=retry&action_type=exec/);
    await page.reload();
    await see(page, '.group.here', 'exec wait');
    assert.equal(await page.locator('.workflow', { hasText: 'done-1' }).count(), 0);
    await page.goBack();
    await see(page, '.workflow', 'done-1');
    await page.locator('.tab', { hasText: 'Retrying' }).click();
    await page.waitForFunction(() => [...document.querySelectorAll('.workflow .state')].every((e) => e.textContent === 'Retrying'), null, patience);
  });
  await with_page('/', { dark: true }, async (page) => { await see(page, '.workflow'); await picture(page, 'list-dark'); });
  await with_page('/', { phone: true }, async (page) => {
    await see(page, '.workflow');
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await picture(page, 'list-phone');
  });
});

test('a_search_finds_by_id_name_and_reference_and_is_in_the_url', async () => {
  await server.submit({ id: 'find-me', name: 'a name of two words', reference: 'T-77', actions: [{ key: 'a', type: 'noop' }] });
  await with_page('/', { allowed: ['404'] }, async (page) => {
    for (const words of ['find-me', 'T-77', 'name:"a name of two words"', 'ref:T-77 since:1h']) {
      await page.locator('.search').fill(words);
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.querySelectorAll('.workflow').length === 1 && document.querySelector('.workflow strong').textContent === 'find-me', null, patience);
      const where = page.url();
      await page.goto(`${server.url}/`);
      await page.goto(where);
      await see(page, '.workflow', 'find-me');
    }
    await page.locator('.search').fill('none-is-called-so');
    await page.keyboard.press('Enter');
    await see(page, '.empty', 'No workflow is like that.');
  });
});

test('the_keyboard_is_enough', async () => {
  await retrying('order-7');
  await with_page('/', { allowed: ['404'] }, async (page) => {
    await see(page, '.workflow', 'order-7');
    await page.keyboard.press('/');
    await page.keyboard.type('order-7');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelectorAll('.workflow').length === 1, null, patience);
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await see(page, '#headline', 'waits for its retry');
    await page.keyboard.press('3');
    await see(page, '.action', 'charge');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await see(page, 'aside h2', 'charge');
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !document.querySelector('.has-detail'), null, patience);
    await page.keyboard.press('r');
    await see(page, 'dialog', 'Retry order-7 now?');
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await see(page, 'dialog', 'Keys');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await see(page, '.list');
  });
});

test('a_change_is_there_within_a_second_or_two_and_a_lost_server_is_said', async () => {
  await retrying('order-8');
  await with_page('/w/order-8', { allowed: ['ERR_', 'Failed to load'] }, async (page) => {
    await see(page, '.live', 'live');
    await fetch(`${server.url}/v1/workflows/order-8/retry`, { method: 'POST' });
    await see(page, '#headline', 'attempt 3');
    const { address } = server;
    await server.stop('SIGKILL');
    await page.waitForFunction(() => /reconnecting · as of \d\d:\d\d:\d\d/.test(document.querySelector('.live').textContent), null, patience);
    await see(page, '#headline', 'attempt 3');  // what was known stays
    await server.start(address);
    await see(page, '.live', /^live$/);
    await fetch(`${server.url}/v1/workflows/order-8/cancel`, { method: 'POST' });
    await see(page, '.wf-meta .state', 'Cancelled');
  });
  await with_page('/', {}, async (page) => {
    await see(page, '.live', 'live');
    await see(page, '.workflow');
    await server.submit({ id: 'just-now', name: 'n', actions: [{ key: 'a', type: 'wait', input: { seconds: 100 } }] });
    await see(page, '.workflow', 'just-now');
  });
});

test('a_hidden_page_asks_for_nothing_and_six_tabs_do_not_hang', async () => {
  await retrying('order-9');
  await with_page('/w/order-9', {}, async (page) => {
    await see(page, '.live', 'live');
    const asked = [];
    page.on('request', (r) => asked.push(r.url()));
    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await see(page, '.live', /^as of/);
    asked.length = 0;
    await fetch(`${server.url}/v1/workflows/order-9/retry`, { method: 'POST' });
    await server.eventually('/v1/workflows/order-9?summary', (w) => w.workflow.events > 8 && w.workflow.actions.backing_off === 1);
    assert.deepEqual(asked, []);
    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => false });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await see(page, '#headline', 'attempt 3');
  });
  const context = await browser.it.newContext();
  const tabs = await Promise.all(Array.from({ length: 7 }, () => context.newPage()));
  for (const tab of tabs) {
    await tab.goto(`${server.url}/w/order-9`);
    await see(tab, '#headline', 'attempt 3');
    // As a browser has it: only one tab is in front.
    if (tab !== tabs[6]) await tab.evaluate(() => { Object.defineProperty(document, 'hidden', { get: () => true }); document.dispatchEvent(new Event('visibilitychange')); });
  }
  await see(tabs[6], '.live', 'live');
  await context.close();
});

test('payloads_are_text_and_numbers_keep_their_digits', async () => {
  const evil = '<img src=x onerror="document.title=1"><script>alert(1)</script>';
  await server.submit(`{"id":"evil","name":${JSON.stringify(evil)},"description":${JSON.stringify(evil)},"input":{"big":9007199254740993,"t":${JSON.stringify(evil)}},
    "actions":[{"key":"a","type":"noop","input":{"n":18446744073709551615,"t":${JSON.stringify(evil)}}}]}`);
  await server.eventually('/v1/workflows/evil?summary', (w) => w.workflow.status === 'completed');
  await with_page('/w/evil?action=a', {}, async (page) => {
    await see(page, 'aside .payload', '18446744073709551615');
    await see(page, 'aside .payload', '<img src=x');
    assert.equal(await page.locator('main img').count(), 0);
    await page.locator('.tab', { hasText: 'Input' }).click();
    await see(page, '.fields .payload', '9007199254740993');
    await page.locator('.tab', { hasText: 'History' }).click();
    await see(page, '.event', 'action completed');
    assert.equal(await page.locator('main img').count(), 0);
    assert.equal(await page.title(), 'evil · tenax');
    await page.goto(`${server.url}/`);
    await see(page, '.workflow', '<img');
    assert.equal(await page.locator('main img').count(), 0);
  });
});

test('an_unknown_status_never_blanks_the_page', async () => {
  await retrying('order-10');
  const changed = async (page) => page.route('**/v1/workflows/order-10**', async (route) => {
    const answer = await route.fetch();
    const body = (await answer.text()).replaceAll('"in_progress"', '"half_asleep"').replaceAll('"retry"', '"of_tomorrow"').replaceAll('"executing"', '"pondering"');
    await route.fulfill({ response: answer, body });
  });
  await with_page('/w/order-10', { before: changed }, async (page) => {
    await see(page, '#headline', 'charge');
    await see(page, '.wf-meta .state', 'half asleep');
    await page.locator('.tab', { hasText: 'Actions' }).click();
    await see(page, '.action', 'charge');
    await page.locator('.tab', { hasText: 'Graph' }).click();
    await see(page, '.node', 'charge');
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  });
});

test('without_the_scope_a_button_says_why_it_is_off', async () => {
  await retrying('order-11');
  const refused = async (page) => page.route('**/cancel', (route) => route.fulfill({ status: 403, contentType: 'application/problem+json',
    body: JSON.stringify({ type: 'urn:tenax:error:forbidden', title: 'Forbidden', status: 403, code: 'forbidden', class: 'rejected', detail: 'this needs the scope operate; the token t1 has read', missing_scope: 'operate' }) }));
  await with_page('/w/order-11', { before: refused, allowed: ['403'] }, async (page) => {
    await page.locator('.verbs button', { hasText: 'Cancel' }).click();
    await page.locator('dialog button.danger').click();
    await see(page, 'dialog .refused', 'this needs the scope operate');
    await page.keyboard.press('Escape');
    await page.locator('.verbs button', { hasText: 'Retry now' }).click();
    await see(page, 'dialog .refused', 'has not the scope operate');
    assert.ok(await page.locator('dialog button[type=submit]').isDisabled());
  });
});

test('a_server_with_tokens_is_asked_for_one_which_stays_in_its_tab', async () => {
  const locked = new Server();
  const file = path.join(locked.dir, 'tokens');
  const make = (scope) => execFileSync(process.env.TENAX_PROGRAM, ['token', 'create', scope, '--scope', scope, '--token-file', file], { encoding: 'utf8' }).match(/tnx_\S+/)[0];
  const reads = make('read');
  const all = make('admin');
  await locked.start('127.0.0.1:0', ['--token-file', file]);
  await fetch(`${locked.url}/v1/workflows`, { method: 'POST', headers: { Authorization: `Bearer ${all}` }, body: JSON.stringify({ id: 'secret-1', name: 's', actions: [{ key: 'a', type: 'wait', input: { seconds: 1000 } }] }) });
  const page = await browser.open(locked, '/w/secret-1', { allowed: ['401', '403'] });
  await see(page, 'form strong', 'asks for a token');
  assert.ok(!(await text(page, 'body')).includes('sleep'));
  await page.locator('form input').fill(reads);
  await page.keyboard.press('Enter');
  await see(page, '#headline', 'a waits');
  await see(page, '.live', 'live');
  await page.locator('.verbs button', { hasText: 'Cancel' }).click();
  await page.locator('dialog button.danger').click();
  await see(page, 'dialog .refused', 'this needs the scope operate');
  assert.equal(await page.evaluate(() => Object.values(localStorage).join() + document.cookie), '');
  assert.ok(!page.url().includes('tnx_'));
  await browser.close(page);
  await locked.stop('SIGKILL');
  locked.remove();
});

test('times_are_local_or_utc_to_the_millisecond', async () => {
  await retrying('order-12');
  const { workflow } = await server.get('/v1/workflows/order-12?summary');
  await with_page('/w/order-12', {}, async (page) => {
    await see(page, '#headline');
    await page.keyboard.press('u');
    await see(page, '.wf-meta', workflow.submitted_at.slice(11));
    await page.keyboard.press('u');
    const local = new Date(Date.parse(workflow.submitted_at) + 3_600_000).toISOString().slice(11, 23);
    await see(page, '.wf-meta', local);
  });
});

test('page_api_and_terminal_say_the_same', async () => {
  await server.submit({ id: 'same-1', name: 'same', actions: [{ key: 'ask', type: 'wait_signal', input: { name: 'approved' } }] });
  await server.eventually('/v1/workflows/same-1?summary', (w) => w.workflow.actions.outside === 1);
  const { headline } = await server.get('/v1/workflows/same-1/explain');
  const words = headline.replace(/^\S+ \(\w+\): /, '');
  const terminal = execFileSync(process.env.TENAX_PROGRAM, ['explain', 'same-1', '--data-dir', path.join(server.dir, 'data')], { encoding: 'utf8' });
  assert.ok(terminal.includes('waits for the signal approved'));
  await with_page('/w/same-1', {}, async (page) => {
    await see(page, '#headline');
    assert.equal(await text(page, '#headline'), words);
    await page.goto(`${server.url}/w/same-1?plain`);
    assert.ok((await text(page, 'main')).includes(words));
    await page.goto(`${server.url}/?plain`);
    assert.ok((await text(page, 'main')).includes(words));
  });
});

test('the_whole_graph_is_there_at_once_and_alike_ones_fold', async () => {
  const ids = [];
  for (const t of traces()) ids.push(await server.submit(t));
  if (ids.length === 0) ids.push(await server.submit(grid('trace', 1_000, 200)));
  for (const id of ids) {
    const { workflow } = await server.get(`/v1/workflows/${id}?summary`);
    await with_page(`/w/${id}`, {}, async (page) => {
      await see(page, '.graph-bar', `${workflow.actions.total.toLocaleString('en-US')} actions`);
      await see(page, '.node');
      const nodes = await page.locator('.node').count();
      assert.ok(nodes > 0 && nodes <= 500);
      if (workflow.actions.total > 500) {
        await picture(page, 'graph-1000-folded');
        await page.locator('.graph-bar button', { hasText: 'Unfold' }).click();
        await page.locator('.graph-canvas:not(.gone)').waitFor(patience);
        await picture(page, 'graph-1000');
      }
    });
  }
  await retrying('order-13');
  await with_page('/w/order-13', {}, async (page) => {
    await see(page, '.node', 'mail');  // long before it can run
    assert.equal(await page.locator('.node').count(), 6);
    await page.locator('.node', { hasText: 'charge' }).click();
    await see(page, 'aside h2', 'charge');
    await page.locator('.graph-paper').focus();
    for (const key of ['+', '-', 'ArrowLeft', '0']) await page.keyboard.press(key);
    await picture(page, 'graph');
  });
});

test('twenty_thousand_actions_stay_interactive', async () => {
  await server.submit(grid('big', 20_000));
  await server.eventually('/v1/workflows/big?summary', (w) => w.workflow.actions.backing_off > 3);
  await with_page('/w/big', {}, async (page) => {
    await see(page, '.graph-bar', '20,000 actions');
    await picture(page, 'actions-20000');
    await page.evaluate(() => {
      globalThis.longest = 0;
      let last = performance.now();
      const step = () => { const now = performance.now(); globalThis.longest = Math.max(globalThis.longest, now - last); last = now; requestAnimationFrame(step); };
      requestAnimationFrame(step);
    });
    await page.locator('.graph-bar button', { hasText: 'Unfold' }).click();
    await page.locator('.graph-canvas:not(.gone)').waitFor(patience);
    await picture(page, 'actions-20000-canvas');
    await page.locator('.graph-paper').focus();
    for (const key of ['ArrowDown', 'ArrowDown', '+', '-', '0']) await page.keyboard.press(key);
    await page.locator('.tab', { hasText: 'Actions' }).click();
    await see(page, '.action', 'Retrying');  // open ones first
    assert.ok(await page.locator('.action').count() < 100, 'only what is in sight is there');
    await page.locator('.filter').fill('t19999');
    await page.waitForFunction(() => document.querySelectorAll('.action').length === 1, null, patience);
    await page.locator('.action').click();
    await see(page, 'aside h2', 't19999');
    await page.locator('.tab', { hasText: 'History' }).click();
    await see(page, '.event');
    await page.locator('.tab', { hasText: 'Timeline' }).click();
    await see(page, '.track');
    await picture(page, 'timeline-20000');
    const longest = await page.evaluate(() => globalThis.longest);
    assert.ok(longest < 15_000, `it stood still for ${longest} ms`);
  });
});

test('a_hundred_thousand_workflows_are_a_list_like_any_other', async () => {
  await server.submit_many(100_000, (i) => ({ id: `many-${i}`, name: i % 2 ? 'odd' : 'even', actions: [{ key: 'a', type: 'noop' }] }));
  await with_page('/', {}, async (page) => {
    await see(page, '.tab .count', '100,');
    await see(page, '.workflow', 'many-99999');
    await picture(page, 'list-100000');
    for (let i = 0; i < 30; ++i) {
      await page.mouse.wheel(0, 3_000);
      await page.waitForTimeout(30);
    }
    await page.waitForFunction(() => document.querySelectorAll('.workflow').length > 5 && Number(document.querySelector('.workflow').getAttribute('aria-setsize')) > 200, null, patience);
    assert.ok(await page.locator('.workflow').count() < 100);
    await page.goto(`${server.url}/?name=even&status=completed`);
    await see(page, '.workflow', 'many-99998');
  });
});
