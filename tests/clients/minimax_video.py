#!/usr/bin/env python3
"""Drives a running Clipmill with MiniMax's own `minimax-mcp`, unchanged, and fails on the first difference.

    python minimax_video.py URL KEY
"""

import json
import os
import pathlib
import sys
import tempfile
import time
import urllib.request
from unittest import mock

IMAGE = pathlib.Path(__file__).parents[2] / "cli/samples/coffee.jpg"
PAUSE_SECONDS = 2
sleep = time.sleep


def load(url, key, folder):
    """The tools of the package, which reads its settings when it is imported."""
    settings = {"HOST": url, "KEY": key, "RESOURCE_MODE": "local"}
    os.environ.update({f"MINIMAX_API_{name}": value for name, value in settings.items()}, MINIMAX_MCP_BASE_PATH=folder)
    from minimax_mcp import server

    return server


def generate(server, between=lambda: None, **wish):
    """What the tool says of a wish. It pauses for 20 s between its polls: here it pauses less, and `between` happens then."""

    def pause(_):
        between()
        sleep(PAUSE_SECONDS)

    with mock.patch.object(server.time, "sleep", pause):
        return server.generate_video(**wish).text


def saved(text):
    """The file that the tool says it has saved."""
    said, path = text.split(": ", 1)
    assert said == "Success. Video saved as", text
    video = pathlib.Path(path).read_bytes()
    assert video[4:8] == b"ftyp", video[:16]


def cancel_newest(url, key):
    """Calls the account's newest job off."""

    def ask(path, method="GET"):
        headers = {"Authorization": f"Bearer {key}"}
        return json.load(urllib.request.urlopen(urllib.request.Request(f"{url}{path}", headers=headers, method=method)))

    [newest] = ask("/v1/videos?limit=1")["data"]
    if newest["status"] in ("queued", "in_progress"):
        ask(f"/v1/videos/{newest['id']}/cancel", "POST")


def makes_videos(server):
    saved(generate(server, prompt="a red fox [Pan left]", duration=6, resolution="768P"))
    wish = {"model": "MiniMax-Hailuo-2.3-Fast", "prompt": "steam rises", "first_frame_image": str(IMAGE)}
    saved(generate(server, **wish))


def submits_and_asks_later(server):
    submitted = generate(server, prompt="a red fox", async_mode=True)
    task = submitted.split("Task ID: ")[1].split(".")[0]
    assert task.isdigit() and int(task) < 2**53, submitted
    assert server.query_video_generation(task).text.startswith(("Success", "Video generation task is still")), task


def says_what_went_wrong(server, url, key):
    called_off = generate(server, lambda: cancel_newest(url, key), prompt="a red fox", resolution="1080P")
    assert called_off.startswith("Failed to generate video"), called_off
    refused = generate(server, prompt="a red fox", duration=7)
    assert refused.startswith("Failed to generate video: API Error: 2013-"), refused
    unknown = server.query_video_generation("1").text
    assert unknown.startswith("Failed to query video generation status: API Error: "), unknown
    headers = server.api_client.session.headers
    headers["Authorization"] = "Bearer none"
    stranger = generate(server, prompt="a red fox")
    assert stranger.startswith("Failed to generate video: API Error: 2049-"), stranger
    del headers["Authorization"]
    nobody = generate(server, prompt="a red fox")
    assert "please check your API key" in nobody, nobody


def main(url, key):
    with tempfile.TemporaryDirectory() as folder:
        server = load(url, key, folder)
        makes_videos(server)
        submits_and_asks_later(server)
        says_what_went_wrong(server, url, key)


if __name__ == "__main__":
    main(*sys.argv[1:])
