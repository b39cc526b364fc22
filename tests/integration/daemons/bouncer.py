# SPDX-License-Identifier: Apache-2.0
"""The program under test: started with a file, watched through its API."""

import functools
import json
import os
import signal
import subprocess
import urllib.parse

from .http import Client
from .process import Process, free_port, wait_until

READY_SECONDS = 20
WAIT_SECONDS = 30
END_SECONDS = 30
KEPT_LINES = 60
EVERYTHING = 1000000    # entries of the journal

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__)))))


def program():
    """Of the environment's choice, or where the build leaves it."""
    return os.environ.get("BOUNCER") or os.path.join(ROOT,
                                                     "build/src/bouncer")


@functools.cache
def has_registry():
    """Was it built with it (-Dregistry)?"""
    return "\n  registry " in subprocess.run(
        [program(), "help"], capture_output=True, text=True, check=True,
        timeout=20).stdout


def settings(*monitors, **global_keys):
    """A configuration in a hurry: JSON, which is YAML. Keys with a `_` at
    the end stand for words of Python (`for_`)."""
    quick = {"check_interval": "200ms", "fetch_timeout": "1s",
             "storm_share": 0, "start_grace": "0s"}
    return json.dumps(
        {"global": {**quick, **global_keys},
         "monitors": [{key.rstrip("_"): value for key, value
                       in monitor.items()} for monitor in monitors]}, indent=1)


def monitor(name, **keys):
    """One that watches the job of its own name."""
    return {"name": name, "max_age": "2s", "label_name": "job",
            "label_value": name, **keys}


def rule(name="health", watch="health", **keys):
    """One that covers containers, in a hurry."""
    quick = {"cooldown": "1s"} if watch == "health" else {}
    return {"name": name, "type": "docker", "watch": watch, **quick, **keys}


class Bouncer:
    """One run. Everything it is asked is asked over HTTP; what it says is
    read from its log."""

    def __init__(self, directory):
        os.makedirs(directory, exist_ok=True)
        self.directory = directory
        self.config = os.path.join(directory, "config.yml")
        self.log = os.path.join(directory, "log")
        self.socket = os.path.join(directory, "control.sock")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = Client(self.url)
        self.process = None

    def write_config(self, yaml):
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(yaml)

    def start(self, yaml=None, args=(), env=None, ready=True):
        """@yaml None: with the file of before. The address of the file gives
        way to a private one; so does the state, unless the file names its
        place."""
        if yaml is not None:
            self.write_config(yaml)
        self.process = Process(
            [program(), "run", "--config", self.config,
             "--addr", f"127.0.0.1:{self.port}", *args],
            self.log, env={"STATE_DIRECTORY": f"{self.directory}/state",
                           "RUNTIME_DIRECTORY": self.directory,
                           **(env or {})}, cwd=self.directory)
        if ready:
            self.process.wait_ready(lambda: self.client.answers("/-/ready"),
                                    READY_SECONDS)

    def reload(self, yaml):
        self.write_config(yaml)
        self.process.signal(signal.SIGHUP)

    def end(self, number=signal.SIGTERM, timeout=END_SECONDS):
        """Its exit code."""
        self.process.signal(number)
        return self.process.wait(timeout)

    def kill(self):
        if self.process:
            self.process.kill()

    @property
    def alive(self):
        return self.process is not None and self.process.alive

    # What it shows.

    def monitors(self):
        reply = self.client.ask("GET", "/api/v1/monitors").json()
        return {monitor["name"]: monitor for monitor in reply["monitors"]}

    def state(self, name):
        return self.monitors()[name]["state"]

    def journal(self, monitor=None, since=None, limit=EVERYTHING):
        """The entries, oldest first; None leaves the choice to it."""
        asked = {"monitor": monitor, "since": since, "limit": limit}
        query = urllib.parse.urlencode(
            {key: value for key, value in asked.items() if value is not None})
        return self.client.ask(
            "GET", f"/api/v1/journal?{query}").json()["entries"]

    def metrics(self):
        return self.client.ask("GET", "/metrics").text

    def metric(self, name, **labels):
        """The sum of the samples that have these labels; None: no sample."""
        values = [value for sample, has, value in samples(self.metrics())
                  if sample == name and labels.items() <= has.items()]
        return sum(values) if values else None

    def log_lines(self):
        with open(self.log, encoding="utf-8", errors="replace") as lines:
            return lines.read().splitlines()

    def log_tail(self):
        return "\n".join(self.log_lines()[-KEPT_LINES:])

    def steps(self, monitor, result=None):
        """Journal entries of steps that ended, those with @result if given."""
        return [entry for entry in self.journal(monitor)
                if entry["event"] == "step"
                and result in (None, entry["result"])]

    def held_by(self, monitor, guard):
        return any(entry["event"] == "held" and entry["guard"] == guard
                   for entry in self.journal(monitor))

    def recovered(self, monitor):
        return any(entry["event"] == "state" and
                   entry["reason"] == "recovered"
                   for entry in self.journal(monitor))

    # Waiting for it, always bounded.

    def wait_for(self, predicate, timeout=WAIT_SECONDS, what="condition"):
        """Until predicate(self) is true, and returns what it returned."""
        def check():
            if not self.alive:
                raise AssertionError(
                    f"bouncer ended with {self.process.exit_code} while "
                    f"waiting for {what}\n{self.log_tail()}")
            return predicate(self)

        try:
            return wait_until(check, timeout, what, every=0.1)
        except TimeoutError as late:
            raise AssertionError(f"{late}\n{self.story()}") from None

    def wait_state(self, name, *states, timeout=WAIT_SECONDS):
        return self.wait_for(lambda b: b.state(name) in states, timeout,
                             f"{name} {' or '.join(states)}")

    def wait_step(self, name, result, timeout=WAIT_SECONDS):
        """The first step of the monitor that ended so."""
        return self.wait_for(
            lambda b: next(iter(b.steps(name, result)), None), timeout,
            f"a step of {name} that ended {result}")

    def wait_recovered(self, name, timeout=WAIT_SECONDS):
        self.wait_for(lambda b: b.recovered(name), timeout,
                      f"{name} recovered")

    def wait_log(self, *parts, timeout=WAIT_SECONDS):
        """The first line that has all of @parts."""
        def find(bouncer):
            return next((line for line in bouncer.log_lines()
                         if all(part in line for part in parts)), None)
        return self.wait_for(find, timeout, f"a log line with {parts}")

    def story(self):
        """Everything it knows, for a failed test."""
        try:
            shown = [f"{name}: {monitor}"
                     for name, monitor in list(self.monitors().items())[:20]]
            shown += [str(entry) for entry in self.journal()[-KEPT_LINES:]]
        except (OSError, ValueError) as error:
            shown = [f"(it does not answer: {error})"]
        return "\n".join(shown + ["--- log", self.log_tail()])


def samples(text):
    """(name, labels, value) of a text exposition that we wrote ourselves."""
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        series, value = line.rsplit(" ", 1)
        name, _, rest = series.partition("{")
        yield name, dict(_labels(rest.rstrip("}"))), float(value)


def _labels(text):
    while text:
        name, _, text = text.partition('="')
        value = ""
        while not text.startswith('"'):
            if text[0] == "\\":
                value += {"n": "\n"}.get(text[1], text[1])
                text = text[2:]
            else:
                value += text[0]
                text = text[1:]
        yield name, value
        text = text[1:].lstrip(",")
