# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: processes, ports, rows of a table."""

import os
import socket
import time

TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.0005)
    raise SystemExit(f"nothing listens on {port}")


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def cpu(pid):
    """Seconds of CPU that the process has used."""
    stat = open(f"/proc/{pid}/stat", encoding="utf-8").read()
    fields = stat.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def cpu_ns(pid):
    """The same of its first thread, finer than in ticks."""
    with open(f"/proc/{pid}/schedstat", encoding="utf-8") as schedstat:
        return int(schedstat.read().split()[0])


def memory(pid):
    """KiB, by the names of smaps_rollup: Rss, Pss, …"""
    values = {}
    for line in open(f"/proc/{pid}/smaps_rollup", encoding="utf-8"):
        fields = line.split()
        if fields[0].endswith(":"):
            values[fields[0][:-1]] = int(fields[1])
    return values
