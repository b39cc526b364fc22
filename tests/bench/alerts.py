# SPDX-License-Identifier: Apache-2.0
"""Alertmanager's webhook: how many alerts are taken in a second on 64
kept-alive connections, what that costs, and how long an answer takes, also
while commands run. Run by tests/bench/run.sh.

"News" fires and resolves alerts in turn, so that all of it is written down
and told to a rule; "again" says what is known. CPU is that of the process,
with its threads that write.

How much is taken is measured by a closed loop that always has 64 messages
under way; what an answer takes then says how long the queue is, no more. How
long it takes at a load is measured by an open loop, in which each message has
its moment, and its time counts from there."""

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from kit import cpu, free_port, memory, row, wait_for_port

BUILD, SECONDS = sys.argv[1], int(sys.argv[2])
PROGRAM = f"{BUILD}/src/bouncer"
LOAD = f"{BUILD}/tests/bench/bench-load"
PATH = "/api/v1/alerts"
N_COMMANDS = 50
ALERTS_A_SECOND = 10000  # of the open loop

CONFIG = """\
global:
  addr: 127.0.0.1:{port}
  state_dir: {directory}/state
  log_level: error
  storm_share: 0
  start_grace: 0s
  max_parallel: {commands}
monitors:
  - name: sleep
    watch: alert
    match_labels: {{mountpoint: /sleep}}
    steps: [{{type: run, command: [/bin/sleep, "60"], timeout: 2m}}]
  - name: disk
    watch: alert
    match_labels: {{alertname: "=~{matches}", severity: critical}}
    max_alerts: 10000
    dry_run: true
    steps: [{{type: run, command: [/bin/true]}}]
"""


def load(port, **options):
    words = [f"{name}={value}" for name, value in options.items()]
    done = subprocess.run([LOAD, str(port), "method=POST", f"path={PATH}",
                           f"seconds={SECONDS}", *words], check=True,
                          capture_output=True, text=True)
    result = json.loads(done.stdout)
    if result["bad"]:
        raise SystemExit(f"{result['bad']} bad answers, the last "
                         f"{result['last_bad']}: {words}")
    return result


def sleepers():
    alerts = [{"status": "firing", "labels": {
        "alertname": f"Sleep{n}", "mountpoint": "/sleep"}}
        for n in range(N_COMMANDS)]
    return json.dumps({"groupKey": "sleep", "alerts": alerts})


class Server:
    def __init__(self, matches="Nothing"):
        self.directory = tempfile.mkdtemp(prefix="bench-alerts-")
        os.makedirs(f"{self.directory}/state")
        self.port = free_port()
        config = f"{self.directory}/config.yml"
        with open(config, "w", encoding="utf-8") as out:
            out.write(CONFIG.format(port=self.port, directory=self.directory,
                                    commands=N_COMMANDS, matches=matches))
        self._process = subprocess.Popen(
            [PROGRAM, "run", "--config", config],
            env={**os.environ, "RUNTIME_DIRECTORY": self.directory})
        atexit.register(self._process.kill)
        wait_for_port(self.port)

    def sleep(self):
        """Returns when so many commands run."""
        subprocess.run(["curl", "-sf", "--data-binary", sleepers(),
                        f"http://127.0.0.1:{self.port}{PATH}"], check=True)
        deadline = time.monotonic() + 20
        while self.n_children() < N_COMMANDS:
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.n_children()} commands run, not "
                                 f"{N_COMMANDS}")
            time.sleep(0.01)

    def n_children(self):
        pid = self._process.pid
        with open(f"/proc/{pid}/task/{pid}/children",
                  encoding="ascii") as children:
            return len(children.read().split())

    def measure(self, what, n_alerts, **options):
        before = cpu(self._process.pid)
        result = load(self.port, alerts=n_alerts, groups=64, **options)
        used = cpu(self._process.pid) - before
        n = result["rate"] * n_alerts
        row(what, n_alerts, f"{result['rate']:,.0f}", f"{n:,.0f}",
            f"{1e6 * used / result['seconds'] / n:.1f}",
            *(f"{result[name] / 1000:.2f}"
              for name in ("p50_us", "p99_us", "max_us")),
            f"{memory(self._process.pid)['Rss'] / 1024:.1f}")

    def measure_at_rate(self, what, n_alerts, **options):
        self.measure(what, n_alerts, rate=ALERTS_A_SECOND // n_alerts,
                     **options)

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        shutil.rmtree(self.directory)


def head():
    row("what", "alerts a message", "messages/s", "alerts/s",
        "CPU µs an alert", "p50 ms", "p99 ms", "longest ms", "resident MB")
    row(*["---"] * 9)


def how_much():
    for matches, words in (("Nothing", ""), ("Disk.*", ", for a rule")):
        for n in (1, 10, 100):
            server = Server(matches)
            server.measure(f"news{words}", n, resolve=1)
            server.stop()
    server = Server()
    server.measure("again", 10)
    server.stop()


def how_long():
    """All with commands that run, which the rules started."""
    for matches, words in (("Nothing", ""), ("Disk.*", ", for a rule")):
        for n in (1, 10, 100):
            server = Server(matches)
            server.sleep()
            server.measure_at_rate(f"news{words}, {N_COMMANDS} commands run",
                                   n, resolve=1)
            server.stop()


def main():
    head()
    how_much()
    print()
    head()
    how_long()


main()
