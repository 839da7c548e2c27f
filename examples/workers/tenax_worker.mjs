// A worker for a tenax server (docs/server.md, "Workers"). Node 18, no packages.
//
//   import { Failed, Worker } from "./tenax_worker.mjs";
//
//   const charge = async (task) => {
//     if (task.input.amount < 0) throw new Failed("bad_amount", "less than nothing", { final: true });
//     return { receipt: await pay(task.input, task.idempotencyKey) };
//   };
//   await new Worker("http://127.0.0.1:8362", { charge_card: charge }, { slots: 8 }).run();
//
// A function gets a task and returns its result, or a promise of it: anything that JSON has. It
// throws Failed to say how it failed; anything else that it throws is a failure, too. While it works,
// heartbeats hold its lease; if that is lost all the same (the workflow was cancelled, or the server
// could not be reached for too long), task.signal is aborted and the result counts for nothing. A
// task is made again after a crash: use task.idempotencyKey where an effect must not happen twice.
// Numbers are those of JSON.parse: exact to 2^53.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** How a task failed. retryAfterMs: instead of the policy's delay; final: not tried again. */
export class Failed extends Error {
  constructor(errorClass, message = "", { retryAfterMs, final = false } = {}) {
    super(message);
    this.word = { outcome: "fail", error_class: errorClass, message };
    if (final) this.word.final = true;
    else if (retryAfterMs !== undefined) this.word.retry_after_ms = Math.round(retryAfterMs);
  }
}

/** The task is to be done later, by anybody; that spends no attempt. */
export class NotNow extends Error {
  /** @param {Date} until */
  constructor(until) {
    super(until.toISOString());
    this.word = { outcome: "defer", until: until.toISOString() };
  }
}

/** The server's answer to what it does not do: an application/problem+json document. */
export class Refused extends Error {
  constructor(status, problem) {
    super(`${status} ${problem.code}: ${problem.detail}`);
    this.status = status;
    this.code = problem.code;
  }
}

const isPassing = (e) => !(e instanceof Refused) || e.status === 429 || e.status === 503;

export class Worker {
  #url;
  #types;
  #name;
  #slots;
  #leaseMs;
  #token;
  #log;
  #running = new Map(); // by token
  #stopping = new AbortController();
  #changed = () => {};

  /**
   * url: http://HOST:PORT or https://HOST:PORT. types: a function of each action type. slots: how many
   * tasks are worked on at once. leaseMs: after which a worker that is not heard of has lost its tasks.
   * token: as of `tenax token create`, with the scope work. log: a function of one line of text.
   */
  constructor(url, types, { name, slots = 1, leaseMs = 30_000, token = process.env.TENAX_TOKEN, log = console.error } = {}) {
    this.#url = url.replace(/\/$/, "");
    this.#types = types;
    this.#name = name ?? `${hostname()}-${process.pid}`;
    this.#slots = slots;
    this.#leaseMs = leaseMs;
    this.#token = token;
    this.#log = log;
  }

  /** No more tasks; `run` is done when those that are worked on have ended. */
  stop() {
    this.#stopping.abort();
    this.#changed();
  }

  /** Works until `stop`. Throws Refused if the server will never give it a task. */
  async run() {
    const beats = setInterval(() => void this.#beat(), this.#leaseMs / 3);
    try {
      while (!this.#stopping.signal.aborted) {
        while (this.#running.size >= this.#slots && !this.#stopping.signal.aborted) await this.#news();
        if (this.#stopping.signal.aborted) break;
        for (const told of await this.#poll()) void this.#work(told);
      }
      while (this.#running.size > 0) await this.#news();
    } finally {
      clearInterval(beats);
    }
  }

  #news() {
    return new Promise((resolve) => (this.#changed = resolve));
  }

  async #post(path, body, timeoutMs) {
    const headers = { "Content-Type": "application/json" };
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    const answer = await fetch(this.#url + path, {
      method: "POST",
      redirect: "error", // a token is for this server
      headers,
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const document = JSON.parse(await answer.text());
    if (answer.status !== 200) throw new Refused(answer.status, document);
    return document;
  }

  /** Asks until there is an answer: nothing happens twice. At most for a lease once it stops. */
  async #insist(path, body, timeoutMs) {
    let pauseMs = 100;
    let end;
    for (;;) {
      try {
        return await this.#post(path, body, timeoutMs);
      } catch (e) {
        if (!isPassing(e)) throw e;
        if (this.#stopping.signal.aborted) {
          end ??= Date.now() + this.#leaseMs;
          if (Date.now() > end) return { tasks: [] };
        }
        this.#log(`${path}: ${e.message}${e.cause ? `: ${e.cause.message}` : ""}; again soon`);
        await sleep(Math.random() * pauseMs);
        pauseMs = Math.min(2 * pauseMs, 5_000);
      }
    }
  }

  async #poll() {
    const waitMs = 5_000; // `stop` waits for that
    const ask = {
      worker: this.#name,
      types: Object.keys(this.#types),
      max: this.#slots - this.#running.size,
      wait_ms: waitMs,
      lease_ms: this.#leaseMs,
      poll_id: randomUUID(), // whoever repeats a poll that had no answer gets the same tasks
    };
    return (await this.#insist("/v1/workers/poll", ask, waitMs + 30_000)).tasks;
  }

  async #work(told) {
    const lost = new AbortController();
    const task = {
      workflowId: told.workflow_id,
      action: told.action,
      type: told.type,
      attempt: told.attempt,
      delivery: told.delivery,
      idempotencyKey: told.idempotency_key,
      input: told.input ?? told.input_text ?? null,
      signal: lost.signal, // aborted: nobody waits for the result any more
      progress: "", // sent with the next heartbeat
    };
    this.#running.set(told.token, { task, lost });
    let word;
    try {
      word = { outcome: "complete", result: (await this.#types[task.type](task)) ?? null };
      JSON.stringify(word); // what has no JSON is a failure
    } catch (e) {
      word = e?.word ?? { outcome: "fail", error_class: e?.name ?? "Error", message: String(e?.message ?? e) };
    }
    try {
      if (!lost.signal.aborted) await this.#end(told.token, word);
    } catch (e) {
      this.#log(`${task.workflowId} ${task.action}: ${e.message}`);
    } finally {
      this.#running.delete(told.token);
      this.#changed();
    }
  }

  async #end(token, word) {
    const end = { token, who: this.#name };
    try {
      await this.#insist("/v1/attempts/end", { ...end, ...word }, 30_000);
    } catch (e) {
      if (e.status !== 400 && e.status !== 413) throw e;
      // Nobody would see why: the result is too large, say.
      const bad = { outcome: "fail", error_class: "bad_result", message: e.message, final: true };
      await this.#insist("/v1/attempts/end", { ...end, ...bad }, 30_000);
    }
  }

  async #beat() {
    const all = [...this.#running];
    for (let i = 0; i < all.length; i += 1_000) {
      const some = all.slice(i, i + 1_000);
      const words = some.map(([token, { task }]) => ({ token, progress: task.progress }));
      try {
        const answers = await this.#post("/v1/attempts/heartbeat", words, this.#leaseMs / 3);
        answers.forEach((a, n) => a.status === 409 && some[n][1].lost.abort());
      } catch (e) {
        this.#log(`heartbeat: ${e.message}`);
      }
    }
  }
}
