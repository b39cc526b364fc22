# SPDX-License-Identifier: Apache-2.0
"""Containers that turn unhealthy, on a real dockerd: how soon they are
restarted, how many at once, and what waiting costs. Run by tests/bench/run.sh,
as root.

A recorder stands between the program and dockerd, so that both ends of a
latency are read off the same socket: when the event passes, and when the
request for the restart does. Beside it stands what the engine itself says: the
time of its event about health, and that of its `kill`.

For comparison: a plain poller, as the tools do it that ask every five seconds
for what is unhealthy and restart one after the other.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "integration"))

import kit    # noqa: E402
from daemons.bouncer import Bouncer, rule    # noqa: E402
from daemons.docker import Docker    # noqa: E402
from daemons.http import Client, Refused    # noqa: E402
from daemons.process import wait_until    # noqa: E402
from daemons.recorder import Recorder    # noqa: E402
from daemons.scripted_docker import ScriptedDocker    # noqa: E402

API = "/v1.41"
POLL_SECONDS = 5
N_LATENCIES = int(os.environ.get("N_LATENCIES", "100"))
N_POLLED = 8            # they take five seconds each
N_STUBBORN = 20
N_STUBBORN_POLLED = 3   # one after the other, ten seconds each
N_IDLE = 50
N_STORM = 2000          # events
N_STORMS = 5            # the cheapest counts
N_RESIDENT = (50, 1000)
SICK = b'"health_status: unhealthy"'
UNHEALTHY = ("/containers/json?filters="
             "%7B%22health%22%3A%5B%22unhealthy%22%5D%7D")


def row(what, value, budget=""):
    kit.row(what, value, budget)


def poll(socket):
    """The poller: never ends."""
    client = Client("unix:" + socket)
    while True:
        for one in client.ask("GET", API + UNHEALTHY).json():
            client.ask("POST", f"{API}/containers/{one['Id']}/restart?t=10")
        time.sleep(POLL_SECONDS)


class Poller:
    def __init__(self, directory, socket):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--poll", socket],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid

    def stop(self):
        self.process.kill()
        self.process.wait()


class Program:
    def __init__(self, directory, socket):
        self._bouncer = Bouncer(tempfile.mkdtemp(dir=directory))
        self._bouncer.start(json.dumps({
            "global": {"socket_docker": socket, "max_parallel": 64,
                       "storm_share": 0},
            "monitors": [rule(cooldown="0s", max_bounces=0)]}))
        self.pid = self._bouncer.process.pid

    def wait_known(self, n):
        self._bouncer.wait_for(
            lambda b: sum(one["state"] == "good"
                          for one in b.monitors().values()) == n,
            120, f"{n} containers that are well")

    def stop(self):
        self._bouncer.end()


class Events:
    """Of the engine, as it tells them: {action: [(id, ns)]}."""

    def __init__(self, docker):
        self.seen = []
        self._connection = docker.client._connect(None)
        self._connection.request("GET", f"{API}/events")
        self._reply = self._connection.getresponse()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for line in self._reply:
                event = json.loads(line)
                self.seen.append((event["Action"], event["Actor"]["ID"],
                                  event["timeNano"]))
        except (OSError, ValueError, AttributeError):
            pass

    def of(self, action, identity, after=0):
        return [ns for what, who, ns in list(self.seen)
                if what == action and who == identity and ns > after]


def first(found, after):
    return next((when for when in found if when >= after), None)


def sockets_latency(recorder, identity, begun):
    """(seconds between the event and the request for the restart, of which
    ours), all as it passed. Between them the engine describes the container;
    that is not ours."""
    answers = recorder.answers()
    requests = recorder.requests()
    told = first([when for when, data in answers
                  if SICK in data and identity.encode() in data], begun)
    asked = first([when for when, what in requests if re.fullmatch(
        rf"POST .*/containers/{identity}/restart.*", what)], begun)
    if not told or not asked:
        return None
    look = first([when for when, what in requests
                  if what.endswith(f"/containers/{identity}/json")], told)
    described = first([when for when, data in answers
                       if b'"State"' in data], look or asked)
    if not look or not described or not look < described < asked:
        return asked - told, asked - told
    return asked - told, asked - told - (described - look)


def one_latency(docker, recorder, events, name, watched):
    """(what sockets_latency() says, between event and kill)"""
    identity = docker.inspect(name)["Id"]
    begun, since = time.monotonic(), time.time_ns()
    try:
        docker.exec(name, "/bin/touch", "/root/sick")
    except Refused:
        pass    # restarted before the engine could tell how it ended
    wait_until(lambda: events.of("start", identity, since), 60, "a restart")
    docker.wait_health(name, "healthy")
    sick = events.of("health_status: unhealthy", identity, since)[0]
    kill = events.of("kill", identity, since)[0]
    passed = sockets_latency(recorder, identity, begun) if watched else None
    return passed, (kill - sick) / 1e9


def bench_latency(docker, recorder, events, directory):
    names = [docker.run_checked(f"web{i}", interval=0.3) for i in range(4)]
    for name in names:
        docker.wait_health(name, "healthy")
    program = Program(directory, recorder.path)
    program.wait_known(len(names))
    found = []
    for i in range(N_LATENCIES):
        recorder.forget()
        found.append(one_latency(docker, recorder, events,
                                 names[i % len(names)], True))
    program.stop()
    passed = sorted(one[0][0] * 1e3 for one in found if one[0])
    ours = sorted(one[0][1] * 1e3 for one in found if one[0])
    kills = sorted(one[1] * 1e3 for one in found)
    row(f"unhealthy → restart on the socket, median of {len(passed)}",
        f"{statistics.median(passed):.1f} ms", "≤ 3 ms")
    row("… worst", f"{passed[-1]:.1f} ms", "≤ 20 ms")
    row("… of which ours, median", f"{statistics.median(ours):.1f} ms")
    row("… worst", f"{ours[-1]:.1f} ms")
    row("unhealthy → kill, by the engine's clock, median",
        f"{statistics.median(kills):.1f} ms")
    row("… worst", f"{kills[-1]:.1f} ms")

    poller = Poller(directory, docker.socket)
    kills = [one_latency(docker, recorder, events, names[i % len(names)],
                         False)[1] * 1e3 for i in range(N_POLLED)]
    poller.stop()
    row("… of a poller, every 5 s, median",
        f"{statistics.median(kills):.0f} ms")
    docker.remove_all()


def all_restarted(docker, events, names):
    """Seconds from the first event about health to the last start."""
    ids = [docker.inspect(name)["Id"] for name in names]
    since = time.time_ns()
    with_threads(docker.make_sick, names)
    wait_until(lambda: all(events.of("start", one, since) for one in ids),
               60 + 12 * len(names), "their restarts")
    sick = min(ns for one in ids
               for ns in events.of("health_status: unhealthy", one, since))
    return (max(events.of("start", one, since)[0] for one in ids)
            - sick) / 1e9


def with_threads(function, names):
    threads = [threading.Thread(target=function, args=(name,))
               for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def bench_stubborn(docker, events, directory):
    """They ignore SIGTERM, and have the engine's ten seconds."""
    for make, n, what, budget in (
            (Program, N_STUBBORN, "stubborn at once: all restarted",
             "≤ 13 s"),
            (Poller, N_STUBBORN_POLLED, "… of a poller", "")):
        names = [docker.run_checked(f"web{i}", interval=1, stubborn=True)
                 for i in range(n)]
        for name in names:
            docker.wait_health(name, "healthy", timeout=60)
        watcher = make(directory, docker.socket)
        if make is Program:
            watcher.wait_known(n)
        seconds = all_restarted(docker, events, names)
        row(f"{n} {what}", f"{seconds:.1f} s", budget)
        watcher.stop()
        docker.remove_all()


