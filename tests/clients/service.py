"""The whole service, as a process of its own."""

import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLIPMILL = ROOT / "target/debug/clipmill"
READY_SECONDS = 60


def free_port():
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    """A `clipmill dev` with data of its own, in a folder that is there."""

    def __init__(self, folder, *arguments):
        if not CLIPMILL.exists():
            sys.exit(f"{CLIPMILL.relative_to(ROOT)} is missing: cargo build --workspace --bins")
        data, key_file = folder / "data", folder / "api-key"
        shutil.rmtree(data, ignore_errors=True)
        key_file.unlink(missing_ok=True)
        address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{address}"
        self.log = open(folder / "service.log", "w")
        command = [CLIPMILL, "dev", "--listen", address, "--key-file", key_file, "--data", data, *arguments]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=ROOT)
        self.wait_until_ready()
        self.key = key_file.read_text().strip()

    def wait_until_ready(self):
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                return urllib.request.urlopen(f"{self.url}/readyz")
            except OSError:
                time.sleep(0.1)
        self.stop()
        sys.exit(f"clipmill dev did not become ready: see {self.log.name}")

    def ask(self, path, body=None):
        """What the API answers to a request."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        return json.load(urllib.request.urlopen(urllib.request.Request(f"{self.url}{path}", data, headers)))

    def fetch(self, path):
        """The bytes that the API leads to."""
        request = urllib.request.Request(f"{self.url}{path}")
        # A link to the store is followed without the key, as the store wants it.
        request.add_unredirected_header("Authorization", f"Bearer {self.key}")
        return urllib.request.urlopen(request).read()

    def message(self):
        """A webhook as it arrives, and the secret that it was signed with."""
        from receiver import Receiver

        receiver = Receiver()
        wish = {"prompt": "a red fox", "seconds": 1, "size": "320x192", "webhook_url": receiver.url}
        self.ask("/v1/videos", wish)
        headers, body = receiver.next()
        return {"headers": headers, "body": body.decode(), "secret": self.ask("/v1/webhooks/secret")["secret"]}

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
