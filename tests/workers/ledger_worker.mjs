// A worker that writes down what it does: ledger_worker.mjs URL LEDGER NAME SLOTS LEASE TYPE...
import { openSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { Failed, Worker } from "../../examples/workers/tenax_worker.mjs";

const [url, path, name, slots, lease, ...types] = process.argv.slice(2);
const ledger = openSync(path, "a", 0o600);
const write = (what, task) => writeSync(ledger, `${what} ${task.idempotencyKey} ${task.attempt} ${name}\n`);
const sum = (text) => [...text].reduce((s, c) => (s * 31 + c.charCodeAt(0)) % 1_000_003, 7);

const work = async (task) => {
  write("begin", task);
  await sleep(task.input.ms);
  if (task.attempt === 1 && sum(task.idempotencyKey) % 10 === 0) {
    write("fail", task);
    throw new Failed("flaky", "the first time");
  }
  write("end", task);
  return { ms: task.input.ms, by: name };
};

const worker = new Worker(url, Object.fromEntries(types.map((t) => [t, work])), {
  name,
  slots: Number(slots),
  leaseMs: 1000 * Number(lease),
  log: () => {},
});
process.on("SIGTERM", () => worker.stop());
await worker.run();