def bench_idle(docker, recorder, directory, seconds):
    for i in range(N_IDLE):
        docker.run_checked(f"web{i}", interval=1)
    for i in range(N_IDLE):
        docker.wait_health(f"web{i}", "healthy", timeout=120)
    program = Program(directory, recorder.path)
    program.wait_known(N_IDLE)
    time.sleep(2)
    recorder.forget()
    spent = kit.cpu_ns(program.pid)
    time.sleep(seconds)
    spent = (kit.cpu_ns(program.pid) - spent) / 1e9
    requests = [what for _, what in recorder.requests()]
    n_bytes = sum(len(data) for _, data in recorder.answers())
    program.stop()
    row(f"idle, {N_IDLE} containers with checks every second: CPU",
        f"{spent * 60 / seconds:.3f} s a minute", "≤ 0.05 s")
    row(f"… requests in {seconds} s", len(requests))
    row("… bytes from the engine", n_bytes)

    poller = Poller(directory, docker.socket)
    time.sleep(2)
    spent = kit.cpu_ns(poller.pid)
    time.sleep(seconds)
    spent = (kit.cpu_ns(poller.pid) - spent) / 1e9
    poller.stop()
    row("… of a poller, every 5 s", f"{spent * 60 / seconds:.3f} s a minute")
    docker.remove_all()


