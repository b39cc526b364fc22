# SPDX-License-Identifier: Apache-2.0
"""A registry with tokens of the configuration, and those who ask it."""

import base64
import json
import os
import tempfile

from daemons.http import Client

SCOPES = ("read", "write", "admin", "alerts")


def secret(scope):
    """As long as those that are made."""
    return "bnc_" + scope.ljust(40, "0")


def configuration(directory, promtool="none", settings=None, **registry):
    """YAML of one with a token of each scope; @settings: other sections."""
    tokens = []
    kept = tempfile.mkdtemp(prefix="tokens-", dir=directory)
    for scope in SCOPES:
        path = os.path.join(kept, scope)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w",
                  encoding="ascii") as out:
            out.write(secret(scope) + "\n")
        tokens.append({"name": scope, "scope": scope, "token_file": path})
    return json.dumps({
        **(settings or {}),
        "registry": {"enabled": True, "promtool": promtool, "tokens": tokens,
                     **registry}})


class Asker:
    """Who has the token of a scope; None: no token."""

    def __init__(self, url, scope="admin", scheme="Bearer"):
        self.client = Client(url)
        self.headers = {}
        if scope and scheme == "Basic":
            pair = f"{scope}:{secret(scope)}".encode("ascii")
            word = base64.b64encode(pair).decode("ascii")
            self.headers["Authorization"] = f"Basic {word}"
        elif scope:
            self.headers["Authorization"] = f"{scheme} {secret(scope)}"

    def call(self, method, path, body=None):
        return self.client.call(method, path, body, self.headers)

    def get(self, path):
        reply = self.call("GET", path)
        assert reply.status == 200, f"{path}: {reply.status} {reply.text}"
        return reply.json()

    def make(self, path, body):
        reply = self.call("POST", path, body)
        assert reply.status == 201, f"{path}: {reply.status} {reply.text}"
        return reply.json()
