# SPDX-License-Identifier: Apache-2.0
"""The registry's discovery: 100,000 targets of 2,000 projects on four shards,
filled in over the API; how many answers of a shard's targets a second, plain
and compressed; how long until an edit is in the document; what it takes in
memory. Run by tests/bench/run.sh.

An answer of a megabyte is copied into the kernel and out again by the client
on the same machine, which does nothing else with it. What the program itself
spends on an answer is its CPU time."""

import atexit
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from kit import cpu, free_port, memory, row, wait_for_port

BUILD, SECONDS = sys.argv[1], int(sys.argv[2])
N_PROJECTS = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
PROGRAM = f"{BUILD}/src/bouncer"
LOAD = f"{BUILD}/tests/bench/bench-load"
SECRET = "bnc_" + "0" * 40
N_HOSTS = 50
N_SERVICES = 100
N_SHARDS = 4
N_WRITERS = 16
N_EDITS = 50


class Writer:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port)

    def ask(self, method, path, body=None):
        """(status, body); refusals end the run."""
        text = json.dumps(body) if body is not None else None
        self.connection.request(method, path, text, {
            "Authorization": f"Bearer {SECRET}"})
        reply = self.connection.getresponse()
        text = reply.read()
        if reply.status >= 300:
            raise SystemExit(f"{method} {path}: {reply.status} {text}")
        return text

    def make(self, path, body):
        return json.loads(self.ask("POST", path, body))["id"]


def make_project(writer, nth, services):
    name = f"project-{nth:05}"
    service = services[nth % N_SERVICES]
    project = writer.make(f"/rest/v2/services/{service}/project", {
        "name": name, "shard": f"shard-{nth % N_SHARDS}"})
    farm = writer.make(f"/rest/v2/projects/{project}/farms", {
        "name": name,
        "hosts": [f"host-{i:02}.{name}.example.com" for i in range(N_HOSTS)]})
    writer.make(f"/rest/v2/projects/{project}/exporters", {
        "job": "node", "port": 9100})
    return farm


def fill(port):
    """The id of a farm on the first shard."""
    first = Writer(port)
    for i in range(N_SHARDS):
        first.make("/rest/v2/shards", {"name": f"shard-{i}"})
    services = [first.make("/rest/v2/services", {"name": f"service-{i}"})
                for i in range(N_SERVICES)]
    farm = make_project(first, 0, services)

    def write(begin):
        writer = Writer(port)
        for nth in range(begin + 1, N_PROJECTS, N_WRITERS):
            make_project(writer, nth, services)

    threads = [threading.Thread(target=write, args=(i,))
               for i in range(N_WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return farm


def start(directory, port):
    token = f"{directory}/token"
    with open(token, "w", encoding="utf-8") as out:
        out.write(SECRET)
    os.chmod(token, 0o600)
    with open(f"{directory}/config.yml", "w", encoding="utf-8") as config:
        json.dump({
            "global": {"addr": f"127.0.0.1:{port}",
                       "state_dir": f"{directory}/state",
                       "log_level": "error"},
            "registry": {
                "enabled": True, "promtool": "none", "open_discovery": True,
                "tokens": [{"name": "bench", "scope": "admin",
                            "token_file": token}]}}, config)
    begun = time.perf_counter()
    process = subprocess.Popen([PROGRAM, "run", "--config",
                                f"{directory}/config.yml"])
    atexit.register(process.kill)
    wait_for_port(port)
    # it listens before it has read what it keeps
    Writer(port).ask("GET", "/sd/targets")
    return process, time.perf_counter() - begun


def stop(process):
    process.send_signal(signal.SIGTERM)
    if process.wait(30) != 0:
        raise SystemExit("it did not end well")


def load(process, port, path, **options):
    words = [f"{name}={value}" for name, value in options.items()]
    before = cpu(process.pid)
    done = subprocess.run(
        [LOAD, str(port), "method=GET", f"path={path}", "connections=8",
         f"seconds={SECONDS}", *words], check=True, capture_output=True,
        text=True)
    result = json.loads(done.stdout)
    if result["bad"]:
        raise SystemExit(f"{result['bad']} bad answers: {path}")
    used = cpu(process.pid) - before
    row(f"{path} {' '.join(words)}", f"{result['rate']:.0f} a second",
        f"{result['bytes'] / max(result['requests'], 1) / 1e6:.2f} MB",
        f"{1e6 * used / max(result['requests'], 1):.0f} µs of CPU each")


def edits(process, port, farm):
    """Until the answer of the edit, and until the document has it."""
    writer = Writer(port)
    answered, seen = [], []
    before = cpu(process.pid)
    for i in range(N_EDITS):
        begun = time.perf_counter()
        writer.ask("POST", f"/rest/v2/farms/{farm}/hosts",
                   {"hosts": [f"new-{i}.example.com"]})
        answered.append(time.perf_counter() - begun)
        while f"new-{i}.".encode() not in writer.ask(
                "GET", "/sd/shard-0/targets"):
            pass
        seen.append(time.perf_counter() - begun)
    used = cpu(process.pid) - before
    row("an edit", f"answered in {1e3 * sorted(answered)[N_EDITS // 2]:.1f}"
        " ms", f"seen in {1e3 * sorted(seen)[N_EDITS // 2]:.1f} ms",
        f"{1e3 * used / N_EDITS:.1f} ms of CPU each")


def main():
    directory = tempfile.mkdtemp(prefix="bench-registry-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    os.mkdir(f"{directory}/state")
    port = free_port()
    process, _ = start(directory, port)
    begun = time.perf_counter()
    farm = fill(port)
    row(f"{N_PROJECTS * N_HOSTS} targets of {N_PROJECTS} projects",
        f"made in {time.perf_counter() - begun:.1f} s",
        f"{memory(process.pid)['Rss'] / 1024:.1f} MiB", "")
    row("---", "---:", "---:", "---:")
    stop(process)
    process, seconds = start(directory, port)
    row("started again", f"{1e3 * seconds:.0f} ms",
        f"{1e3 * cpu(process.pid):.0f} ms of CPU",
        f"{memory(process.pid)['Rss'] / 1024:.1f} MiB")
    load(process, port, "/sd/shard-0/targets")
    load(process, port, "/sd/shard-0/targets", gzip=1)
    edits(process, port, farm)
    row("afterwards", "", "", f"{memory(process.pid)['Rss'] / 1024:.1f} MiB")
    stop(process)


main()
