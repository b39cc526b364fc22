# SPDX-License-Identifier: Apache-2.0
"""Child processes with a log, bounded waits, and an end by process id."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time

SEARCH_PATH = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
STOP_SECONDS = 30
LOG_TAIL_LINES = 25
PR_SET_PDEATHSIG = 1

# Of root, which inside a container is less than it is outside.
CAPABILITIES = {"CAP_SYS_CHROOT": 18, "CAP_SYS_ADMIN": 21, "CAP_MKNOD": 27}

_libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """A program, a right or something of the kernel is not here: the text
    says what, and what helps. Tests are skipped for this and nothing else."""


class NotStarted(Exception):
    """What is here did not do what it is for: a failure."""


def find_program(name, package):
    path = shutil.which(name, path=SEARCH_PATH)
    if not path:
        raise Unavailable(f"{name} is not installed "
                          f"(apt-get install {package})")
    return path


def need_root(what):
    if os.geteuid() != 0:
        raise Unavailable(f"{what} needs root (run the tests by sudo)")
    with open("/proc/self/status", encoding="ascii") as status:
        has = next(int(line.split()[1], 16) for line in status
                   if line.startswith("CapEff:"))
    lacks = [name for name, bit in CAPABILITIES.items() if not has >> bit & 1]
    if lacks:
        raise Unavailable(f"{what} needs {', '.join(lacks)} (run the tests "
                          "outside of a container, or in a privileged one)")


def need_cgroups(what):
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        if not any(line.split()[2] in ("cgroup", "cgroup2")
                   for line in mounts):
            raise Unavailable(f"{what} needs control groups (mount -t cgroup2 "
                              "none /sys/fs/cgroup)")


def free_port():
    """A port of loopback that nobody uses at this moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_until(check, timeout, what, every=0.05):
    """Returns the first true value of check(); TimeoutError names @what."""
    deadline = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(every)


def _die_with_parent():
    # A test run that is killed must not leave daemons behind.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class Process:
    """One child; its output is appended to the file @log."""

    def __init__(self, argv, log, env=None, cwd=None):
        self.log = log
        self.name = os.path.basename(argv[0])
        with open(log, "ab") as out:
            self._child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, "PATH": SEARCH_PATH, **(env or {})},
                cwd=cwd, start_new_session=True, preexec_fn=_die_with_parent)

    @property
    def pid(self):
        return self._child.pid

    @property
    def exit_code(self):
        """None while it runs; negative when a signal ended it."""
        return self._child.poll()

    @property
    def alive(self):
        return self._child.poll() is None

    def signal(self, number):
        if self.alive:
            self._child.send_signal(number)

    def wait(self, timeout):
        """The exit code; TimeoutError when it does not end in time."""
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} (process {self.pid}) did not "
                               f"end within {timeout} s") from None

    def stop(self, timeout=STOP_SECONDS):
        """TERM, then KILL when that did not help in time."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except TimeoutError:
            return self.kill()

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.wait(STOP_SECONDS)

    def wait_ready(self, check, timeout):
        """Until check() is true; the end of the process ends the waiting."""
        def ready_or_dead():
            return not self.alive or check()

        try:
            wait_until(ready_or_dead, timeout, f"{self.name} ready")
        except TimeoutError as late:
            raise NotStarted(f"{late}\n{self.log_tail()}") from None
        if not self.alive:
            raise NotStarted(f"{self.name} ended with {self.exit_code} "
                             f"before it was ready\n{self.log_tail()}")

    def log_tail(self, n_lines=LOG_TAIL_LINES):
        with open(self.log, encoding="utf-8", errors="replace") as lines:
            return "".join(lines.readlines()[-n_lines:])


def end_leftovers(directory):
    """Ends what still runs from or for @directory, which is ours alone:
    container shims and monitors outlive an engine that was killed."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as cmdline:
                ours = directory.encode() + b"/" in cmdline.read()
            if ours:
                os.kill(int(entry), signal.SIGKILL)
        except OSError:
            pass


def unmount_below(directory):
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        points = [line.split()[1] for line in mounts]
    for point in sorted(points, reverse=True):
        if point.startswith(directory + "/"):
            _libc.umount2(point.encode(), 2)    # MNT_DETACH
