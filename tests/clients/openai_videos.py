#!/usr/bin/env python3
"""Drives a running Clipmill with the official `openai` package, unchanged, and fails on the first difference.

    python openai_videos.py URL KEY
"""

import asyncio
import base64
import json
import pathlib
import sys
import time
import urllib.request
import warnings

import openai
from receiver import Receiver

warnings.filterwarnings("ignore", category=DeprecationWarning)

IMAGE = (pathlib.Path(__file__).parents[2] / "cli/samples/coffee.jpg").read_bytes()
DATA_URL = "data:image/jpeg;base64," + base64.b64encode(IMAGE).decode()
SMALL = {"model": "sora-2", "seconds": "1", "size": "320x192"}
JSON = {"Content-Type": "application/json"}
MULTIPART = {"Content-Type": "multipart/form-data"}
FIRST_BYTES = {
    "video": lambda file: file[4:8] == b"ftyp",
    "thumbnail": lambda file: file[8:12] == b"WEBP",
    "spritesheet": lambda file: file[:3] == b"\xff\xd8\xff",
    "spritesheet_vtt": lambda file: file[:8] == b"WEBVTT\n\n",
    "preview": lambda file: file[8:12] == b"WEBP",
}


class Wire:
    """What went over a client's wire: moment, request and response, one after the other."""

    def __init__(self):
        self.seen = []
        self.client = openai.DefaultHttpxClient(event_hooks={"response": [self.note]})

    def note(self, response):
        self.seen.append((time.monotonic(), response.request, response))

    def requests(self, act):
        """The requests that `act` leads to."""
        before = len(self.seen)
        act()
        return [request for _, request, _ in self.seen[before:]]


class Stand:
    """A client, the wire that it uses, and the service that it talks to."""

    def __init__(self, url, key):
        self.url, self.key, self.wire, self.receiver = url, key, Wire(), Receiver()
        self.client = openai.OpenAI(api_key=key, base_url=f"{url}/v1", http_client=self.wire.client)
        self.videos = self.client.videos

    def get(self, path):
        """An answer that the package has no method for."""
        request = urllib.request.Request(f"{self.url}{path}", headers={"Authorization": f"Bearer {self.key}"})
        return json.load(urllib.request.urlopen(request))


def raises(kind, code, act, param=None):
    """Asserts that `act` fails as the package says it, and gives the error."""
    try:
        act()
    except openai.APIStatusError as error:
        assert type(error) is kind, (kind, error)
        assert (error.code, error.param) == (code, param), (error.code, error.param, error)
        assert error.request_id.startswith("req_") and error.type, error
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def create_speaks_both_forms(stand):
    """Every version sends one form by itself; both have to be understood, with an image and without one."""
    text, image = {**SMALL, "prompt": "a red fox"}, {**SMALL, "prompt": "a cup"}
    as_file = {"input_reference": ("cup.jpg", IMAGE, "image/jpeg")}
    as_bytes = {"input_reference": IMAGE}
    as_url = {"extra_body": {"input_reference": {"image_url": DATA_URL}, "seed": 7, "metadata": {"take": "1"}}}
    wishes = [
        (text, None, "text_to_video"),
        ({**text, "extra_headers": JSON}, "application/json", "text_to_video"),
        ({**text, "extra_headers": MULTIPART}, "multipart/form-data", "text_to_video"),
        ({**image, **as_file}, "multipart/form-data", "image_to_video"),
        ({**image, **as_bytes}, "multipart/form-data", "image_to_video"),
        ({**image, **as_url}, None, "image_to_video"),
        ({**image, **as_url, "extra_headers": JSON}, "application/json", "image_to_video"),
        ({**image, **as_url, "extra_headers": MULTIPART}, "multipart/form-data", "image_to_video"),
    ]
    for wish, form, mode in wishes:
        video = stand.videos.create(**wish)
        sent = stand.wire.seen[-1][1].headers["content-type"]
        assert form is None or sent.startswith(form), (form, sent)
        assert (video.object, video.status, video.progress, video.mode) == ("video", "queued", 0, mode), video
        assert (video.model, video.seconds, video.size, video.error) == ("sora-2", "1", "320x192", None), video
        if "extra_body" in wish:
            assert (video.seed, video.metadata) == (7, {"take": "1"}), video
        assert stand.videos.delete(video.id).deleted


