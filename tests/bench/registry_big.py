# SPDX-License-Identifier: Apache-2.0
"""The registry's large edits, and how long each holds the loop: a document with
100,000 hosts applied, looked at, changed a little, and a shard deleted with all
that hangs on it. Run by tests/bench/run.sh.

The stall is the longest time that a second client, which asks for the health
all the while, had to wait for its answer; on a machine that does something else
it is longer than what the loop's thread computed, which is told, too. A page
of a list is asked for with nothing else going on."""

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

from kit import cpu, cpu_ns, free_port, memory, row, wait_for_port

BUILD = sys.argv[1]
PROGRAM = f"{BUILD}/src/bouncer"
N_HOSTS = int(sys.argv[2]) if len(sys.argv) > 2 else 100000
SECRET = "bnc_" + "0" * 40
N_SERVICES = 100
N_PER_PROJECT = 50
N_PAGES = 20
TIMEOUT = 300


class Health(threading.Thread):
    """Asks again and again; knows the longest time that an answer took."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.worst = 0
        self.ended = threading.Event()

    def run(self):
        while not self.ended.is_set():
            begun = time.perf_counter()
            self.connection.request("GET", "/-/healthy")
            self.connection.getresponse().read()
            self.worst = max(self.worst, time.perf_counter() - begun)
            time.sleep(0.0005)

    def end(self):
        self.ended.set()
        self.join()
        return 1e3 * self.worst


class Registry:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="bench-registry-big-")
        atexit.register(shutil.rmtree, self.directory, ignore_errors=True)
        self.port = free_port()
        os.mkdir(f"{self.directory}/state")
        with open(f"{self.directory}/token", "w", encoding="utf-8") as out:
            out.write(SECRET)
        os.chmod(f"{self.directory}/token", 0o600)
        self.configure("global")
        self.process = subprocess.Popen(
            [PROGRAM, "run", "--config", f"{self.directory}/config.yml"])
        atexit.register(self.process.kill)
        wait_for_port(self.port)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                     timeout=TIMEOUT)
        self.connection.connect()

    def configure(self, site):
        with open(f"{self.directory}/config.yml", "w",
                  encoding="utf-8") as config:
            json.dump({
                "global": {"addr": f"127.0.0.1:{self.port}",
                           "state_dir": f"{self.directory}/state",
                           "log_level": "error"},
                "registry": {
                    "enabled": True, "promtool": "none", "site": site,
                    "tokens": [{"name": "bench", "scope": "admin",
                                "token_file":
                                f"{self.directory}/token"}]}}, config)

    def ask(self, method, path, body=None):
        self.connection.request(method, path, body, {
            "Authorization": f"Bearer {SECRET}"})
        reply = self.connection.getresponse()
        text = reply.read()
        if reply.status >= 300:
            raise SystemExit(f"{method} {path}: {reply.status} {text[:300]}")
        return text

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(30) != 0:
            raise SystemExit("it did not end well")


def document(n_hosts):
    """As people keep it."""
    services = [{"name": f"service-{i:03}", "projects": []}
                for i in range(N_SERVICES)]
    for nth in range(n_hosts // N_PER_PROJECT):
        name = f"project-{nth:05}"
        services[nth % N_SERVICES]["projects"].append({
            "name": name, "shard": "tokyo",
            "farm": {"name": name, "hosts": [
                f"host-{i:02}.{name}.example.com"
                for i in range(N_PER_PROJECT)]},
            "exporters": [{"job": "node", "port": 9100}]})
    return {"shards": [{"name": "tokyo"}], "services": services}


def measure(registry, name, act):
    """How long it takes, and the stall until half a second afterwards."""
    health = Health(registry.port)
    health.start()
    used = cpu(registry.process.pid)
    loop = cpu_ns(registry.process.pid)
    begun = time.perf_counter()
    act()
    seconds = time.perf_counter() - begun
    time.sleep(max(0.5, seconds / 2))
    stall = health.end()
    used = cpu(registry.process.pid) - used
    loop = cpu_ns(registry.process.pid) - loop
    row(name, f"{1e3 * seconds:.0f} ms", f"{stall:.0f} ms",
        f"{loop / 1e6:.0f} ms", f"{1e3 * used:.0f} ms",
        f"{memory(registry.process.pid)['Rss'] / 1024:.0f} MiB")


def page(registry, path):
    times = []
    for _ in range(N_PAGES):
        begun = time.perf_counter()
        registry.ask("GET", path)
        times.append(time.perf_counter() - begun)
    row(path, f"{1e3 * sorted(times)[N_PAGES // 2]:.2f} ms", "", "", "", "")


def main():
    registry = Registry()
    whole = document(N_HOSTS)
    text = json.dumps(whole)
    row(f"{N_HOSTS} hosts", "took", "stall", "CPU of the loop",
        "CPU", "resident")
    row("---", "---:", "---:", "---:", "---:", "---:")

    def apply(query=""):
        return lambda: registry.ask("POST", "/registry/apply" + query, text)

    def reload():
        registry.configure("elsewhere")
        registry.process.send_signal(signal.SIGHUP)
        time.sleep(2)

    measure(registry, "nothing", lambda: time.sleep(1))
    measure(registry, "apply, dry run", apply("?dry_run=true"))
    measure(registry, "apply", apply())
    measure(registry, "apply the same", apply())
    measure(registry, "one host more", lambda: registry.ask(
        "POST", "/rest/v2/farms/1/hosts", json.dumps({"hosts": ["more"]})))
    measure(registry, "export", lambda: registry.ask("GET",
                                                     "/registry/export"))
    for path in ("/rest/v2/hosts", f"/rest/v2/hosts?page_number="
                 f"{N_HOSTS // 10}", "/rest/v2/hosts?page_size=1000",
                 "/rest/v2/hosts?name=host-49.project-01",
                 "/rest/v2/farms/1/hosts",
                 "/rest/v2/shards", "/openapi.json", "/docs"):
        page(registry, path)
    measure(registry, "all read again (2 s)", reload)
    measure(registry, "delete the shard, dry run", lambda: registry.ask(
        "DELETE", "/rest/v2/shards/1?dry_run=true"))
    measure(registry, "delete the shard",
            lambda: registry.ask("DELETE", "/rest/v2/shards/1"))
    registry.stop()


main()
