# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus on a port of loopback, and promtool beside it."""

import json
import os
import signal
import subprocess
import urllib.parse

from .http import Client
from .process import Process, find_program, free_port, wait_until

READY_SECONDS = 30
PROMTOOL_SECONDS = 180

CONFIG = """global:
  scrape_interval: {every}
  evaluation_interval: {every}
rule_files: {rules}
alerting:
  alertmanagers:
    - static_configs:
        - targets: {alertmanagers}
scrape_configs:
  - job_name: {job}
    static_configs:
      - targets: {targets}
{discovered}"""


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
    """One server; it can go and come back, and then has what it had.
    @every: how often it scrapes and evaluates its rules."""

    def __init__(self, directory, every="1s"):
        os.makedirs(directory, exist_ok=True)
        self._program = find_program("prometheus", "prometheus")
        self._directory = directory
        self._config = os.path.join(directory, "prometheus.yml")
        self.log = os.path.join(directory, "log")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = Client(self.url)
        self._process = None
        self._settings = {"every": every, "job": "test", "targets": [],
                          "rules": [], "alertmanagers": [],
                          "discovered": ""}

    def start(self):
        self._write()
        self._process = Process(
            [self._program, f"--config.file={self._config}",
             f"--storage.tsdb.path={self._directory}/data",
             "--rules.alert.resend-delay=1s",
             f"--web.listen-address=127.0.0.1:{self.port}"], self.log)
        self._process.wait_ready(lambda: self.client.answers("/-/ready"),
                                 READY_SECONDS)

    def _write(self):
        settings = {key: value if isinstance(value, str)
                    else json.dumps(value)
                    for key, value in self._settings.items()}
        with open(self._config, "w", encoding="utf-8") as config:
            config.write(CONFIG.format(**settings))

    def _change(self, **settings):
        self._settings.update(settings)
        self._write()
        self._process.signal(signal.SIGHUP)

    def scrape(self, *targets, job="test"):
        """From now on these "host:port" are scraped."""
        self._change(targets=list(targets), job=job)

    def discover(self, *scrape_configs):
        """From now on these are scraped, too: as the file has them."""
        self._change(discovered="".join(
            f"  - {json.dumps(each)}\n" for each in scrape_configs))

    def active(self):
        """What it knows of its targets."""
        reply = self.client.ask("GET", "/api/v1/targets?state=active").json()
        return reply["data"]["activeTargets"]

    def rules(self, text, *alertmanagers):
        """The rules, as a file of them holds them, and the "host:port" that
        are told of alerts."""
        path = os.path.join(self._directory, "rules.yml")
        with open(path, "w", encoding="utf-8") as rules:
            rules.write(text)
        self._change(rules=[path], alertmanagers=list(alertmanagers))

    def query(self, expression):
        """The result list of an instant query."""
        query = urllib.parse.urlencode({"query": expression})
        reply = self.client.ask("GET", f"/api/v1/query?{query}").json()
        return reply["data"]["result"]

    def value(self, expression):
        """Of the one series that it gives, as a number; None: there is not
        one."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if len(found) == 1 else None

    def wait_value(self, expression, value, timeout=20):
        """Until it has been scraped."""
        wait_until(lambda: self.value(expression) == value, timeout,
                   f"{expression} is {value}")

    def stop(self):
        if self._process:
            self._process.stop()
            self._process = None

    def kill(self):
        """Of a scrape that an orderly end cuts short Prometheus keeps that its
        series are gone; so it keeps what it had last."""
        self._process.kill()
        self._process = None

    def log_tail(self):
        return self._process.log_tail() if self._process else ""
