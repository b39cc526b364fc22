# SPDX-License-Identifier: Apache-2.0
"""From an edit in the registry to Prometheus, through a worker: each edit adds
a host. And what watchers cost while nothing happens. Run by tests/bench/run.sh.

Prometheus hands what it has discovered on at ticks of its own, which are five
seconds apart, and its scrape manager looks at that every five seconds again:
what a target waits for after its file was read is not ours.
"""

import http.client
import json
import os
import random
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "integration"))

import kit    # noqa: E402
from daemons.bouncer import Bouncer    # noqa: E402
from daemons.registry import Asker, configuration, secret    # noqa: E402
from daemons.worker import FilePrometheus, Worker    # noqa: E402

N_EDITS = 200
N_SEEN = 12
N_WATCHERS = 200
WAIT_SECONDS = 30


def spread(seconds):
    seconds = sorted(seconds)
    return (f"{1e3 * seconds[len(seconds) // 2]:.1f} ms",
            f"{1e3 * seconds[int(len(seconds) * 0.95)]:.1f} ms",
            f"{1e3 * seconds[-1]:.1f} ms")


def until(check):
    """Seconds until it is true."""
    begun = time.perf_counter()
    while not check():
        if time.perf_counter() - begun > WAIT_SECONDS:
            raise SystemExit("it does not arrive")
        time.sleep(0.0005)
    return time.perf_counter() - begun


class Scene:
    def __init__(self, directory):
        self.program = Bouncer(os.path.join(directory, "registry"))
        self.program.start(configuration(directory))
        self.admin = Asker(self.program.url)
        self.prometheus = FilePrometheus(os.path.join(directory, "prometheus"))
        self.prometheus.start()
        self.token = os.path.join(directory, "token")
        with open(self.token, "w", encoding="ascii") as out:
            out.write(secret("read") + "\n")
        self.admin.make("/rest/v2/shards", {"name": "s"})
        self.admin.make("/rest/v2/servers",
                        {"shard": "s", "host": "127.0.0.1",
                         "port": self.prometheus.port})
        service = self.admin.make("/rest/v2/services", {"name": "x"})["id"]
        project = self.admin.make(f"/rest/v2/services/{service}/project",
                                  {"name": "p", "shard": "s"})["id"]
        self.farm = self.admin.make(f"/rest/v2/projects/{project}/farms",
                                    {"name": "f", "hosts": ["h"]})["id"]
        self.admin.make(f"/rest/v2/projects/{project}/exporters",
                        {"job": "j", "port": 1, "enabled": True})
        self.worker = Worker(os.path.join(directory, "worker"),
                             self.program.url, self.prometheus,
                             **{"token-file": self.token,
                                "log-level": "warn"})
        self.worker.start()
        until(lambda: "h:1" in (self.worker.read(self.worker.targets) or ""))

    def edit(self, host):
        """When it is answered, it is on the registry's disk."""
        self.admin.make(f"/rest/v2/farms/{self.farm}/hosts",
                        {"hosts": [host]})

    def rename(self, name):
        reply = self.admin.call("PATCH", f"/rest/v2/farms/{self.farm}",
                                json.dumps({"name": name}))
        assert reply.status == 200, reply.text

    def stop(self):
        self.worker.stop()
        self.prometheus.stop()
        self.program.end()


def on_disk(scene):
    answered = []
    arrived = []
    for n in range(N_EDITS):
        begun = time.perf_counter()
        scene.edit(f"d{n}")
        answered.append(time.perf_counter() - begun)
        until(lambda n=n: f'"d{n}:1"' in scene.worker.read(
            scene.worker.targets))
        arrived.append(time.perf_counter() - begun)
        time.sleep(0.06)    # so that it is no burst
    kit.row("edit answered", *spread(answered))
    kit.row("edit to file on disk", *spread(arrived))


def in_prometheus(scene):
    """Of hosts that are added while it is quiet, at any moment of its ticks."""
    read = []
    seen = []
    chance = random.Random(1)
    name = 'prometheus_sd_received_updates_total{name="scrape"}'
    for n in range(N_SEEN):
        time.sleep(chance.uniform(0, 5))
        before = scene.prometheus.metric(name)
        begun = time.perf_counter()
        scene.edit(f"p{n}")
        until(lambda b=before: scene.prometheus.metric(name) > b)
        read.append(time.perf_counter() - begun)
        until(lambda n=n: f"p{n}:1" in scene.prometheus.active())
        seen.append(time.perf_counter() - begun)
    kit.row("edit to file read by Prometheus", *spread(read))
    kit.row("edit to target in /api/v1/targets", *spread(seen))


def watchers(scene, seconds):
    """Streams of the same server: each is woken by each edit."""
    connections = []
    headers = {"Authorization": f"Bearer {secret('read')}"}
    host, port = scene.program.url[len("http://"):].split(":")
    before = kit.memory(scene.program.process.pid)["Pss"]
    for _ in range(N_WATCHERS):
        connection = http.client.HTTPConnection(host, int(port))
        connection.request(
            "GET", f"/worker/watch?server=127.0.0.1:{scene.prometheus.port}",
            headers=headers)
        connections.append((connection, connection.getresponse()))
    for _, response in connections:
        response.readline()
    after = kit.memory(scene.program.process.pid)["Pss"]
    used = kit.cpu_ns(scene.program.process.pid)
    time.sleep(seconds)
    used = kit.cpu_ns(scene.program.process.pid) - used
    kit.row(f"{N_WATCHERS} watchers, idle for {seconds} s",
            f"{used / 1e6 / seconds:.2f} ms of CPU a second",
            f"{(after - before) / N_WATCHERS:.1f} KiB each", "")
    used = kit.cpu_ns(scene.program.process.pid)
    for n in range(20):
        scene.rename(f"w{n}")
        time.sleep(0.1)
    used = kit.cpu_ns(scene.program.process.pid) - used
    kit.row(f"an edit that {N_WATCHERS} are told of",
            f"{used / 20e6:.2f} ms of CPU", "", "")
    for connection, _ in connections:
        connection.close()


def main(build, seconds):
    os.environ["BOUNCER"] = os.path.join(build, "src/bouncer")
    directory = tempfile.mkdtemp(prefix="bench-push-")
    scene = Scene(directory)
    try:
        kit.row("through a worker", "median", "95 %", "longest")
        kit.row("---", "---:", "---:", "---:")
        on_disk(scene)
        watchers(scene, seconds)
        in_prometheus(scene)
    finally:
        scene.stop()
        shutil.rmtree(directory, ignore_errors=True)


main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 30)
