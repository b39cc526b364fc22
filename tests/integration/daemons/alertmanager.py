# SPDX-License-Identifier: Apache-2.0
"""A real Alertmanager on a port of loopback, which tells nobody unless it is
asked to."""

import json
import os
import signal

from .http import Client
from .process import Process, find_program, free_port

READY_SECONDS = 30
CONFIG = """route:
  receiver: nobody
receivers:
  - name: nobody
"""


TELLING = """route:
  receiver: hook
  group_by: {group_by}
  group_wait: 100ms
  group_interval: {group_interval}
  repeat_interval: {repeat_interval}
receivers:
  - name: hook
    webhook_configs: {webhooks}
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
        self._text = CONFIG

    def start(self):
        self._write()
        self._process = Process(
            [self._program, f"--config.file={self._config}",
             f"--storage.path={self._directory}/data",
             "--cluster.listen-address=",
             f"--web.listen-address=127.0.0.1:{self.port}"], self.log)
        self._process.wait_ready(lambda: self.client.answers("/-/ready"),
                                 READY_SECONDS)

    def _write(self):
        with open(self._config, "w", encoding="utf-8") as config:
            config.write(self._text)

    def configure(self, text):
        """What it follows from its start."""
        self._text = text

    def tell(self, url, group_by=("alertname",), group_interval="1s",
             repeat_interval="1s", **webhook):
        """From now on it posts to @url; it can go and come back, and still
        does."""
        hook = {"url": url, "send_resolved": True, **webhook}
        self._text = TELLING.format(
            group_by=json.dumps(list(group_by)), webhooks=json.dumps([hook]),
            group_interval=group_interval, repeat_interval=repeat_interval)
        self._write()
        if self._process:
            self._process.signal(signal.SIGHUP)

    def post(self, *alerts):
        """Each is a set of labels; with `end` in it, it ends then."""
        self.client.ask(
            "POST", "/api/v2/alerts", json.dumps(list(alerts)).encode(),
            {"Content-Type": "application/json"})

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
