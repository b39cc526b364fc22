# SPDX-License-Identifier: Apache-2.0
"""Limits of values, asked of a real Prometheus: a thousand monitors over a
hundred distinct queries, each once a second. Run by tests/bench/run.sh.

What the requests are is read off Prometheus' own counter of them.
"""

import json
import os
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "integration"))

import kit    # noqa: E402
from daemons.bouncer import Bouncer    # noqa: E402
from daemons.prometheus import Prometheus    # noqa: E402
from daemons.scripted_exporter import ScriptedExporter    # noqa: E402

N_MONITORS = 1000
N_QUERIES = 100
SERIES_OF_EACH = 3      # of one query: three hosts
SETTLE_SECONDS = 5
REQUESTS = 'prometheus_http_requests_total{code="200",' \
    'handler="/api/v1/query"}'


def settings(url):
    monitors = [{
        "name": f"m{i}", "watch": "metric",
        "query": f'load{{queue="q{i % N_QUERIES}"}}',
        "threshold": f">{1000 + i}", "for": "10s",
        "steps": [{"type": "run", "command": ["/bin/true"]}],
    } for i in range(N_MONITORS)]
    return json.dumps({
        "global": {"prometheus": url, "check_interval": "1s",
                   "start_grace": "0s", "storm_share": 0},
        "monitors": monitors})


def n_requests(prometheus):
    """Queries that were answered well, ever since it started."""
    for line in prometheus.client.ask("GET", "/metrics").text.splitlines():
        if line.startswith(REQUESTS):
            return float(line.rsplit(" ", 1)[1])
    return 0.0


def bench(directory, seconds):
    exporter = ScriptedExporter()
    exporter.start()
    prometheus = Prometheus(os.path.join(directory, "prometheus"))
    prometheus.start()
    program = Bouncer(os.path.join(directory, "run"))
    try:
        for queue in range(N_QUERIES):
            for host in range(SERIES_OF_EACH):
                exporter.set("load", queue + host, queue=f"q{queue}",
                             host=f"host{host}.example.org")
        prometheus.scrape(exporter.address)
        prometheus.wait_value("count(load)", N_QUERIES * SERIES_OF_EACH)
        program.start(settings(prometheus.url))
        program.wait_for(
            lambda b: all(one["state"] == "good"
                          for one in b.monitors().values()),
            60, f"{N_MONITORS} monitors that are well")
        time.sleep(SETTLE_SECONDS)
        measure(prometheus, program.process.pid, seconds)
    finally:
        program.kill()
        prometheus.stop()
        exporter.stop()


def measure(prometheus, pid, seconds):
    asked, began = n_requests(prometheus), time.monotonic()
    spent = kit.cpu_ns(pid)
    time.sleep(seconds)
    spent = (kit.cpu_ns(pid) - spent) / 1e9
    asked = n_requests(prometheus) - asked
    took = time.monotonic() - began
    used = kit.memory(pid)
    kit.row(f"{N_MONITORS} limits over {N_QUERIES} queries, every second: "
            "requests", f"{asked / took:.1f} a second", "100")
    kit.row("… CPU", f"{spent * 60 / seconds:.2f} s a minute", "≤ 3 s")
    kit.row("… of a request", f"{spent * 1e6 / max(asked, 1):.0f} µs")
    kit.row("… resident / proportional set size",
            f"{used['Rss'] / 1024:.1f} / {used['Pss'] / 1024:.1f} MiB",
            "≤ 6 MB resident")


def main(build, seconds):
    os.environ["BOUNCER"] = os.path.abspath(f"{build}/src/bouncer")
    directory = tempfile.mkdtemp(prefix="bench-metrics-")
    kit.row("Prometheus", "measured", "budget")
    kit.row("---", "---", "---")
    try:
        bench(directory, seconds)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


main(sys.argv[1], int(sys.argv[2]))
