#!/usr/bin/env node
// Makes videos with a running Clipmill, plays them in a headless Chromium, and fails on the first difference.
//
//     node chromium_playback.mjs CHROMIUM URL KEY
//
// CHROMIUM is the program. Run at the top of the repository.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

const [program, url, key] = process.argv.slice(2);
const TASK_SECONDS = 60;
const WIDTH = 640;
const HEIGHT = 360;
const SECONDS = 3;
const FPS = 24;
const COLOURS = [[200, 40, 40], [40, 160, 60], [40, 60, 200], [230, 210, 90]];
/** How far a decoded colour may be off, of 255 steps. The browser itself takes a twentieth off strong blues; a wrong matrix takes more. */
const COLOUR_STEPS = 10;

/** A page in a browser that does what it is told; also serves it a video as the store does, from the page's own origin. */
class Browser {
  static async start() {
    const browser = new Browser();
    browser.tasks = [];
    browser.statuses = [];
    browser.server = createServer((request, response) => browser.serve(request, response));
    await once(browser.server.listen(0, "127.0.0.1"), "listening");
    browser.origin = `http://127.0.0.1:${browser.server.address().port}`;
    browser.profile = await mkdtemp(join(tmpdir(), "chromium-"));
    const settings = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
    const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];
    const command = [...settings, ...quiet, `--user-data-dir=${browser.profile}`, browser.origin];
    browser.process = spawn(program, command, { stdio: ["ignore", "ignore", "pipe"] });
    process.once("exit", () => browser.process.kill("SIGKILL"));
    browser.said = "";
    browser.process.stderr.on("data", (text) => (browser.said += text));
    return browser;
  }

  /** What the page answers to a task. */
  async do(task, wish) {
    const answered = new Promise((resolve) => (this.answer = resolve));
    this.tasks.push({ task, wish });
    this.hand?.();
    const late = sleep(TASK_SECONDS * 1000, undefined, { ref: false }).then(() => ({ failed: `${task} took too long: ${this.said}` }));
    const broke = once(this.process, "exit").then(() => ({ failed: `the browser ended: ${this.said}` }));
    const { done, failed } = await Promise.race([answered, late, broke]);
    assert.equal(failed, undefined);
    return done;
  }

  async serve(request, response) {
    const json = (value) => response.setHeader("content-type", "application/json").end(JSON.stringify(value));
    if (request.url === "/") {
      response.setHeader("content-type", "text/html").end(await readFile("tests/clients/playback.html"));
    } else if (request.url === "/task") {
      while (this.tasks.length === 0) await new Promise((resolve) => (this.hand = resolve));
      json(this.tasks.shift());
    } else if (request.url === "/answer") {
      const answer = JSON.parse(Buffer.concat(await request.toArray()));
      json({});
      this.answer(answer);
    } else if (request.url === "/video") {
      await this.passOn(request, response);
    } else {
      response.writeHead(404).end();
    }
  }

  async passOn({ headers: { range } }, response) {
    const from = await fetch(this.link, { headers: range ? { range } : {} });
    this.statuses.push(from.status);
    const kept = ["content-type", "content-length", "content-range", "accept-ranges"];
    for (const name of kept) if (from.headers.has(name)) response.setHeader(name, from.headers.get(name));
    // The browser breaks off what it does not need any more.
    Readable.fromWeb(from.body).on("error", () => {}).pipe(response.writeHead(from.status));
  }

  async stop() {
    const ended = once(this.process, "exit");
    this.process.kill();
    await ended;
    this.server.closeAllConnections();
    this.server.close();
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function ask(path, body) {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const method = body ? "POST" : "GET";
  const response = await fetch(`${url}${path}`, { method, headers, body: body && JSON.stringify(body), redirect: "manual" });
  assert.ok(response.status < 400, await response.clone().text());
  return response;
}

/** What is asked of the finished file: the default first, then whatever else is offered and a browser plays. */
async function takes() {
  const { data } = await (await ask("/v1/videos/models")).json();
  const { codecs, containers } = data[0].output;
  const laidOut = containers.map((container) => ({ codec: "h264", container }));
  return codecs.includes("av1") ? [...laidOut, { codec: "av1" }] : laidOut;
}

/** The link to a finished video of a still of four colours. */
async function make(picture, output) {
  const wish = { prompt: "a slow look [Push in]", size: `${WIDTH}x${HEIGHT}`, seconds: SECONDS, fps: FPS };
  const made = await ask("/v1/videos", { ...wish, input_reference: { image_url: picture }, output });
  let video = await made.json();
  while (video.status === "queued" || video.status === "in_progress") {
    await sleep(100);
    video = await (await ask(`/v1/videos/${video.id}`)).json();
  }
  assert.equal(video.status, "completed", JSON.stringify(video));
  return (await ask(`/v1/videos/${video.id}/content`)).headers.get("location");
}

/** Straight from the store, as a customer's page would. */
async function playsToItsEnd(browser) {
  const played = await browser.do("play", { address: browser.link });
  assert.deepEqual([played.width, played.height], [WIDTH, HEIGHT]);
  assert.ok(Math.abs(played.duration - SECONDS) < 0.001, `${played.duration} s`);
  assert.ok(Math.abs(played.furthest - SECONDS) < 0.2, `played to ${played.furthest} s`);
  assert.ok(played.shown > 1, `${played.shown} frames were decoded`);
}

/** From the page's own origin, since a page may not look at the pixels of another's. */
async function showsTheColoursWhereItIsAsked(browser) {
  const moments = [0.5 / FPS, SECONDS - 0.5 / FPS, SECONDS / 2];
  const seen = await browser.do("seek", { address: "/video", moments });
  for (const [n, { at, colours }] of seen.entries()) {
    assert.ok(Math.abs(at - moments[n]) < 1 / FPS, `${at} s instead of ${moments[n]} s`);
    const off = colours.flatMap((colour, quarter) => colour.map((level, c) => Math.abs(level - COLOURS[quarter][c])));
    assert.ok(Math.max(...off) <= COLOUR_STEPS, `at ${at} s: ${JSON.stringify(colours)}`);
  }
  assert.ok(browser.statuses.length > 0 && browser.statuses.every((status) => status === 206), `${browser.statuses}`);
}

const browser = await Browser.start();
try {
  const picture = await browser.do("quarters", { width: WIDTH, height: HEIGHT, colours: COLOURS });
  for (const output of await takes()) {
    browser.link = await make(picture, output);
    console.error(`playing ${JSON.stringify(output)}`);
    await playsToItsEnd(browser);
    await showsTheColoursWhereItIsAsked(browser);
  }
} finally {
  await browser.stop();
}
