#!/usr/bin/env python3
"""A render server: diffusers' own Wan pipelines, on the CPU, with a tiny random model, behind the API of vLLM-Omni.

    pip install -r ../golden/wan/requirements.txt
    python server.py --port 8000

It says 503 on /health until the model is loaded and warm, renders one job after the other, keeps all in memory, says 0 and then 100
for progress, answers for a job that failed with HTTP 500 and the job, and takes no field that it does not know.
"""

import argparse
import email
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import numpy
import torch
import transformers
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden" / "wan"))

import models
from noise import Noise
from variants import VARIANTS

MODEL = "wan-tiny"
# What the model makes where a wish leaves it open.
DEFAULTS = {"model": MODEL, "width": 64, "height": 64, "fps": 16, "num_inference_steps": 4, "guidance_scale": 5.0, "seed": 0}
# What goes to the pipeline as it is.
OPTIONS = ("prompt", "negative_prompt", "width", "height", "num_frames", "num_inference_steps", "guidance_scale")
# Each field that a form may have.
FIELDS = {
    "prompt": str,
    "negative_prompt": str,
    "model": str,
    "size": str,
    "seconds": int,
    "width": int,
    "height": int,
    "num_frames": int,
    "fps": int,
    "num_inference_steps": int,
    "guidance_scale": float,
    "guidance_scale_2": float,
    "flow_shift": float,
    "seed": int,
    "input_reference": bytes,
}
BODY_MAX_BYTES = 32 << 20
# How long a client that deletes a running job waits for its end.
ABORT_SECONDS = 30


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status, detail):
        super().__init__(detail)
        self.status, self.detail = status, detail


class Aborted(Exception):
    """A render that nobody wants any more."""


@dataclass
class Job:
    """One video."""

    wish: dict
    id: str = field(default_factory=lambda: f"video_gen_{uuid.uuid4().hex}")
    status: str = "queued"
    created_at: int = field(default_factory=lambda: int(time.time()))
    error: dict | None = None
    content: bytes = b""
    unwanted: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def view(self):
        """How clients see it."""
        return {
            "id": self.id,
            "object": "video",
            "model": self.wish["model"],
            "status": self.status,
            "progress": 100 if self.status == "completed" else 0,
            "created_at": self.created_at,
            "size": f"{self.wish['width']}x{self.wish['height']}",
            "seconds": str(self.wish["num_frames"] // self.wish["fps"]),
            "fps": self.wish["fps"],
            "num_frames": self.wish["num_frames"],
            "media_type": "video/mp4",
            "error": self.error,
        }


class Studio:
    """The model, and the thread that renders."""

    def __init__(self):
        self.jobs, self.line, self.is_warm = {}, queue.Queue(), threading.Event()
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        try:
            self.warm_up()
            while True:
                self.attempt(self.line.get())
        except Exception:
            # A server without its model is none.
            traceback.print_exc()
            os._exit(1)

    def warm_up(self):
        torch.set_grad_enabled(False)
        transformers.utils.logging.disable_progress_bar()
        variant = VARIANTS["ti2v5b"]
        self.by_text = models.pipeline(variant, Noise(1))
        self.by_image = models.with_image(self.by_text, variant)
        for pipeline in (self.by_text, self.by_image):
            pipeline.set_progress_bar_config(disable=True)
        self.render(Job(complete({"prompt": "warm", "num_frames": 5, "num_inference_steps": 1})))
        self.is_warm.set()

    def submit(self, wish):
        job = Job(complete(wish))
        self.jobs[job.id] = job
        self.line.put(job)
        return job

    def attempt(self, job):
        job.status = "in_progress"
        try:
            job.content = self.render(job)
            job.status = "completed"
        except Aborted:
            job.status = "failed"
        except Exception as error:
            job.status, job.error = "failed", {"code": 500, "message": str(error)}
        job.ended.set()

    def render(self, job):
        """The video as an MP4 file."""
        wish, pipeline = job.wish, self.by_text
        options = {name: wish[name] for name in OPTIONS if name in wish}
        if "input_reference" in wish:
            pipeline = self.by_image
            picture = Image.open(BytesIO(wish["input_reference"])).convert("RGB")
            options["image"] = picture.resize((wish["width"], wish["height"]))

        def go_on(_pipeline, _step, _timestep, tensors):
            if job.unwanted.is_set():
                raise Aborted
            return tensors

        options |= {"generator": torch.Generator().manual_seed(wish["seed"] % 2**63), "callback_on_step_end": go_on}
        frames = pipeline(**options, max_sequence_length=16, output_type="np").frames[0]
        return encode((numpy.asarray(frames) * 255).round().astype(numpy.uint8), wish["fps"])


def complete(wish):
    """A wish with what it leaves open."""
    whole = DEFAULTS | wish
    if match := re.fullmatch(r"(\d+)x(\d+)", wish.get("size", "")):
        whole |= {"width": int(match[1]), "height": int(match[2])}
    # The pipeline makes the next number of it that is one more than a multiple of 4.
    whole.setdefault("num_frames", whole.get("seconds", 1) * whole["fps"])
    if whole["model"] != MODEL:
        raise Refused(400, f"Model mismatch: this server has {MODEL}")
    return whole


def encode(frames, fps):
    """An MP4 file of RGB frames, by the command ffmpeg."""
    _, height, width, _ = frames.shape
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps), "-i", "-"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "video.mp4"
        h264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart", file]
        subprocess.run(["ffmpeg", "-v", "error", *raw, *h264], input=frames.tobytes(), check=True)
        return file.read_bytes()


