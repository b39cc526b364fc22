# SPDX-License-Identifier: Apache-2.0
"""A real Podman service below one directory, spoken to as one does to Docker.

Podman wants limits that an ordinary machine may refuse, shares its locks with
every other Podman of the machine, and expects systemd; its private
containers.conf says otherwise.
"""

import os
import subprocess

from .docker import Engine
from .http import Refused
from .machine import Here
from .process import (NotStarted, Process, end_leftovers, need_cgroups,
                      need_root, unmount_below)

READY_SECONDS = 60
CHECK_SECONDS = 60

CONTAINERS_CONF = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
cgroupns = "host"

[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
"""


class Podman(Engine):
    def __init__(self, directory, machine=None):
        need_root("podman")
        need_cgroups("podman")
        os.makedirs(directory, exist_ok=True)
        super().__init__(os.path.join(directory, "podman.sock"))
        self._directory = directory
        self._machine = machine or Here()
        self._program = self._machine.program("podman", "podman")
        self.log = os.path.join(directory, "log")
        self._conf = os.path.join(directory, "containers.conf")
        self._process = None

    def _argv(self, *args):
        return self._machine.argv(
            self._directory, self._program,
            "--root", f"{self._directory}/root",
            "--runroot", f"{self._directory}/run",
            "--tmpdir", f"{self._directory}/tmp", *args)

    def start_daemon(self):
        with open(self._conf, "w", encoding="utf-8") as out:
            out.write(CONTAINERS_CONF + self._machine.podman_settings)
        self._process = Process(
            self._argv("system", "service", "--time=0",
                       f"unix://{self.socket}"),
            self.log, env={"CONTAINERS_CONF": self._conf})
        self._process.wait_ready(lambda: self.client.answers("/_ping"),
                                 READY_SECONDS)

    def check_health(self, name):
        """Runs its health check once, as a timer of systemd would; true if
        it was good."""
        done = subprocess.run(
            self._argv("healthcheck", "run", name), check=False,
            env={**os.environ, "CONTAINERS_CONF": self._conf},
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=CHECK_SECONDS)
        return done.returncode == 0

    def start_first(self):
        try:
            self.start_daemon()
            self.import_image()
            self.run("probe", ["/bin/sleep", "1000"])
            self.remove_all()
        except (NotStarted, Refused, OSError) as error:
            tail = self.log_tail()
            self.stop()
            raise NotStarted(f"podman cannot run a container: {error}\n"
                             f"{tail}") from error

    def stop(self):
        try:
            self.remove_all()
        except (OSError, Refused):
            pass
        if self._process:
            self._process.stop()
            self._process = None
        end_leftovers(self._directory)
        unmount_below(self._directory)

    def log_tail(self):
        return self._process.log_tail() if self._process else ""