def bench_memory(directory):
    """Of a scripted engine, that can have a thousand."""
    for n in N_RESIDENT:
        engine = ScriptedDocker(os.path.join(directory, f"scripted{n}.sock"))
        for i in range(n):
            engine.add(f"web-{i}", labels={"com.example.role": "web"})
        engine.start()
        program = Program(directory, engine.socket)
        program.wait_known(n)
        used = kit.memory(program.pid)
        row(f"{n} containers: resident / proportional set size",
            f"{used['Rss']} / {used['Pss']} KiB")
        program.stop()
        engine.stop()


def bench_storm(directory):
    """Events of others, as if the engine did not filter: glued as under load,
    and each with a wake-up of its own."""
    engine = ScriptedDocker(os.path.join(directory, "storm.sock"))
    engine.add("web")
    engine.start()
    program = Program(directory, engine.socket)
    program.wait_known(1)
    time.sleep(1)
    events = [("exec_create: /bin/sh -c true", f"{i:064x}",
               {"execID": "e" * 64, "image": "nginx:latest", "name": f"n{i}",
                "com.docker.compose.project": "shop"})
              for i in range(N_STORM)]
    for what, glued, per_turn, pause, budget in (
            ("at once", True, 50, 0, "≤ 0.6 s"),
            ("one by one, evenly over a minute", False, 1, 60 / 50000, "")):
        engine.glued = glued
        costs = []
        for _ in range(N_STORMS):
            sent, spent = engine.n_sent, kit.cpu_ns(program.pid)
            engine.emit(events, per_turn=per_turn, pause=pause)
            wait_until(lambda: engine.n_sent - sent >= N_STORM, 60, "a storm")
            time.sleep(0.1)     # sent is not yet read
            spent = kit.cpu_ns(program.pid) - spent
            costs.append(spent / 1e9 / N_STORM * 50000)
        row(f"50,000 unrelated events, {what}: CPU", f"{min(costs):.2f} s",
            budget)
    program.stop()
    engine.stop()


def main(build, seconds):
    os.environ["BOUNCER"] = os.path.abspath(f"{build}/src/bouncer")
    directory = tempfile.mkdtemp(prefix="bench-health-")
    docker = Docker(os.path.join(directory, "docker"))
    docker.start_first()
    recorder = Recorder(os.path.join(directory, "recorded.sock"),
                        docker.socket)
    events = Events(docker)
    row(f"dockerd {docker.version()}", "measured", "budget")
    row("---", "---", "---")
    try:
        bench_latency(docker, recorder, events, directory)
        if seconds:
            bench_stubborn(docker, events, directory)
            bench_idle(docker, recorder, directory, seconds)
            bench_memory(directory)
            bench_storm(directory)
    finally:
        recorder.stop()
        docker.stop()
        shutil.rmtree(directory, ignore_errors=True)


if sys.argv[1] == "--poll":
    poll(sys.argv[2])
else:
    main(sys.argv[1], int(sys.argv[2]))
