# SPDX-License-Identifier: Apache-2.0
"""A registry for workers that does what a real one cannot be made to do: it
has the documents that it was given, tells of them, and keeps the reports."""

import hashlib
import http.server
import json
import threading
import urllib.parse

KINDS = ("targets", "urls", "rules", "nodes")
EMPTY = {"targets": "[]\n", "urls": "[]\n", "rules": "groups: []\n",
         "nodes": "[]\n"}
POLL_SECONDS = 30
COMMENT_SECONDS = 15


def etag(text):
    return '"' + hashlib.sha256(text.encode()).hexdigest()[:32] + '"'


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        pass

    def do_GET(self):
        self.server.owner.get(self)

    def do_POST(self):
        self.server.owner.post(self)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass


class ScriptedRegistry:
    def __init__(self):
        self.documents = dict(EMPTY)
        self.revision = 1
        self.shard = "tokyo"
        self.reports = []
        self.fetches = []       # (kind, status)
        self.watches = 0
        self.polls = 0
        self.headers = []       # of the watches
        self.token = None
        self.eats_streams = False
        self.unknown = False    # the server is not registered
        self.refuse = {}        # kind: (status, type, body)
        self._changed = threading.Condition()
        self._server = None
        self._closing = False
        self._burst = ""        # events that go together

    def start(self, port=0):
        self._closing = False
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.owner = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever,
                         kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        if self._server:
            with self._changed:
                self._closing = True
                self._changed.notify_all()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def put(self, **documents):
        self.put_all([documents])

    def put_all(self, edits):
        """Each is told of, all in one piece: however slow we are, whoever
        watches has no time between them."""
        with self._changed:
            for documents in edits:
                self.documents.update(documents)
                self.revision += 1
                self._burst += self._event()
            self._changed.notify_all()

    def _event(self):
        return (f"event: documents\nid: {self.revision}\ndata: "
                f"{json.dumps(self.wanted())}\n\n")

    def wanted(self):
        return {"revision": self.revision, "shard": self.shard,
                "documents": {kind: {"etag": etag(self.documents[kind]),
                                     "revision": self.revision,
                                     "path": f"/sd/{self.shard}/{kind}"}
                              for kind in KINDS}}

    # Requests.

    def _answer(self, handler, status, body="", kind="application/json",
                headers=()):
        data = body.encode()
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def _admitted(self, handler):
        if self.token and (handler.headers.get("Authorization") !=
                           f"Bearer {self.token}"):
            self._answer(handler, 401, '{"detail":"who are you?"}')
            return False
        return True

    def get(self, handler):
        path, _, query = handler.path.partition("?")
        query = dict(urllib.parse.parse_qsl(query))
        if not self._admitted(handler):
            return
        if path.startswith("/worker/") and self.unknown:
            self._answer(handler, 404, json.dumps(
                {"detail": f"there is no server {query['server']}; register "
                           "it: bouncer register-server SHARD HOST PORT"}))
        elif path == "/worker/watch":
            self._watch(handler)
        elif path == "/worker/poll":
            self._poll(handler, query)
        elif path.startswith("/sd/"):
            self._document(handler, path.rpartition("/")[2])
        else:
            self._answer(handler, 404, '{"detail":"no such path"}')

    def post(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        if self._admitted(handler):
            self.reports.append(json.loads(body))
            self._answer(handler, 204)

    def _document(self, handler, kind):
        text = self.documents[kind]
        status, media, body = self.refuse.get(kind, (200, None, text))
        if status == 200 and handler.headers.get("If-None-Match") == etag(text):
            self.fetches.append((kind, 304))
            self._answer(handler, 304)
            return
        self.fetches.append((kind, status))
        self._answer(handler, status, body, media or "application/json",
                     [("ETag", etag(body))])

    def _poll(self, handler, query):
        self.polls += 1
        with self._changed:
            if "revision" in query:
                self._changed.wait_for(
                    lambda: self._closing or
                    self.revision != int(query["revision"]), POLL_SECONDS)
            same = query.get("revision") == str(self.revision)
            text = json.dumps(self.wanted())
        self._answer(handler, 204 if same else 200, "" if same else text)

    def _watch(self, handler):
        self.watches += 1
        self.headers.append(dict(handler.headers))
        if self.eats_streams:
            with self._changed:
                self._changed.wait_for(lambda: self._closing)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        seen = handler.headers.get("Last-Event-ID")
        try:
            handler.wfile.write(b": hello\n\n")
            while not self._closing:
                with self._changed:
                    if seen == str(self.revision):
                        self._changed.wait_for(
                            lambda: self._closing or
                            seen != str(self.revision), COMMENT_SECONDS)
                    text = None
                    if seen != str(self.revision) and not self._closing:
                        seen = str(self.revision)
                        text = self._burst or self._event()
                        self._burst = ""
                handler.wfile.write((text or ": still here\n\n").encode())
        except OSError:
            pass
