// A served data directory with workflows of all kinds, and a browser on it.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

export const out = process.env.TENAX_PAGE_OUT;
const { chromium } = createRequire(path.join(out, 'x.js'))('playwright-core');

export class Server {
  constructor() { this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tenax-page-')); }
  async start(listen = '127.0.0.1:0', more = []) {
    this.process = spawn(process.env.TENAX_PROGRAM, ['serve', '--data-dir', path.join(this.dir, 'data'), '--listen', listen, '--output', 'json', '--allow-exec',
      '--on-exhausted', 'pause', '--max-attempts', '3', '--min-wait-ms', '30000', '--max-wait-ms', '60000', '--drain-ms', '100', ...more], { stdio: ['ignore', 'pipe', 'ignore'] });
    const line = await new Promise((done, failed) => {
      let text = '';
      this.process.stdout.on('data', (d) => { text += d; if (text.includes('\n')) done(text); });
      this.process.on('exit', (code) => failed(new Error(`tenax serve ended with ${code}`)));
    });
    this.address = JSON.parse(line).listening[0];
    this.url = `http://${this.address}`;
  }
  async stop(signal = 'SIGTERM') {
    const ended = new Promise((done) => this.process.on('exit', done));
    this.process.kill(signal);
    await ended;
  }
  remove() { fs.rmSync(this.dir, { recursive: true, force: true }); }
  async get(path_) {
    const a = await fetch(this.url + path_);
    return JSON.parse(await a.text());
  }
  async submit(doc) {
    const a = await fetch(`${this.url}/v1/workflows`, { method: 'POST', body: typeof doc === 'string' ? doc : JSON.stringify(doc) });
    const text = await a.text();
    if (!a.ok) throw new Error(`${a.status} ${text}`);
    return JSON.parse(text).id;
  }
  async submit_many(count, make) {
    for (let i = 0; i < count; i += 5_000) {
      const lines = Array.from({ length: Math.min(5_000, count - i) }, (_, k) => JSON.stringify(make(i + k))).join('\n');
      const a = await fetch(`${this.url}/v1/workflows`, { method: 'POST', body: lines, headers: { 'Content-Type': 'application/x-ndjson' } });
      await a.text();
      if (!a.ok) throw new Error(`${a.status}`);
    }
  }
  async eventually(ask, is_right) {
    for (let i = 0; i < 600; ++i) {
      if (is_right(await this.get(ask))) return;
      await new Promise((r) => setTimeout(r, 50));
    }
    throw new Error(`${ask} does not come`);
  }
}

/** Each page must be without errors of its own. */
export class Browser {
  async start() { this.it = await chromium.launch({ executablePath: process.env.TENAX_BROWSER, args: ['--no-sandbox'] }); }
  async open(server, where, { dark = false, phone = false, touch = false, allowed = [], before = undefined } = {}) {
    const context = await this.it.newContext({ viewport: phone ? { width: 390, height: 844 } : { width: 1360, height: 860 }, colorScheme: dark ? 'dark' : 'light', locale: 'en-GB', hasTouch: touch, timezoneId: 'Europe/Berlin' });
    const page = await context.newPage();
    page.faults = [];
    page.on('console', (m) => { if (['error', 'warning'].includes(m.type()) && !allowed.some((a) => m.text().includes(a))) page.faults.push(m.text()); });
    page.on('pageerror', (e) => page.faults.push(e.stack));
    if (before) await before(page);
    await page.goto(server.url + where);
    return page;
  }
  async close(page) {
    await page.context().close();
    if (page.faults.length) throw new Error(`the page complained: ${page.faults.join('\n')}`);
  }
  stop() { return this.it.close(); }
}
export const picture = (page, name) => page.screenshot({ path: path.join(out, `${name}.png`) });

export const fails = (message, code = 7) => ({ argv: ['sh', '-c', `echo ${message} >&2; exit ${code}`] });
export const order = (id) => ({ id, name: 'order', reference: `ref-${id}`, input: { customer: 'Ada', total: 1 }, actions: [
  { key: 'reserve', type: 'noop', input: { sku: 'A-17' } },
  { key: 'charge', type: 'exec', input: fails('no answer from the bank'), depends_on: ['reserve'] },
  { key: 'pack', type: 'noop', depends_on: ['charge'] },
  { key: 'label', type: 'noop', depends_on: ['reserve'] },
  { key: 'ship', type: 'wait', input: { seconds: 1 }, depends_on: ['pack', 'label'] },
  { key: 'mail', type: 'log_message', input: { level: 'info', message: 'done' }, depends_on: ['ship', 'charge'] },
] });
/** Wide and deep, with some that fail. */
export const grid = (id, n, wide = 100) => ({ id, name: 'grid', actions: Array.from({ length: n }, (_, i) => ({
  key: `t${i}`, type: i % 997 === 5 ? 'exec' : 'noop', input: i % 997 === 5 ? fails('the disk is full', 3) : i,
  depends_on: i < wide ? [] : i % 7 === 0 ? [`t${i - wide}`, `t${i - wide + 1}`] : [`t${i - wide}`] })) });
export function traces() {
  const folder = process.env.TENAX_TRACES;
  if (!folder || !fs.existsSync(folder)) return [];
  return fs.readdirSync(folder).filter((f) => f.endsWith('.json')).map((f) => fs.readFileSync(path.join(folder, f), 'utf8'));
}
