"""A webhook endpoint on loopback."""

import http.server
import queue
import threading


class Receiver:
    """Takes whatever is sent to `url` and answers 204; `next()` hands the messages out in their order."""

    def __init__(self):
        told = self.told = queue.Queue()

        class Hook(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                told.put((dict(self.headers), self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}/hook"

    def next(self):
        """Headers and body of the next message."""
        return self.told.get(timeout=30)
