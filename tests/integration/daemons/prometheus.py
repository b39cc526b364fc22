# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus on a port of loopback, and promtool beside it."""

import json
import os
import signal
import subprocess
import urllib.parse

from .http import Client
from .process import Process, find_program, free_port

READY_SECONDS = 30
PROMTOOL_SECONDS = 60

CONFIG = """global:
  scrape_interval: 1s
  evaluation_interval: 1s
scrape_configs:
  - job_name: {job}
    static_configs:
      - targets: {targets}
"""


def promtool_check(text):
    """What `promtool check metrics` has to say; "" when it is content."""
    done = subprocess.run(
        [find_program("promtool", "prometheus"), "check", "metrics"],
        input=text, text=True, capture_output=True, check=False,
        timeout=PROMTOOL_SECONDS)
    if done.returncode == 0 and not done.stderr:
        return ""
    return f"exit {done.returncode}: {done.stdout}{done.stderr}"


class Prometheus:
    def __init__(self, directory):
        os.makedirs(directory, exist_ok=True)
        self._program = find_program("prometheus", "prometheus")
        self._directory = directory
        self._config = os.path.join(directory, "prometheus.yml")
        self.log = os.path.join(directory, "log")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = Client(self.url)
        self._process = None

    def start(self):
        self._write((), "test")
        self._process = Process(
            [self._program, f"--config.file={self._config}",
             f"--storage.tsdb.path={self._directory}/data",
             f"--web.listen-address=127.0.0.1:{self.port}"], self.log)
        self._process.wait_ready(lambda: self.client.answers("/-/ready"),
                                 READY_SECONDS)

    def _write(self, targets, job):
        with open(self._config, "w", encoding="utf-8") as config:
            config.write(CONFIG.format(targets=json.dumps(list(targets)),
                                       job=job))

    def scrape(self, *targets, job="test"):
        """From now on these "host:port" are scraped every second."""
        self._write(targets, job)
        self._process.signal(signal.SIGHUP)

    def query(self, expression):
        """The result list of an instant query."""
        query = urllib.parse.urlencode({"query": expression})
        reply = self.client.ask("GET", f"/api/v1/query?{query}").json()
        return reply["data"]["result"]

    def stop(self):
        if self._process:
            self._process.stop()
            self._process = None

    def log_tail(self):
        return self._process.log_tail() if self._process else ""