def form(content_type, body):
    """The fields of a multipart form, each of its type."""
    boundary = re.search(r'^multipart/form-data;.*boundary="?([^";]+)', content_type)
    if not boundary:
        raise Refused(422, "a form is wanted: multipart/form-data")
    wish = {}
    for part in body.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = email.message_from_bytes(head).get_param("name", header="content-disposition")
        if name not in FIELDS or name in wish:
            raise Refused(400, f"{name} is not known, or there twice")
        wish[name] = read(name, value.removesuffix(b"\r\n"))
    if not wish.get("prompt"):
        raise Refused(422, "prompt is missing")
    return wish


def read(name, value):
    try:
        return value if FIELDS[name] is bytes else FIELDS[name](value.decode())
    except ValueError:
        raise Refused(422, f"{name} is no {FIELDS[name].__name__}") from None


class Handler(BaseHTTPRequestHandler):
    """The API."""

    protocol_version = "HTTP/1.1"
    studio = None

    def do_GET(self):
        self.answer(self.read)

    def do_POST(self):
        self.answer(self.create)

    def do_DELETE(self):
        self.answer(self.delete)

    def read(self, *path):
        match path:
            case ("health",):
                return (200 if self.studio.is_warm.is_set() else 503), {}
            case ("v1", "models"):
                return 200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
            case ("v1", "videos"):
                return 200, {"object": "list", "data": [job.view() for job in self.studio.jobs.values()]}
            case ("v1", "videos", name):
                job = self.job(name)
                return (500 if job.status == "failed" else 200), job.view()
            case ("v1", "videos", name, "content"):
                return self.content(self.job(name))
        raise Refused(404, "Not Found")

    def content(self, job):
        if job.status == "failed":
            raise Refused(422, "Video generation failed")
        if job.status != "completed":
            raise Refused(404, "Generation is still in-progress")
        return 200, job.content

    def create(self, *path):
        if path != ("v1", "videos"):
            raise Refused(404, "Not Found")
        length = int(self.headers.get("content-length", 0))
        if length > BODY_MAX_BYTES:
            raise Refused(413, "too large")
        body = self.rfile.read(length)
        return 200, self.studio.submit(form(self.headers.get("content-type", ""), body)).view()

    def delete(self, *path):
        if path[:2] != ("v1", "videos") or len(path) != 3:
            raise Refused(404, "Not Found")
        job = self.job(path[2])
        job.unwanted.set()
        if not job.ended.wait(ABORT_SECONDS):
            raise Refused(409, "Cancellation in progress")
        self.studio.jobs.pop(job.id, None)
        return 200, {"id": job.id, "object": "video.deleted", "deleted": True}

    def job(self, name):
        if name not in self.studio.jobs:
            raise Refused(404, "Video not found")
        return self.studio.jobs[name]

    def answer(self, operation):
        try:
            status, said = operation(*self.path.partition("?")[0].strip("/").split("/"))
        except Refused as refused:
            status, said = refused.status, {"detail": refused.detail}
            # What was not read of the body would be taken for the next request.
            self.close_connection = True
        is_file = isinstance(said, bytes)
        body = said if is_file else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "video/mp4" if is_file else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True, help="on loopback")
    options = parser.parse_args()
    Handler.studio = Studio()
    ThreadingHTTPServer(("127.0.0.1", options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
