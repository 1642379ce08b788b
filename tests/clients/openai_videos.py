#!/usr/bin/env python3
"""Drives a running Clipmill with the official `openai` package, unchanged, and fails on the first difference.

    pip install openai==3.54.0
    clipmill dev --listen 127.0.0.1:8080 --key-file key &
    python tests/clients/openai_videos.py http://127.0.0.1:8080 "$(cat key)" cli/samples/coffee.jpg
"""

import base64
import http.server
import json
import queue
import sys
import threading
import urllib.request
import warnings

import openai

warnings.filterwarnings("ignore", category=DeprecationWarning)


def receiver():
    """A webhook endpoint on loopback: its address, and the queue of what it was told."""
    told = queue.Queue()

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            told.put((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/hook", told


def raises(kind, code, act):
    try:
        act()
    except kind as error:
        assert error.code == code and error.request_id, error
    else:
        raise AssertionError(f"{kind.__name__} was not raised")


def main(url, key, image_file):
    client = openai.OpenAI(api_key=key, base_url=f"{url}/v1")
    videos = client.videos
    hook, told = receiver()
    image = open(image_file, "rb").read()
    data_url = "data:image/jpeg;base64," + base64.b64encode(image).decode()

    made = videos.create_and_poll(
        prompt="a red fox", model="sora-2", seconds="1", size="640x360", extra_body={"webhook_url": hook, "seed": 7}
    )
    assert made.status == "completed" and made.expires_at and made.seed == 7, made
    assert videos.download_content(made.id).read()[4:8] == b"ftyp"
    assert videos.download_content(made.id, variant="thumbnail").read()[8:12] == b"WEBP"
    assert videos.download_content(made.id, variant="spritesheet").read()[:2] == b"\xff\xd8"

    request = urllib.request.Request(f"{url}/v1/webhooks/secret", headers={"Authorization": f"Bearer {key}"})
    secret = json.load(urllib.request.urlopen(request))["secret"]
    headers, body = told.get(timeout=30)
    event = client.webhooks.unwrap(body, headers, secret=secret)
    assert (event.type, event.data.id) == ("video.completed", made.id), event

    text = videos.create(prompt="a fox", model="sora-2", seconds="4", size="1280x720")
    file = videos.create(prompt="a cup", input_reference=("cup.jpg", image, "image/jpeg"))
    bracket = videos.create(prompt="a cup", extra_body={"input_reference": {"image_url": data_url}})
    assert [text.mode, file.mode, bracket.mode] == ["text_to_video", "image_to_video", "image_to_video"]
    listed = [video.id for video in videos.list(limit=2, order="desc")]
    assert listed[:4] == [bracket.id, file.id, text.id, made.id], listed

    raises(openai.BadRequestError, "invalid_value", lambda: videos.create(prompt=""))
    raises(openai.NotFoundError, "video_not_found", lambda: videos.retrieve("video_none"))
    stranger = openai.OpenAI(api_key="none", base_url=f"{url}/v1")
    raises(openai.AuthenticationError, "invalid_api_key", stranger.videos.list)
    for video in (made, text, file, bracket):
        deleted = videos.delete(video.id)
        assert deleted.object == "video.deleted" and deleted.deleted
    print(json.dumps({"client": "openai", "version": openai.__version__, "passed": True}))


if __name__ == "__main__":
    main(*sys.argv[1:])
