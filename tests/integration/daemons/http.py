# SPDX-License-Identifier: Apache-2.0
"""Small HTTP calls over TCP and over unix sockets, each with a deadline."""

import http.client
import json
import socket
import urllib.parse

CALL_SECONDS = 60
SLOW_BYTES = 4096       # of a reader's socket


class Refused(Exception):
    """The peer answered, and the answer was no."""

    def __init__(self, status, text):
        super().__init__(f"{status}: {text.strip()}")
        self.status = status
        self.text = text


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body) if self.body.strip() else None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Client:
    """Calls to one peer: `unix:/path`, or `http://host:port`."""

    def __init__(self, address):
        self.address = address

    def _connect(self, timeout):
        if self.address.startswith("unix:"):
            return _UnixConnection(self.address[len("unix:"):], timeout)
        parts = urllib.parse.urlsplit(self.address)
        return http.client.HTTPConnection(parts.hostname, parts.port,
                                          timeout=timeout)

    def call(self, method, path, body=None, headers=None,
             timeout=CALL_SECONDS):
        """The Reply, whatever its status; OSError when there is none."""
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection = self._connect(timeout)
        try:
            connection.request(method, path, body=body, headers=headers)
            reply = connection.getresponse()
            return Reply(reply.status, reply.headers, reply.read())
        except http.client.HTTPException as broken:
            raise ConnectionError(f"{method} {path}: {broken!r}") from broken
        finally:
            connection.close()

    def ask(self, method, path, body=None, headers=None,
            timeout=CALL_SECONDS):
        """As call(), but a status of 400 or more raises Refused."""
        reply = self.call(method, path, body, headers, timeout)
        if reply.status >= 400:
            raise Refused(reply.status, reply.text)
        return reply

    def begin(self, path, headers=None, answered=True):
        """A GET whose answer has begun, or which is sent, if it is to be
        @answered later; the function that it returns reads all of it. Until
        then the peer can send but little. Over TCP."""
        parts = urllib.parse.urlsplit(self.address)
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BYTES)
        sock.settimeout(CALL_SECONDS)
        sock.connect((parts.hostname, parts.port))
        lines = "".join(f"{name}: {value}\r\n"
                        for name, value in (headers or {}).items())
        sock.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
        reply = http.client.HTTPResponse(sock)
        if answered:
            reply.begin()

        def rest():
            try:
                if not answered:
                    reply.begin()
                return Reply(reply.status, reply.headers, reply.read())
            finally:
                sock.close()
        return rest

    def answers(self, path):
        try:
            return self.call("GET", path, timeout=5).status == 200
        except OSError:
            return False
