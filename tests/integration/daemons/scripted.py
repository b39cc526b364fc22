# SPDX-License-Identifier: Apache-2.0
"""An HTTP server for what a real Pushgateway cannot be made to do.

It answers every GET with the one thing it was last told to, and counts. The
answers are written byte by byte by ourselves: half of them are wrong.
"""

import http.server
import socket
import threading
import time

TEXT = "text/plain; version=0.0.4; charset=utf-8"
HTML = "<!DOCTYPE html><html><body><h1>Sign in, please</h1></body></html>"


def exposition(ages):
    """What a gateway shows for {job: age in seconds}."""
    now = time.time()
    lines = ["# HELP push_time_seconds Last Unix time when changing this "
             "group in the Pushgateway succeeded.",
             "# TYPE push_time_seconds gauge"]
    lines += [f'push_time_seconds{{instance="",job="{job}"}} {now - age!r}'
              for job, age in ages.items()]
    return "\n".join(lines) + "\n"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.owner.answer_one(self)

    def log_message(self, format, *args):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *args):
        super().__init__(*args)
        self._connections = set()

    def process_request_thread(self, request, client_address):
        self._connections.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.discard(request)

    def hang_up(self):
        """On those who keep their connection: they would be served on."""
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def handle_error(self, request, client_address):
        pass    # a peer that hangs up on a wrong answer is in its right


class ScriptedGateway:
    def __init__(self):
        self.requests = 0       # answered or begun so far
        self._answer = None
        self._server = None
        self._thread = None
        self._ended = threading.Event()
        self.say("")

    def start(self, port=0):
        self._ended.clear()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever,
                                        kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stop(self):
        if self._server:
            self._ended.set()
            self._server.shutdown()
            self._server.server_close()
            self._server.hang_up()
            self._thread.join()
            self._server = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer_one(self, handler):
        self.requests += 1
        self._answer(handler)

    # What to answer from now on.

    def say(self, body, status=200, content_type=TEXT):
        """@body: text, or a function that returns it for each request."""
        def answer(handler):
            data = (body() if callable(body) else body).encode()
            handler.send_response(status)
            handler.send_header("Content-Type", content_type)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)
        self._answer = answer

    def say_ages(self, ages):
        self.say(lambda: exposition(ages))

    def say_html(self):
        self.say(HTML, content_type="text/html")

    def say_half(self, ages):
        """Promises a whole body, sends half of it and hangs up."""
        def answer(handler):
            data = exposition(ages).encode()
            handler.send_response(200)
            handler.send_header("Content-Type", TEXT)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data[:len(data) // 2])
            handler.close_connection = True
        self._answer = answer

    def say_bad_chunk(self):
        self._raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n")

    def say_garbage(self):
        self._raw(b"SSH-2.0-OpenSSH_9.2p1\r\n")

    def say_endless(self):
        """A body that never ends."""
        def answer(handler):
            handler.send_response(200)
            handler.send_header("Content-Type", TEXT)
            handler.send_header("Connection", "close")
            handler.end_headers()
            block = b"# " + b"x" * 65533 + b"\n"
            while not self._ended.is_set():
                handler.wfile.write(block)
            handler.close_connection = True
        self._answer = answer

    def say_nothing(self):
        """Takes the request and keeps silent."""
        def answer(handler):
            self._ended.wait()
            handler.close_connection = True
        self._answer = answer

    def _raw(self, data):
        def answer(handler):
            handler.wfile.write(data)
            handler.close_connection = True
        self._answer = answer
