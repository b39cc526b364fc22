# SPDX-License-Identifier: Apache-2.0
"""A real Pushgateway on a port of loopback, which can go and come back."""

import base64
import os

from .http import Client
from .process import Process, find_program, free_port

READY_SECONDS = 20
METRIC = "exporter_up 1\n"


def group_path(job, labels):
    """The path of a group; every value in base64, which allows any text."""
    path = "/metrics"
    for name, value in {"job": job, **labels}.items():
        text = base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")
        path += f"/{name}@base64/{text or '='}"
    return path


class Pushgateway:
    def __init__(self, directory):
        os.makedirs(directory, exist_ok=True)
        self._program = find_program("prometheus-pushgateway",
                                     "prometheus-pushgateway")
        self._store = os.path.join(directory, "store")
        self.log = os.path.join(directory, "log")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = Client(self.url)
        self._process = None

    def start(self, empty=True):
        """On the same port as before; @empty forgets what was pushed."""
        if empty and os.path.exists(self._store):
            os.unlink(self._store)
        self._process = Process(
            [self._program, f"--web.listen-address=127.0.0.1:{self.port}",
             f"--persistence.file={self._store}"], self.log)
        self._process.wait_ready(lambda: self.client.answers("/-/ready"),
                                 READY_SECONDS)

    def stop(self):
        if self._process:
            self._process.stop()
            self._process = None

    def push(self, job, text=METRIC, **labels):
        """Replaces the group's metrics; its push time is now."""
        self.client.ask("PUT", group_path(job, labels), body=text,
                        headers={"Content-Type": "text/plain"})

    def delete(self, job, **labels):
        self.client.ask("DELETE", group_path(job, labels))

    def metrics(self):
        return self.client.ask("GET", "/metrics").text

    def log_tail(self):
        return self._process.log_tail() if self._process else ""
