# SPDX-License-Identifier: Apache-2.0
"""The registry's edits: how many a second are answered, each of them on disk
when it is. Run by tests/bench/run.sh.

"Apart" is what a client does that waits for each answer: an edit costs a
commit, and a commit an fsync of this disk. "Pipelined" sends them all on one
connection without waiting, and "connections" has so many at once: what comes
while a commit is under way is in the next one. What an fsync costs here is
measured first: the same bytes, appended to a file. The stall is the longest
time that a second client, which asks for the health all the while, had to
wait for its answer."""

import atexit
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from kit import free_port, row, wait_for_port

BUILD = sys.argv[1]
PROGRAM = f"{BUILD}/src/bouncer"
N_EDITS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
SECRET = "bnc_" + "0" * 40
COMMIT_BYTES = 5 * 4120     # of the log: pages of an edit
PATH = "/rest/v2/services"


class Health(threading.Thread):
    """Asks again and again; knows the longest time that an answer took."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.times = []
        self.ended = threading.Event()

    def run(self):
        while not self.ended.is_set():
            begun = time.perf_counter()
            self.connection.request("GET", "/-/healthy")
            self.connection.getresponse().read()
            self.times.append(time.perf_counter() - begun)
            time.sleep(0.0005)

    def end(self):
        self.ended.set()
        self.join()
        return sorted(self.times)


def request(name):
    body = json.dumps({"name": name})
    return (f"POST {PATH} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {SECRET}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


def read_answer(reader):
    status = reader.readline()
    length = 0
    while (line := reader.readline().strip()):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    text = reader.read(length)
    if b" 201 " not in status:
        raise SystemExit(f"an edit was refused: {status}{text}")


def apart(port, prefix, n):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        reader = sock.makefile("rb")
        for i in range(n):
            sock.sendall(request(f"{prefix}-{i}"))
            read_answer(reader)


def pipelined(port, prefix, n):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sender = threading.Thread(target=lambda: sock.sendall(
            b"".join(request(f"{prefix}-{i}") for i in range(n))))
        sender.start()
        reader = sock.makefile("rb")
        for _ in range(n):
            read_answer(reader)
        sender.join()


def connections(port, prefix, n, n_connections):
    threads = [threading.Thread(target=apart, args=(
        port, f"{prefix}-{nth}", n // n_connections))
        for nth in range(n_connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def fsyncs(directory):
    """How many a second."""
    n, page = 200, b"x" * COMMIT_BYTES
    with open(f"{directory}/log", "wb", buffering=0) as log:
        log.write(page * n)
        os.fsync(log.fileno())
        log.seek(0)
        begun = time.perf_counter()
        for _ in range(n):
            log.write(page)
            os.fdatasync(log.fileno())
        return n / (time.perf_counter() - begun)


def start(directory, port):
    os.mkdir(f"{directory}/state")
    with open(f"{directory}/token", "w", encoding="utf-8") as token:
        token.write(SECRET)
    os.chmod(f"{directory}/token", 0o600)
    with open(f"{directory}/config.yml", "w", encoding="utf-8") as config:
        json.dump({
            "global": {"addr": f"127.0.0.1:{port}",
                       "state_dir": f"{directory}/state",
                       "log_level": "error"},
            "registry": {
                "enabled": True, "promtool": "none",
                "tokens": [{"name": "bench", "scope": "admin",
                            "token_file": f"{directory}/token"}]}}, config)
    process = subprocess.Popen([PROGRAM, "run", "--config",
                                f"{directory}/config.yml"])
    atexit.register(process.kill)
    wait_for_port(port)
    return process


def measure(name, port, edit):
    health = Health(port)
    health.start()
    begun = time.perf_counter()
    edit()
    seconds = time.perf_counter() - begun
    times = health.end()
    row(name, f"{N_EDITS / seconds:.0f}", f"{1e6 * seconds / N_EDITS:.0f} µs",
        f"{1e3 * times[len(times) // 2]:.2f} ms", f"{1e3 * times[-1]:.1f} ms")


def main():
    directory = tempfile.mkdtemp(prefix="bench-registry-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    port = free_port()
    process = start(directory, port)
    row(f"{N_EDITS} edits", "a second", "each", "health: median", "longest")
    row("---", "---:", "---:", "---:", "---:")
    n_fsyncs = fsyncs(directory)
    row("fsync of this disk alone", f"{n_fsyncs:.0f}",
        f"{1e6 / n_fsyncs:.0f} µs", "", "")
    measure("apart, one connection", port,
            lambda: apart(port, "apart", N_EDITS))
    measure("pipelined, one connection", port,
            lambda: pipelined(port, "pipelined", N_EDITS))
    measure("16 connections", port,
            lambda: connections(port, "many", N_EDITS, 16))
    process.send_signal(signal.SIGTERM)
    if process.wait(20) != 0:
        raise SystemExit("it did not end well")


main()