def create_and_poll_waits_as_it_is_told(stand):
    later = int(time.time()) + 3
    body = {"webhook_url": stand.receiver.url, "run_after": later}
    video = stand.videos.create_and_poll(prompt="a red fox", **SMALL, extra_body=body)
    assert (video.status, video.progress) == ("completed", 100), video
    assert video.created_at <= video.completed_at < video.expires_at, video
    polls = [(moment, answer) for moment, request, answer in stand.wire.seen if "x-stainless-poll-helper" in request.headers]
    wait = int(polls[0][1].headers["openai-poll-after-ms"]) / 1000
    gaps = [after - before for (before, _), (after, _) in zip(polls, polls[1:])]
    assert gaps and min(gaps) >= wait, (wait, gaps)
    assert stand.videos.retrieve(video.id).to_dict() == video.to_dict()
    return video


def downloads_every_variant(stand, video):
    for variant, looks_right in FIRST_BYTES.items():
        file = stand.videos.download_content(video.id, variant=variant)
        assert looks_right(file.read()), variant
    assert FIRST_BYTES["video"](stand.videos.download_content(video.id).read())
    streamed = stand.videos.with_streaming_response.download_content(video.id)
    with streamed as response:
        sizes = sum(len(chunk) for chunk in response.iter_bytes())
    assert sizes == next(output["size_bytes"] for output in video.outputs if output["variant"] == "video")


def webhook_is_unwrapped(stand, video):
    headers, body = stand.receiver.next()
    secret = stand.get("/v1/webhooks/secret")["secret"]
    event = stand.client.webhooks.unwrap(body, headers, secret=secret)
    assert (event.type, event.data.id) == ("video.completed", video.id), event
    try:
        stand.client.webhooks.unwrap(body.replace(b"completed", b"forgotten"), headers, secret=secret)
    except openai.InvalidWebhookSignatureError:
        return
    raise AssertionError("a changed body was taken for ours")


def list_pages_by_itself(stand, video):
    later = int(time.time()) + 3600
    made = [
        stand.videos.create(prompt=f"{n}", **SMALL, extra_body={"run_after": later, "metadata": {"list": stand.key}})
        for n in range(5)
    ]
    newest_first = [video.id for video in reversed(made)]
    mine = {"metadata[list]": stand.key}
    pages = stand.wire.requests(lambda: assert_lists(stand.videos.list(limit=2, extra_query=mine), newest_first))
    assert len(pages) == 3, pages
    assert_lists(stand.videos.list(limit=2, order="asc", extra_query=mine), newest_first[::-1])
    assert_lists(stand.videos.list(after=newest_first[3], extra_query=mine), newest_first[4:])
    page = stand.videos.list(limit=3)
    assert [one.id for one in page.data] == newest_first[:3] and page.has_more and page.last_id == newest_first[2]
    for one in made:
        deleted = stand.videos.delete(one.id)
        assert (deleted.id, deleted.object, deleted.deleted) == (one.id, "video.deleted", True), deleted
    raises(openai.NotFoundError, "video_not_found", lambda: stand.videos.retrieve(made[0].id))


def assert_lists(pages, ids):
    listed = [video.id for video in pages]
    assert listed == ids, (listed, ids)


def remix_makes_another(stand, video):
    remixed = stand.videos.remix(video.id, prompt="the fox sleeps")
    assert remixed.id != video.id and remixed.remixed_from_video_id == video.id, remixed
    assert (remixed.prompt, remixed.size, remixed.seconds) == ("the fox sleeps", video.size, video.seconds), remixed
    assert stand.videos.delete(remixed.id).deleted
    raises(openai.NotFoundError, "video_not_found", lambda: stand.videos.remix("video_none", prompt="a fox"))


