# SPDX-License-Identifier: Apache-2.0
"""Somebody who is told: keeps every request, and answers as it was told to,
with 200 once it was told nothing more."""

import http.server
import json
import threading

from .process import wait_until


class Told:
    """One request."""

    def __init__(self, method, path, headers, body):
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body

    @property
    def text(self):
        return self.body.decode("utf-8")

    def json(self):
        return json.loads(self.text)


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, headers = self.server.owner.take(
            Told(self.command, self.path, self.headers, body))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_PUT = do_POST

    def log_message(self, format, *args):
        pass


class Receiver:
    def __init__(self):
        self._lock = threading.Lock()
        self._answers = []
        self._told = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                       _Handler)
        self._server.owner = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever,
                                        daemon=True)
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, status, **headers):
        """The next one that is not spoken for gets this."""
        with self._lock:
            self._answers.append((status, headers))

    def take(self, told):
        with self._lock:
            self._told.append(told)
            return self._answers.pop(0) if self._answers else (200, {})

    def told(self, path=None):
        with self._lock:
            return [one for one in self._told if path in (None, one.path)]

    def wait_told(self, n=1, path=None, timeout=20):
        """The first @n, when there are so many."""
        wait_until(lambda: len(self.told(path)) >= n, timeout,
                   f"{n} requests to {path or 'it'}")
        return self.told(path)[:n]
