"""What keeps fuzzing useful and harmless: videos that exist, small ones, and no address but this machine's."""

import json
import os
import re
import time
import urllib.request

import schemathesis

URL, KEY = os.environ["CLIPMILL_URL"], os.environ["CLIPMILL_KEY"]
SMALL = {"seconds": "1", "size": "64x64"}
# The document cannot say what models there are, nor what a picture is.
OFFERED, IMAGES = {"model": "fast", **SMALL}, ("input_reference", "last_frame")
# Those that are long, of those that are allowed.
WAITS = {str(seconds) for seconds in range(2, 61)}
# Nobody listens here.
NOWHERE = "http://127.0.0.1:9"
ADDRESS = re.compile(r"[\x00-\x20]*h\s*t\s*t\s*p\s*s?\s*:", re.IGNORECASE)


def ask(path, body=None):
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    return json.load(urllib.request.urlopen(urllib.request.Request(f"{URL}{path}", data, headers)))


def make_videos():
    """A finished video and one that waits."""
    later = {"run_after": int(time.time()) + 86_400}
    finished, waiting = (ask("/v1/videos", {"prompt": "a fox", **SMALL, **more}) for more in ({}, later))
    while ask(f"/v1/videos/{finished['id']}")["status"] != "completed":
        time.sleep(0.2)
    return [finished["id"], waiting["id"]]


def make_things():
    """What requests find in place of an id of the generator's making, by the beginning of the path."""
    endpoint = ask("/v1/webhook_endpoints", {"name": "nowhere", "url": NOWHERE})
    return {"/v1/videos/{": make_videos(), "/v1/webhook_endpoints/{": [endpoint["id"]]}


THINGS = make_things()


def harmless(value):
    """The same value, with every address turned to this machine."""
    match value:
        case dict():
            return {key: harmless(member) for key, member in value.items()}
        case list():
            return [harmless(member) for member in value]
        case str() if ADDRESS.match(value):
            return NOWHERE
    return value


def find(case, things):
    """Names a thing that exists in two of three requests, but for those that would delete it."""
    asked = case.path_parameters.get("id")
    if case.method == "DELETE":
        case.path_parameters["id"] = "none" if asked in things else asked
    elif case.path.endswith("/events"):
        # That of a video that waits would not end.
        case.path_parameters["id"] = things[0]
    elif (number := sum(str(asked).encode()) % 3) < 2:
        case.path_parameters["id"] = things[number % len(things)]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Names things that exist, waits for nothing, and asks for small videos where nothing else is asked for."""
    is_sequence = case.meta is not None and case.meta.phase.name == "stateful"
    for beginning, things in THINGS.items():
        if case.path.startswith(beginning) and not is_sequence:
            find(case, things)
    if str((case.query or {}).get("wait")) in WAITS:
        case.query["wait"] = 1
    case.body = harmless(case.body)
    if case.path == "/v1/videos" and isinstance(case.body, dict):
        case.body = {**SMALL, **case.body}
        if case.meta is not None and case.meta.generation.mode == "positive":
            case.body = {name: value for name, value in case.body.items() if name not in IMAGES} | OFFERED
