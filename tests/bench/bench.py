# SPDX-License-Identifier: Apache-2.0
"""The benchmarks of the whole program: run by tests/bench/run.sh."""

import concurrent.futures
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import kit
from kit import cpu, free_port, memory, wait_for_port

BUILD, SECONDS = sys.argv[1], int(sys.argv[2])
PROGRAM = f"{BUILD}/src/bouncer"


def row(what, value, budget=""):
    kit.row(what, value, budget)


class Gateway:
    """A real Pushgateway, whose check of each push against all is off."""

    def __init__(self):
        self.port = free_port()
        self.process = subprocess.Popen(
            ["prometheus-pushgateway",
             f"--web.listen-address=127.0.0.1:{self.port}",
             "--persistence.file=", "--push.disable-consistency-check"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{self.port}"
        wait_for_port(self.port)

    def push(self, names):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for name in names:
            connection.request("PUT", f"/metrics/job/{name}",
                               "records_processed_total 42\n")
            connection.getresponse().read()

    def fill(self, n):
        names = [f"job_{i:06d}" for i in range(n)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(self.push, [names[i::8] for i in range(8)]))

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Daemon:
    def __init__(self, directory, config):
        self.port = free_port()
        path = f"{directory}/config.yml"
        with open(path, "w", encoding="utf-8") as f:
            f.write(config.replace("ADDR", f"127.0.0.1:{self.port}")
                    .replace("STATE", f"{directory}/state"))
        started = time.monotonic()
        self.process = subprocess.Popen(
            [PROGRAM, "run", "--config", path], stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        wait_for_port(self.port)
        self.ready_ms = (time.monotonic() - started) * 1000

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()

    def wait_ready(self):
        for _ in range(1200):
            if self.get("/-/ready")[0] == 200:
                return
            time.sleep(0.05)
        raise SystemExit("the daemon did not become ready")

    def cpu(self):
        return cpu(self.pid)

    def memory(self):
        return memory(self.pid)

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def good_readings(self):
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith("bouncer_source_fetches_total") and \
                    'result="ok"' in line:
                return float(line.rsplit(" ", 1)[1])
        raise SystemExit("no metric of the readings")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def config(gateway, n, interval="1s", max_age="24h"):
    lines = [
        "global:", f"  check_interval: {interval}", f"  push_gw: {gateway.url}",
        '  addr: "ADDR"', "  state_dir: STATE", "  log_level: error",
        "monitors:"]
    for i in range(n):
        lines += [
            f"  - name: monitor_{i:06d}", f"    max_age: {max_age}",
            "    type: docker", f"    container_name: container_{i:06d}",
            "    label_name: job", f"    label_value: job_{i:06d}",
            "    restart_type: container"]
    return "\n".join(lines) + "\n"


def bench_size(directory):
    stripped = f"{directory}/bouncer"
    subprocess.run(["strip", "-o", stripped, PROGRAM], check=True)
    row("program, stripped, dynamic",
        f"{os.path.getsize(stripped) / 1024:.0f} KiB", "≤ 350 KiB")


def bench_idle(directory):
    gateway = Gateway()
    gateway.fill(1)
    os.sync()  # freshly built pages of the program itself count as dirty
    readies = []
    for _ in range(9):
        daemon = Daemon(directory, config(gateway, 1))
        readies.append(daemon.ready_ms)
        daemon.stop()
    daemon = Daemon(directory, config(gateway, 1))
    daemon.wait_ready()
    before = daemon.cpu()
    time.sleep(SECONDS)
    memory = daemon.memory()
    row("idle, 1 monitor: proportional set size",
        f"{memory['Pss']} KiB", "≤ 1,500 KiB")
    row("idle, 1 monitor: private dirty",
        f"{memory['Private_Dirty']} KiB", "≤ 500 KiB")
    row("idle, 1 monitor: resident", f"{memory['Rss']} KiB")
    row("idle, 1 monitor: threads", daemon.threads(), "1")
    row("idle, 1 monitor at 1 s: CPU",
        f"{(daemon.cpu() - before) * 60 / SECONDS:.2f} s a minute")
    row("start to answering (median of 9)",
        f"{sorted(readies)[4]:.1f} ms", "≤ 10 ms")
    daemon.stop()
    gateway.stop()
    return memory["Rss"]


def bench_gateway(directory):
    gateway = Gateway()
    gateway.fill(1)
    daemon = Daemon(directory, config(gateway, 1000))
    daemon.wait_ready()
    time.sleep(3)
    rss_1 = daemon.memory()["Rss"]
    daemon.stop()

    gateway.fill(10000)
    daemon = Daemon(directory, config(gateway, 1000))
    daemon.wait_ready()
    time.sleep(2)
    before = daemon.cpu()
    fetches = daemon.good_readings()
    time.sleep(SECONDS)
    cpu = (daemon.cpu() - before) * 60 / SECONDS
    fetches = daemon.good_readings() - fetches
    rss_10k = daemon.memory()["Rss"]
    daemon.stop()
    receive = subprocess.run(
        [f"{BUILD}/tests/bench/bench-receive", gateway.url, str(SECONDS)],
        check=True, capture_output=True, text=True).stdout.split()
    received = float(receive[0]) * 60 / SECONDS
    row("1,000 monitors, 10,000 groups at 1 s: body",
        f"{int(receive[1]) / SECONDS / 1e6:.1f} MB")
    row("… CPU of the daemon", f"{cpu:.2f} s a minute")
    row("… CPU of a loop that only receives", f"{received:.2f} s a minute")
    row("… on top of receiving", f"{cpu - received:.2f} s a minute", "≤ 0.6 s")
    row("… resident with 1 group / 10,000 groups",
        f"{rss_1} / {rss_10k} KiB", "within 1,024 KiB")
    row("… requests to the gateway", f"{fetches / SECONDS:.2f} a second", "≤ 1")
    gateway.stop()


def bench_monitors(directory, rss_idle):
    gateway = Gateway()
    for n in (1000, 10000, 100000):
        gateway.fill(n) if n <= 10000 else None
        started = time.monotonic()
        daemon = Daemon(directory, config(gateway, n))
        ready = time.monotonic() - started
        daemon.wait_ready()
        time.sleep(2)
        rss = daemon.memory()["Rss"]
        checks = daemon.good_readings()
        first = daemon.cpu()
        time.sleep(max(SECONDS / 3, 5))
        after = daemon.cpu()
        checks = daemon.good_readings() - checks
        row(f"{n:,} monitors: resident per monitor",
            f"{(rss - rss_idle) * 1024 / n:.0f} bytes",
            "≤ 1,536 bytes" if n == 10000 else "")
        row(f"{n:,} monitors: CPU per check of all",
            f"{(after - first) * 1000 / max(checks, 1):.2f} ms")
        row(f"{n:,} monitors: start to answering", f"{ready * 1000:.0f} ms")
        daemon.stop()
    gateway.stop()


def main():
    directory = tempfile.mkdtemp(prefix="bouncer-bench-")
    try:
        print("| what | measured | budget |\n|---|---|---|")
        bench_size(directory)
        rss_idle = bench_idle(directory)
        bench_gateway(directory)
        bench_monitors(directory, rss_idle)
    finally:
        shutil.rmtree(directory)
    print()
    for name in ("scanner", "config"):
        program = f"{BUILD}/tests/bench/bench-{name}"
        if os.path.exists(program):
            print(f"bench-{name}:", flush=True)
            subprocess.run([program], check=True)


main()
