#!/usr/bin/env node
// Drives a running Clipmill with the official `openai` package of Node, unchanged, and fails on the first difference.
//
//     node openai_videos.mjs PACKAGE URL KEY
//
// PACKAGE is the name that the package is installed by. Run at the top of the repository.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const [name, url, key] = process.argv.slice(2);
const { default: OpenAI, toFile } = await import(name);

const image = await readFile("cli/samples/coffee.jpg");
const dataUrl = `data:image/jpeg;base64,${image.toString("base64")}`;
const small = { model: "sora-2", seconds: "1", size: "320x192" };
const firstBytes = {
  video: (file) => file.toString("latin1", 4, 8) === "ftyp",
  thumbnail: (file) => file.toString("latin1", 8, 12) === "WEBP",
  spritesheet: (file) => file.toString("hex", 0, 3) === "ffd8ff",
  preview: (file) => file.toString("latin1", 8, 12) === "WEBP",
};

const sent = [];
const client = new OpenAI({
  apiKey: key,
  baseURL: `${url}/v1`,
  fetch: (address, init) => {
    sent.push(init.body instanceof FormData ? "multipart" : "json");
    return fetch(address, init);
  },
});
const { videos } = client;

/** How many requests `act` leads to. */
async function requests(act) {
  const before = sent.length;
  await act();
  return sent.length - before;
}

/** Asserts that `act` fails as the package says it. */
async function raises(kind, code, param, act) {
  const error = await act().then(() => assert.fail(`${kind.name} was not raised`), (error) => error);
  assert.equal(error.constructor, kind, error.stack);
  assert.deepEqual([error.code, error.param], [code, param], error.stack);
  assert.match(error.requestID, /^req_/);
  assert.ok(error.type);
}

