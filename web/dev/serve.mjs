// Serves web/ bundled anew at each load, and passes /v1 on to a server that runs:
//   node web/dev/serve.mjs 8362 8400
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const web = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const [to = '8362', port = '8400'] = process.argv.slice(2);
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
const types = { html: 'text/html', css: 'text/css', js: 'text/javascript' };

http.createServer((request, response) => {
  const at = request.url.split('?')[0];
  const file = at === '/page/app.css' ? 'app.css' : at === '/page/app.js' ? 'app.js' : at === '/' || at === '/queues' || at.startsWith('/w/') ? 'index.html' : '';
  if (file && !/[?&]plain/.test(request.url)) {
    let body;
    try {
      body = file === 'app.js' ? execFileSync('esbuild', [path.join(web, 'src/main.ts'), '--bundle', '--target=es2021', '--log-level=warning']) : readFileSync(path.join(web, file));
    } catch (e) {
      body = `console.error(${JSON.stringify(String(e.stderr ?? e))})`;
    }
    response.writeHead(200, { 'Content-Type': `${types[file.split('.')[1]]}; charset=utf-8`, 'Content-Security-Policy': csp });
    return response.end(body);
  }
  const { origin: _, host: __, ...headers } = request.headers;
  const up = http.request({ port: Number(to), method: request.method, path: request.url, headers: { ...headers, host: `127.0.0.1:${to}` } }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  up.on('error', () => response.destroy());
  response.on('close', () => up.destroy());
  request.pipe(up);
}).listen(Number(port), '127.0.0.1');
