# SPDX-License-Identifier: Apache-2.0
"""The built-in gateway against Debian's prometheus-pushgateway, which is
measured in both its modes: checking each push against all that is stored
(its default), and not. Run by tests/bench/run.sh.

Pushes are PUTs of 1 KB on 64 kept-alive connections, to as many groups as
there are, in turn. CPU is that of the server's process alone."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from kit import cpu, free_port, memory, row, wait_for_port

BUILD, SECONDS = sys.argv[1], int(sys.argv[2])
PROGRAM = f"{BUILD}/src/bouncer"
LOAD = f"{BUILD}/tests/bench/bench-load"
SIZES = (1, 100, 1000, 10000)

CONFIG = """\
global:
  push_gw: builtin
  addr: 127.0.0.1:{port}
  state_dir: {directory}/state
  log_level: error
monitors:
"""

MONITOR = """\
  - name: batch {n}
    max_age: 24h
    label_name: job
    label_value: job_{n:06d}
    type: host
    restart_type: command
    restart_command: [/bin/true]
"""

MILLION = 1000000


def load(port, **options):
    words = [f"{name}={value}" for name, value in options.items()]
    done = subprocess.run([LOAD, str(port), *words], check=True,
                          capture_output=True, text=True)
    result = json.loads(done.stdout)
    if result["bad"]:
        raise SystemExit(f"{result['bad']} bad answers, the last "
                         f"{result['last_bad']}: {words}")
    return result


class Server:
    """One of the three, with the groups that were pushed to it."""

    def __init__(self, directory, n):
        self.directory, self.n = tempfile.mkdtemp(dir=directory), n
        self.port = free_port()

    def run(self, *command):
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        wait_for_port(self.port)

    def fill(self):
        load(self.port, connections=8, groups=self.n, count=self.n)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Ours(Server):
    name = "built-in"
    n_monitors = 1

    def start(self):
        path = f"{self.directory}/config.yml"
        with open(path, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(port=self.port, directory=self.directory))
            f.writelines(MONITOR.format(n=n) for n in range(self.n_monitors))
        self.run(PROGRAM, "run", "--config", path)
        self.fill()


class Unchecked(Server):
    name = "original, unchecked"

    def run_original(self, *more):
        self.run("prometheus-pushgateway",
                 f"--web.listen-address=127.0.0.1:{self.port}",
                 f"--persistence.file={self.directory}/pushed", *more)

    def start(self):
        self.run_original("--push.disable-consistency-check")
        self.fill()


class Checked(Unchecked):
    name = "original"

    def start(self):
        # filling it would take an hour: each push walks all groups
        super().start()
        self.stop()
        self.run_original()


def measure_pushes(server):
    before = cpu(server.pid)
    result = load(server.port, groups=server.n, seconds=SECONDS)
    spent = cpu(server.pid) - before
    return result["rate"], spent * 1000 / max(result["requests"], 1), result


def measure_scrapes(server):
    """Milliseconds of GET /metrics, of a push meanwhile, of one without."""
    alone = load(server.port, connections=1, seconds=SECONDS)
    scraping = subprocess.Popen(
        [LOAD, str(server.port), "method=GET", "connections=1",
         f"seconds={SECONDS}"], stdout=subprocess.PIPE, text=True)
    beside = load(server.port, connections=1, seconds=SECONDS)
    scraping.communicate()
    scrape = load(server.port, method="GET", connections=1, seconds=SECONDS)
    return scrape["p50_us"] / 1000, beside, alone


def bench_pushes(directory):
    last = {}
    print("\n| groups | server | pushes a second | CPU-ms a push "
          "| 99th of a hundred | built-in is |\n|---|---|---|---|---|---|")
    for n in SIZES:
        ours = None
        for kind in (Ours, Unchecked, Checked):
            server = kind(directory, n)
            server.start()
            rate, cost, result = measure_pushes(server)
            ours = ours or (rate, cost)
            row(f"{n:,}", server.name, f"{rate:,.0f}", f"{cost:.3f}",
                f"{result['p99_us'] / 1000:.1f} ms",
                "" if kind is Ours else
                f"{ours[0] / rate:,.1f} times as fast, "
                f"{ours[1] / cost if cost else 0:.3f} of the CPU")
            if n == SIZES[-1]:
                last[kind] = server
            else:
                server.stop()
    return last


def bench_scrapes(servers):
    n = SIZES[-1]
    print(f"\n| with {n:,} groups | resident | GET /metrics "
          "| a push meanwhile: 99.9th, longest | without scrapes |"
          "\n|---|---|---|---|---|")
    for server in servers.values():
        resident = memory(server.pid)["Rss"]
        if isinstance(server, Checked):
            row(server.name, f"{resident / 1024:.1f} MiB", "", "", "")
            continue
        scrape_ms, beside, alone = measure_scrapes(server)
        row(server.name, f"{resident / 1024:.1f} MiB", f"{scrape_ms:.1f} ms",
            f"{beside['p999_us'] / 1000:.1f}, {beside['max_us'] / 1000:.1f} ms",
            f"{alone['p999_us'] / 1000:.1f}, {alone['max_us'] / 1000:.1f} ms")


def bench_deadlines(directory):
    """What it costs that each push moves the deadline of a monitor."""
    groups = 1000
    print("\n| a million pushes to 1,000 groups | CPU-ms a push |\n|---|---|")
    for n_monitors in (1, groups):
        server = Ours(directory, groups)
        server.n_monitors = n_monitors
        server.start()
        before = cpu(server.pid)
        load(server.port, groups=groups, count=MILLION, seconds=300)
        row(f"{n_monitors:,} of them watched",
            f"{(cpu(server.pid) - before) * 1000 / MILLION:.4f}")
        server.stop()


def main():
    if not shutil.which("prometheus-pushgateway"):
        raise SystemExit("there is no prometheus-pushgateway to compare with")
    directory = tempfile.mkdtemp(prefix="bouncer-push-")
    servers = {}
    try:
        print(f"machine: {os.cpu_count()} cores, load "
              f"{os.getloadavg()[0]:.1f}")
        servers = bench_pushes(directory)
        bench_scrapes(servers)
        bench_deadlines(directory)
    finally:
        for server in servers.values():
            server.stop()
        shutil.rmtree(directory)


main()
