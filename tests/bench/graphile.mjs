// The Node side of the comparison: graphile-worker as released, with its defaults. The pool has a connection for each task.
//   graphile.mjs pickup COUNT            an idle runner: milliseconds from addJob's return to the task's start, job by job
//   graphile.mjs throughput COUNT SLOTS  seconds from the first start to the last completion of COUNT queued jobs
//   graphile.mjs idle                    says "ready" and waits to be ended
import { EventEmitter } from "node:events";
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";

const [mode, count, slots] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4] ?? 1)];
const connectionString = process.env.DATABASE_URL;
const logger = new Logger(() => () => {});
const say = (value) => console.log(JSON.stringify(value));

const start = (noop, events = new EventEmitter()) =>
  run({
    connectionString, logger, events, concurrency: slots, maxPoolSize: slots + 4, noHandleSignals: true,
    parsedCronItems: [], taskList: { noop },
  });

async function pickup() {
  let started;
  const runner = await start(async () => started(performance.now()));
  const utils = await makeWorkerUtils({ connectionString, logger });
  const delays = [];
  for (let number = 0; number < count; number++) {
    const start = new Promise((resolve) => (started = resolve));
    await utils.addJob("noop", {});
    const added = performance.now();
    delays.push((await start) - added);
    await pause(20);
  }
  say(delays);
  await utils.release();
  await runner.stop();
}

async function throughput() {
  const utils = await makeWorkerUtils({ connectionString, logger });
  await utils.migrate();
  await utils.release();
  const pool = new pg.Pool({ connectionString });
  await pool.query("select graphile_worker.add_job('noop', '{}') from generate_series(1, $1::int)", [count]);
  await pool.query("vacuum (analyze) graphile_worker._private_jobs");
  await pool.end();
  const events = new EventEmitter();
  let [first, completed] = [undefined, 0];
  events.on("job:start", () => (first ??= performance.now()));
  const done = new Promise((resolve) => {
    events.on("job:complete", () => ++completed === count && resolve(performance.now()));
  });
  const runner = await start(async () => {}, events);
  const last = await done;
  say((last - first) / 1000);
  await runner.stop();
}

async function idle() {
  await start(async () => {});
  console.log("ready");
}

await { pickup, throughput, idle }[mode]();
