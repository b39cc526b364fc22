# SPDX-License-Identifier: Apache-2.0
"""A real Alertmanager on a port of loopback, which tells nobody."""

import os

from .http import Client
from .process import Process, find_program, free_port

READY_SECONDS = 30
CONFIG = """route:
  receiver: nobody
receivers:
  - name: nobody
"""


class Alertmanager:
    def __init__(self, directory):
        os.makedirs(directory, exist_ok=True)
        self._program = find_program("prometheus-alertmanager",
                                     "prometheus-alertmanager")
        self._directory = directory
        self._config = os.path.join(directory, "alertmanager.yml")
        self.log = os.path.join(directory, "log")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = Client(self.url)
        self._process = None

    def start(self):
        with open(self._config, "w", encoding="utf-8") as config:
            config.write(CONFIG)
        self._process = Process(
            [self._program, f"--config.file={self._config}",
             f"--storage.path={self._directory}/data",
             "--cluster.listen-address=",
             f"--web.listen-address=127.0.0.1:{self.port}"], self.log)
        self._process.wait_ready(lambda: self.client.answers("/-/ready"),
                                 READY_SECONDS)

    def stop(self):
        if self._process:
            self._process.stop()
            self._process = None

    def alerts(self):
        """Those that fire, by name."""
        firing = self.client.ask("GET", "/api/v2/alerts").json()
        return {alert["labels"]["alertname"]: alert for alert in firing}

    def log_tail(self):
        return self._process.log_tail() if self._process else ""
