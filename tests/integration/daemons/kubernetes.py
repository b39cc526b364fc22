# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server over TLS that knows Leases and nothing else, with the
checks of the real one that a client can fall over: the resource version of what
is written, the form of times, tokens."""

import http.server
import json
import os
import re
import ssl
import threading

PATH = "/apis/coordination.k8s.io/v1/namespaces/test/leases"
MICRO_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
NAMES = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden",
         404: "NotFound", 409: "Conflict", 422: "Invalid", 500: "InternalError"}


class _Refusal(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Kubernetes:
    """Its lease is `lease`, None at first. What is to be refused stands in
    `refusals`: a code for each request to come; `down` hangs up on all."""

    def __init__(self, directory, certificate, key, authority):
        self.lease = None
        self.requests = []      # (method, holder that is written, or None)
        self.refusals = []
        self.down = False
        self.tokens = {"first"}
        self.account = os.path.join(directory, "account")
        self._version = 0
        self._lock = threading.Lock()
        os.makedirs(self.account, exist_ok=True)
        self.write_token("first")
        self._write("namespace", "test\n")
        with open(authority, encoding="ascii") as text:
            self._write("ca.crt", text.read())
        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket,
                                                  server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever,
                                        daemon=True)
        self._thread.start()

    def _write(self, name, text):
        path = os.path.join(self.account, name)
        with open(path + ".new", "w", encoding="ascii") as out:
            out.write(text)
        os.rename(path + ".new", path)

    def write_token(self, token):
        self._write("token", token + "\n")

    @property
    def environment(self):
        return {"KUBERNETES_SERVICE_HOST": "127.0.0.1",
                "KUBERNETES_SERVICE_PORT": str(self.port),
                "KUBERNETES_SERVICEACCOUNT_DIR": self.account}

    @property
    def holder(self):
        lease = self.lease
        return lease["spec"].get("holderIdentity", "") if lease else ""

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # What it does with a request; all under the lock.

    def _check(self, lease):
        spec = lease["spec"]
        for name in ("acquireTime", "renewTime"):
            if not MICRO_TIME.match(spec[name]):
                raise _Refusal(400, f"{name} is no MicroTime")
        if spec["leaseDurationSeconds"] <= 0:
            raise _Refusal(422, "leaseDurationSeconds must be greater than 0")

    def _store(self, lease):
        self._check(lease)
        self._version += 1
        lease["metadata"]["resourceVersion"] = f"v{self._version}"
        self.lease = lease
        return lease

    def answer(self, method, path, token, body):
        with self._lock:
            holder = body["spec"]["holderIdentity"] if body else None
            self.requests.append((method, holder))
            if self.refusals:
                raise _Refusal(self.refusals.pop(0), "as the test wants it")
            if token.removeprefix("Bearer ") not in self.tokens:
                raise _Refusal(401, "Unauthorized")
            if method == "POST" and path == PATH:
                if self.lease:
                    raise _Refusal(409, "it exists already")
                body["metadata"]["labels"] = {"kept": "yes"}
                return 201, self._store(body)
            if path != PATH + "/mon" or not self.lease:
                raise _Refusal(404, "leases \"mon\" not found")
            if method == "PUT":
                if body["metadata"].get("resourceVersion") != \
                        self.lease["metadata"]["resourceVersion"]:
                    raise _Refusal(409, "the object has been modified")
                self._store(body)
            return 200, self.lease

    def touch(self):
        """Somebody else writes a label."""
        with self._lock:
            self.lease["metadata"]["labels"]["touched"] = "yes"
            self._store(self.lease)

    def _handler(self):
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self):
                if api.down:
                    self.close_connection = True
                    return
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length)) if length else None
                try:
                    code, reply = api.answer(
                        self.command, self.path,
                        self.headers.get("Authorization", ""), body)
                except _Refusal as no:
                    code = no.code
                    reply = {"kind": "Status", "status": "Failure",
                             "message": str(no), "code": code,
                             "reason": NAMES[code]}
                text = json.dumps(reply).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_PUT = do_POST = _serve

            def log_message(self, *_args):
                pass

        return Handler
