# SPDX-License-Identifier: Apache-2.0
"""The registry's webhook: how many messages of Alertmanager are answered in a
second, each of them on disk when it is, with what is to be told of it; how long
an answer takes; and what that costs in memory and on disk. Run by
tests/bench/run.sh.

Each message is news: groups fire and are resolved in turn. "To 3" has three
notifiers that are told of everything, so that a message makes three deliveries;
a receiver is told 30 at once and then one a second, so nearly all of them wait,
and are counted. "Again" says what is known, once it does, and "dropped" what
drop_alerts drops: neither is kept.

How much is taken is measured by a closed loop that always has 64 messages under
way, which share commits. How long it takes at a load is measured by an open
loop, in which each message has its moment, and its time counts from there. What
a commit costs is an fsync of this disk, measured first."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "integration"))

import kit    # noqa: E402
from daemons.bouncer import Bouncer    # noqa: E402
from daemons.receiver import Receiver    # noqa: E402
from daemons.registry import Asker, configuration, secret    # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
N_GROUPS = 1000
MESSAGES_A_SECOND = 200     # of the open loop
SOURCES = {"kept": 'bouncer_registry_alerts_total{result="kept"}',
           "waiting": "bouncer_registry_deliveries_waiting"}


class Scene:
    """A registry with so many notifiers."""

    def __init__(self, receiver, n_notifiers, **keys):
        self.directory = tempfile.mkdtemp(prefix="bench-alerts-")
        self.program = Bouncer(os.path.join(self.directory, "registry"))
        self.program.start(configuration(
            self.directory, settings={"global": {"log_level": "error"}},
            **keys))
        self.pid = self.program.process.pid
        admin = Asker(self.program.url)
        for nth in range(n_notifiers):
            admin.make("/rest/v2/sites/1/notifiers", {
                "sender": "webhook", "value": f"{receiver.url}/{nth}"})

    def figure(self, name):
        reply = Asker(self.program.url, "read").call("GET", "/metrics")
        return next(int(float(line.split()[-1]))
                    for line in reply.text.splitlines()
                    if line.startswith(SOURCES[name]))

    def disk(self):
        """Bytes of the database and its log."""
        state = os.path.join(self.directory, "registry")
        return sum(os.path.getsize(os.path.join(at, name))
                   for at, _, names in os.walk(state) for name in names
                   if name.startswith("registry.db"))

    def load(self, **options):
        words = [f"{name}={value}" for name, value in options.items()]
        port = self.program.url.rsplit(":", 1)[1]
        done = subprocess.run(
            [f"{BUILD}/tests/bench/bench-load", port, "method=POST",
             "path=/api/v1/alerts", f"token={secret('alerts')}",
             f"seconds={SECONDS}", *words],
            check=True, capture_output=True, text=True)
        result = json.loads(done.stdout)
        if result["bad"]:
            raise SystemExit(f"{result['bad']} bad answers, the last "
                             f"{result['last_bad']}: {words}")
        return result

    def measure(self, what, n_alerts, **options):
        before = kit.cpu(self.pid)
        result = self.load(alerts=n_alerts, **{"groups": N_GROUPS,
                                               "resolve": 1, **options})
        used = kit.cpu(self.pid) - before
        n_messages = result["rate"] * result["seconds"]
        kit.row(what, n_alerts, f"{result['rate']:,.0f}",
                f"{1e6 * used / n_messages:.0f}",
                *(f"{result[name] / 1000:.1f}"
                  for name in ("p50_us", "p99_us", "max_us")),
                f"{self.figure('kept'):,}", f"{self.figure('waiting'):,}",
                f"{kit.memory(self.pid)['Rss'] / 1024:.1f}",
                f"{self.disk() / 1e6:.1f}")

    def stop(self):
        self.program.end()
        shutil.rmtree(self.directory, ignore_errors=True)


def fsyncs(n=200):
    """How many a second: of one page each, appended to a file."""
    with tempfile.NamedTemporaryFile(prefix="bench-alerts-") as log:
        begun = time.perf_counter()
        for _ in range(n):
            log.write(b"x" * 4096)
            log.flush()
            os.fdatasync(log.fileno())
        return n / (time.perf_counter() - begun)


def measure(receiver, n_notifiers, what, n_alerts, keys=None, **options):
    scene = Scene(receiver, n_notifiers, **(keys or {}))
    try:
        scene.measure(what, n_alerts, **options)
    finally:
        scene.stop()


def main():
    os.environ["BOUNCER"] = f"{BUILD}/src/bouncer"
    receiver = Receiver()
    kit.row(f"fsync of this disk alone: {fsyncs():,.0f} a second")
    kit.row("messages", "alerts in each", "a second", "CPU µs each", "p50 ms",
            "p99 ms", "longest ms", "kept", "deliveries that wait",
            "resident MB", "disk MB")
    kit.row(*["---"] * 11)
    for n in (1, 10, 100):
        measure(receiver, 0, "to nobody", n)
        measure(receiver, 3, "to 3", n)
    for n in (1, 10):
        measure(receiver, 3, f"to 3, {MESSAGES_A_SECOND} a second", n,
                rate=MESSAGES_A_SECOND)
    measure(receiver, 3, "again", 1, resolve=0)
    measure(receiver, 3, "dropped", 1,
            keys={"drop_alerts": [{"alertname": "=~Disk.*"}]})
    receiver.stop()


main()
