# SPDX-License-Identifier: Apache-2.0
"""The service manager's side: what the daemon tells it, and the unit."""

import os
import re
import signal
import socket
import subprocess
import time

import pytest

from daemons.bouncer import ROOT, monitor, settings
from daemons.process import find_program

WAIT_SECONDS = 20
WATCHDOG_SECONDS = 1

# systemd-analyze's figure for the unit, of 10; README.md names it.
MAX_EXPOSURE = 1.5

RUN = [monitor("quiet", type="host", max_age="1h",
               steps=[{"type": "run", "command": ["/bin/true"]}])]


class Manager:
    """Receives what a service tells systemd, one line at a time."""

    def __init__(self, path):
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path if path[0] != "@" else "\0" + path[1:])
        self.lines = []

    def receive(self, timeout):
        """The lines of the next datagram; none when there is none."""
        self._socket.settimeout(timeout)
        try:
            lines = self._socket.recv(4096).decode().split("\n")
        except (TimeoutError, BlockingIOError):
            return []
        self.lines += lines
        return lines

    def wait(self, pattern, timeout=WAIT_SECONDS):
        """The first line from now on that matches; those before it are
        in `lines`."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for line in self.receive(deadline - time.monotonic() + 0.01):
                if re.fullmatch(pattern, line):
                    return line
        raise AssertionError(f"no {pattern} in {timeout} s: {self.lines}")

    def drain(self):
        while self.receive(0):
            pass
        self.lines.clear()

    def close(self):
        self._socket.close()


@pytest.fixture
def manager(directory, request):
    path = getattr(request, "param", os.path.join(directory, "notify"))
    one = Manager(path)
    yield one
    one.close()
    if path[0] != "@":
        os.unlink(path)


def start(bouncer, manager, scripted_gateway, **options):
    scripted_gateway.say_ages({"quiet": 1})
    return bouncer(settings(*RUN, push_gw=scripted_gateway.url),
                   env={"NOTIFY_SOCKET": manager.path, **options})


@pytest.mark.parametrize("manager", ["@bouncer-test-systemd"], indirect=True)
def test_abstract_socket(bouncer, manager, scripted_gateway):
    start(bouncer, manager, scripted_gateway)
    manager.wait("READY=1")


def test_life(bouncer, manager, scripted_gateway):
    daemon = start(bouncer, manager, scripted_gateway)
    manager.wait("READY=1")
    assert manager.lines == ["STATUS=1 monitor, 0 bad", "READY=1"]

    before = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
    daemon.reload(settings(*RUN, monitor(
        "other", type="host", max_age="1h",
        steps=[{"type": "log", "message": "quiet"}]),
        push_gw=scripted_gateway.url))
    manager.wait("RELOADING=1")
    usec = int(manager.lines[-1].split("=")[1])
    assert manager.lines[-1].startswith("MONOTONIC_USEC=")
    assert before <= usec <= time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
    manager.wait("READY=1")
    assert "STATUS=2 monitors, 0 bad" in manager.lines

    # One that fails is over, too.
    manager.drain()
    daemon.reload("monitors: nonsense\n")
    manager.wait("READY=1")
    assert manager.lines[0] == "RELOADING=1"

    manager.drain()
    assert daemon.end() == 0
    manager.wait("STOPPING=1")


def test_status_follows(bouncer, manager, scripted_gateway):
    daemon = start(bouncer, manager, scripted_gateway)
    manager.wait("READY=1")
    scripted_gateway.stop()
    manager.wait("STATUS=1 monitor, 0 bad, source down")
    # The same is not said again: the daemon reads five times a second.
    daemon.wait_for(lambda b: b.metric(
        "bouncer_source_fetches_total", result="refused") >= 10,
        what="ten more readings")
    assert [line for line in manager.lines if line.startswith("STATUS=")] == [
        "STATUS=1 monitor, 0 bad", "STATUS=1 monitor, 0 bad, source down"]
    assert manager.receive(0) == []


def test_watchdog(bouncer, manager, scripted_gateway):
    """Signs of life come in time, and a process that hangs gives none."""
    daemon = start(bouncer, manager, scripted_gateway,
                   WATCHDOG_USEC=str(WATCHDOG_SECONDS * 1000000))
    manager.wait("READY=1")
    begun = time.monotonic()
    for _ in range(4):
        manager.wait("WATCHDOG=1")
    assert time.monotonic() - begun >= 3 * WATCHDOG_SECONDS / 2 - 0.1

    daemon.process.signal(signal.SIGSTOP)
    try:
        manager.drain()
        # Until the watchdog would bark: not one sign.
        with pytest.raises(AssertionError, match="no WATCHDOG=1"):
            manager.wait("WATCHDOG=1", timeout=2 * WATCHDOG_SECONDS)
    finally:
        daemon.process.signal(signal.SIGCONT)
    manager.wait("WATCHDOG=1")


def test_commands_do_not_speak_for_it(bouncer, manager, scripted_gateway,
                                      directory):
    """What the daemon runs has none of the variables."""
    scripted_gateway.say_ages({"quiet": 3600})
    seen = os.path.join(directory, "environment")
    daemon = bouncer(settings(monitor(
        "quiet", type="host", max_age="1s", steps=[
            {"type": "run", "command": ["/bin/sh", "-c", f"env >{seen}"]}]),
        push_gw=scripted_gateway.url), env={
            "NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "60000000",
            "WATCHDOG_PID": "1"})
    daemon.wait_step("quiet", "ok")
    with open(seen, encoding="utf-8") as environment:
        names = [line.split("=")[0] for line in environment]
    assert "BOUNCER_MONITOR" in names
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(names)


# --- the unit ---------------------------------------------------------------

UNITS = ("bouncer.service", "bouncer-worker.service")


def installed_unit(directory, name):
    """As it is installed, with a program in it that is really there."""
    unit = os.path.join(directory, name)
    source = os.path.join(ROOT, "packaging/systemd", name)
    with open(source, encoding="utf-8") as text, \
            open(unit, "w", encoding="utf-8") as out:
        out.write(text.read().replace("@bindir@/bouncer", "/bin/true"))
    return unit


def analyze(*args):
    return subprocess.run(
        [find_program("systemd-analyze", "systemd"), *args], text=True,
        timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.mark.parametrize("name", UNITS)
def test_unit_is_hardened(directory, name):
    done = analyze("security", "--offline=yes", "--no-pager",
                   f"--threshold={int(MAX_EXPOSURE * 10)}",
                   installed_unit(directory, name))
    figure = re.search(rf"exposure level for {re.escape(name)}: ([0-9.]+)",
                       done.stdout)
    assert figure, done.stdout
    assert float(figure.group(1)) <= MAX_EXPOSURE, done.stdout
    assert done.returncode == 0
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as readme:
        assert f"exposure level {MAX_EXPOSURE}" in readme.read()


@pytest.mark.parametrize("name", UNITS)
def test_unit_is_understood(directory, name):
    """No setting in it is unknown, nor spelled wrong."""
    done = analyze("verify", "--man=no", installed_unit(directory, name))
    complaints = [line for line in done.stdout.splitlines()
                  if name in line]
    assert complaints == []
