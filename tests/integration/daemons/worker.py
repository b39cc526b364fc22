# SPDX-License-Identifier: Apache-2.0
"""A worker, and a Prometheus that finds what it writes."""

import json
import os
import signal

from .bouncer import program
from .process import Process, find_program, wait_until
from .prometheus import Prometheus

READY_SECONDS = 30
WAIT_SECONDS = 40       # less than what it does by itself, every 45 s or more
RELOADED_SECONDS = 80   # its longest pause between two reloads is 30 s

CONFIG = """global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files:
  - {directory}/rules/*.yml
scrape_configs:
  - job_name: found
    file_sd_configs:
      - files: ['{directory}/sd/*.json', '{directory}/nodes/*.yml']
        refresh_interval: 5m
"""


class FilePrometheus(Prometheus):
    """One that reads its targets and rules from files below @directory."""

    def __init__(self, directory, lifecycle=True, alertmanagers=()):
        super().__init__(directory)
        self._alertmanagers = [f"127.0.0.1:{one.port}"
                               for one in alertmanagers]
        self.directory = directory
        self._lifecycle = lifecycle
        for name in ("sd", "rules", "nodes"):
            os.makedirs(os.path.join(directory, name), exist_ok=True)

    def _text(self):
        alerting = json.dumps({"alertmanagers": [
            {"static_configs": [{"targets": self._alertmanagers}]}]})
        return CONFIG.format(directory=self.directory) + \
            f"alerting: {alerting}\n"

    def start(self):
        with open(self._config, "w", encoding="utf-8") as config:
            config.write(self._text())
        flags = ["--web.enable-lifecycle"] if self._lifecycle else []
        self._process = Process(
            [find_program("prometheus", "prometheus"),
             f"--config.file={self._config}",
             f"--storage.tsdb.path={self.directory}/data",
             f"--web.listen-address=127.0.0.1:{self.port}", *flags], self.log)
        self._process.wait_ready(lambda: self.client.answers("/-/ready"),
                                 READY_SECONDS)

    def pause(self):
        """Nothing is answered until resume()."""
        self._process.signal(signal.SIGSTOP)

    def resume(self):
        self._process.signal(signal.SIGCONT)

    def break_config(self):
        with open(self._config, "a", encoding="utf-8") as config:
            config.write("nonsense: [\n")

    def mend_config(self):
        with open(self._config, "w", encoding="utf-8") as config:
            config.write(self._text())

    def active(self):
        """The addresses that it scrapes."""
        reply = self.client.ask("GET", "/api/v1/targets?state=active").json()
        return sorted(target["discoveredLabels"]["__address__"]
                      for target in reply["data"]["activeTargets"])

    def rule_names(self):
        reply = self.client.ask("GET", "/api/v1/rules").json()
        return sorted(rule["name"] for group in reply["data"]["groups"]
                      for rule in group["rules"])

    def metric(self, name):
        for line in self.client.ask("GET", "/metrics").text.splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        return None


class Worker:
    def __init__(self, directory, registry_url, prometheus, **flags):
        os.makedirs(directory, exist_ok=True)
        self.log = os.path.join(directory, "log")
        self.server = f"127.0.0.1:{prometheus.port}"
        self.targets = f"{prometheus.directory}/sd/targets.json"
        self.urls = f"{prometheus.directory}/sd/urls.json"
        self.rules = f"{prometheus.directory}/rules/rules.yml"
        self.nodes = f"{prometheus.directory}/nodes"
        self.registry_url = registry_url
        self.flags = flags
        self.process = None

    def argv(self, *args):
        flags = {"server": self.server, "registry": self.registry_url,
                 "targets": self.targets, "urls": self.urls,
                 "rules": self.rules, "nodes": self.nodes,
                 "log-level": "debug", **self.flags}
        given = [f"--{name}={value}" for name, value in flags.items() if value]
        return [program(), "worker", *given, *args]

    def start(self, *args, env=None):
        self.process = Process(self.argv(*args), self.log, env=env)

    def stop(self):
        return self.process.stop() if self.process else None

    def read(self, path):
        try:
            with open(path, encoding="utf-8") as text:
                return text.read()
        except FileNotFoundError:
            return None

    def wait_file(self, path, text, timeout=WAIT_SECONDS):
        self.wait(lambda: self.read(path) == text, f"{path} is {text!r}",
                  timeout)

    def wait(self, check, what, timeout=WAIT_SECONDS):
        def checked():
            if not self.process.alive:
                raise AssertionError("the worker ended\n" + self.said())
            return check()
        try:
            return wait_until(checked, timeout, what, every=0.02)
        except TimeoutError as late:
            raise AssertionError(f"{late}\n{self.said()}") from None

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as lines:
            return lines.read()

    def n_said(self, *parts):
        return sum(all(part in line for part in parts)
                   for line in self.said().splitlines())


def targets(*addresses, **labels):
    return json.dumps([{"targets": list(addresses), "labels": labels}]) + "\n"


def rules(*names, expr="vector(1)"):
    body = "".join(f"  - alert: {name}\n    expr: {expr}\n" for name in names)
    return f"groups:\n- name: site\n  rules:\n{body}" if names \
        else "groups: []\n"