def failed_job_is_an_answer(stand):
    """A job whose time is over fails; to ask for it is no error."""
    wish = {"prompt": "too slow", "model": "sora-2", "seconds": "8", "size": "1280x720"}
    video = stand.videos.create_and_poll(**wish, extra_body={"timeout_seconds": 1})
    assert (video.status, video.error.code) == ("failed", "deadline_exceeded") and video.error.message, video
    assert stand.wire.seen[-1][2].status_code == 200
    raises(openai.NotFoundError, "video_has_no_content", lambda: stand.videos.download_content(video.id))
    assert stand.videos.delete(video.id).deleted


def errors_are_of_the_class_that_fits(stand):
    videos, bad = stand.videos, openai.BadRequestError
    raises(bad, "invalid_value", lambda: videos.create(prompt=""), "prompt")
    raises(bad, "invalid_value", lambda: videos.create(prompt="a fox", seconds="0"), "seconds")
    raises(bad, "invalid_value", lambda: videos.create(prompt="a fox", size="1x1"), "size")
    raises(bad, "invalid_value", lambda: videos.create(prompt="a fox", model="none"), "model")
    raises(bad, "invalid_value", lambda: videos.create(prompt="a fox", input_reference=b"no image"), "input_reference")
    raises(bad, "unknown_parameter", lambda: videos.create(prompt="a fox", extra_body={"mood": "calm"}), "mood")
    raises(bad, "invalid_value", lambda: videos.list(limit=101), "limit")
    raises(openai.NotFoundError, "video_not_found", lambda: videos.retrieve("video_none"))
    raises(openai.NotFoundError, "video_not_found", lambda: videos.delete("video_none"))
    stranger = openai.OpenAI(api_key="none", base_url=f"{stand.url}/v1").videos
    raises(openai.AuthenticationError, "invalid_api_key", stranger.list)


def conflict_is_not_tried_again(stand):
    """The package repeats a 409 unless `x-should-retry` says that it will not help."""
    later = int(time.time()) + 3600
    named = {"extra_headers": {"Idempotency-Key": f"take-{time.time_ns()}"}, "extra_body": {"run_after": later}}
    first = stand.videos.create(prompt="a fox", **SMALL, **named)
    assert stand.videos.create(prompt="a fox", **SMALL, **named).id == first.id
    other = lambda: stand.videos.create(prompt="a cat", **SMALL, **named)
    reused = lambda: raises(openai.ConflictError, "idempotency_key_reused", other, "Idempotency-Key")
    assert len(stand.wire.requests(reused)) == 1
    early = lambda: raises(openai.ConflictError, "video_not_ready", lambda: stand.videos.download_content(first.id))
    assert len(stand.wire.requests(early)) == 1
    assert stand.videos.delete(first.id).deleted


async def the_async_client_does_the_same(stand):
    async with openai.AsyncOpenAI(api_key=stand.key, base_url=f"{stand.url}/v1") as client:
        video = await client.videos.create_and_poll(prompt="a cup", input_reference=("cup.jpg", IMAGE), **SMALL)
        assert (video.status, video.mode) == ("completed", "image_to_video"), video
        for variant, looks_right in FIRST_BYTES.items():
            file = await client.videos.download_content(video.id, variant=variant)
            assert looks_right(file.read()), variant
        assert video.id in [one.id async for one in client.videos.list(limit=1)]
        assert (await client.videos.delete(video.id)).deleted
        try:
            await client.videos.retrieve(video.id)
        except openai.NotFoundError as error:
            assert error.code == "video_not_found" and error.request_id, error
        else:
            raise AssertionError("a deleted video was found")


def main(url, key):
    stand = Stand(url, key)
    create_speaks_both_forms(stand)
    video = create_and_poll_waits_as_it_is_told(stand)
    downloads_every_variant(stand, video)
    webhook_is_unwrapped(stand, video)
    list_pages_by_itself(stand, video)
    remix_makes_another(stand, video)
    failed_job_is_an_answer(stand)
    errors_are_of_the_class_that_fits(stand)
    conflict_is_not_tried_again(stand)
    asyncio.run(the_async_client_does_the_same(stand))
    assert stand.videos.delete(video.id).deleted


if __name__ == "__main__":
    main(*sys.argv[1:])