/** A webhook endpoint on loopback: its address, and its first message. */
async function receiver() {
  let tell;
  const message = new Promise((resolve) => (tell = resolve));
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray();
    response.writeHead(204).end();
    tell({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    server.close();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  server.unref();
  return { address: `http://127.0.0.1:${server.address().port}/hook`, message };
}

async function ended(video) {
  while (video.status === "queued" || video.status === "in_progress") {
    const { data, response } = await videos.retrieve(video.id).withResponse();
    video = data;
    await sleep(Number(response.headers.get("openai-poll-after-ms")));
  }
  return video;
}

/** The package sends multipart by itself; its bare `post` sends JSON. */
async function createSpeaksBothForms() {
  const more = { seed: 7, metadata: { take: "1" } };
  const file = await toFile(image, "cup.jpg", { type: "image/jpeg" });
  const nameless = await toFile(image);
  const wishes = [
    ["multipart", "text_to_video", (wish) => videos.create(wish)],
    ["json", "text_to_video", (wish) => client.post("/videos", { body: { ...wish, seed: 7 } })],
    ["multipart", "image_to_video", (wish) => videos.create({ ...wish, input_reference: file })],
    ["multipart", "image_to_video", (wish) => videos.create({ ...wish, input_reference: nameless })],
    ["multipart", "image_to_video", (wish) => videos.create({ ...wish, ...more, input_reference: { image_url: dataUrl } })],
    ["json", "image_to_video", (wish) => client.post("/videos", { body: { ...wish, input_reference: { image_url: dataUrl } } })],
  ];
  for (const [form, mode, create] of wishes) {
    const video = await create({ prompt: "a red fox", ...small });
    assert.equal(sent.at(-1), form);
    assert.deepEqual([video.object, video.status, video.mode, video.size], ["video", "queued", mode, "320x192"]);
    assert.equal((await videos.delete(video.id)).deleted, true);
  }
}

async function aVideoIsMadeToldAndDownloaded() {
  const hook = await receiver();
  const video = await ended(await videos.create({ prompt: "a red fox", ...small, webhook_url: hook.address }));
  assert.deepEqual([video.status, video.progress, video.error], ["completed", 100, null]);
  assert.ok(video.created_at <= video.completed_at && video.completed_at < video.expires_at);
  for (const [variant, looksRight] of Object.entries(firstBytes)) {
    const response = await videos.downloadContent(video.id, { variant });
    assert.ok(looksRight(Buffer.from(await response.arrayBuffer())), variant);
  }

  const { headers, body } = await hook.message;
  const { secret } = await client.get("/webhooks/secret");
  const event = await client.webhooks.unwrap(body, headers, secret);
  assert.deepEqual([event.type, event.data.id], ["video.completed", video.id]);
  const forged = body.replace("completed", "forgotten");
  await assert.rejects(client.webhooks.unwrap(forged, headers, secret), OpenAI.InvalidWebhookSignatureError);
  return video;
}

async function listPagesByItself() {
  const mark = `${Date.now()}`;
  const later = { run_after: Math.floor(Date.now() / 1000) + 3600, metadata: { mark } };
  const made = [];
  for (let n = 0; n < 5; n++) made.unshift((await videos.create({ prompt: `${n}`, ...small, ...later })).id);
  const listed = [];
  const list = async () => {
    for await (const video of videos.list({ limit: 2, "metadata[mark]": mark })) listed.push(video.id);
  };
  assert.equal(await requests(list), 3);
  assert.deepEqual(listed, made);
  const page = await videos.list({ limit: 3, order: "desc" });
  assert.deepEqual([page.data.map(({ id }) => id), page.has_more, page.last_id], [made.slice(0, 3), true, made[2]]);
  for (const id of made) {
    assert.deepEqual(await videos.delete(id), { id, object: "video.deleted", deleted: true });
  }
}

async function remixMakesAnother(video) {
  const remixed = await videos.remix(video.id, { prompt: "the fox sleeps" });
  assert.notEqual(remixed.id, video.id);
  assert.deepEqual([remixed.remixed_from_video_id, remixed.prompt, remixed.size], [video.id, "the fox sleeps", video.size]);
  await videos.delete(remixed.id);
}

async function failedJobIsAnAnswer() {
  const slow = { prompt: "too slow", seconds: "8", size: "1280x720", timeout_seconds: 1 };
  const video = await ended(await videos.create(slow));
  assert.deepEqual([video.status, video.error.code], ["failed", "deadline_exceeded"]);
  await raises(OpenAI.NotFoundError, "video_has_no_content", null, () => videos.downloadContent(video.id));
  await videos.delete(video.id);
}

async function errorsAreOfTheClassThatFits() {
  const bad = OpenAI.BadRequestError;
  const wish = { prompt: "a fox" };
  await raises(bad, "invalid_value", "prompt", () => videos.create({ prompt: "" }));
  await raises(bad, "invalid_value", "seconds", () => videos.create({ ...wish, seconds: "0" }));
  await raises(bad, "unknown_parameter", "mood", () => videos.create({ ...wish, mood: "calm" }));
  await raises(bad, "invalid_value", "limit", () => videos.list({ limit: 101 }));
  await raises(OpenAI.NotFoundError, "video_not_found", null, () => videos.retrieve("video_none"));
  const stranger = new OpenAI({ apiKey: "none", baseURL: `${url}/v1` });
  await raises(OpenAI.AuthenticationError, "invalid_api_key", null, () => stranger.videos.list());
}

/** The package repeats a 409 unless `x-should-retry` says that it will not help. */
async function conflictIsNotTriedAgain() {
  const later = { ...small, run_after: Math.floor(Date.now() / 1000) + 3600 };
  const named = { headers: { "Idempotency-Key": `take-${Date.now()}` } };
  const first = await videos.create({ prompt: "a fox", ...later }, named);
  assert.equal((await videos.create({ prompt: "a fox", ...later }, named)).id, first.id);
  const other = () => videos.create({ prompt: "a cat", ...later }, named);
  const reused = () => raises(OpenAI.ConflictError, "idempotency_key_reused", "Idempotency-Key", other);
  assert.equal(await requests(reused), 1);
  const early = () => raises(OpenAI.ConflictError, "video_not_ready", null, () => videos.downloadContent(first.id));
  assert.equal(await requests(early), 1);
  await videos.delete(first.id);
}

await createSpeaksBothForms();
const video = await aVideoIsMadeToldAndDownloaded();
await listPagesByItself();
await remixMakesAnother(video);
await failedJobIsAnAnswer();
await errorsAreOfTheClassThatFits();
await conflictIsNotTriedAgain();
await videos.delete(video.id);
