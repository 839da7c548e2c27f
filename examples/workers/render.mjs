// Renders frames: node render.mjs [URL]. See README.md.
import { setTimeout as sleep } from "node:timers/promises";

import { Failed, Worker } from "./tenax_worker.mjs";

const render = async ({ input: { frame }, signal }) => {
  if (frame < 0) throw new Failed("bad_frame", `there is no frame ${frame}`, { final: true });
  await sleep(200, undefined, { signal });
  return { png: `frame-${frame}.png`, by: "node" };
};

const worker = new Worker(process.argv[2] ?? "http://127.0.0.1:8362", { render }, { slots: 4 });
for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => worker.stop());
await worker.run();
