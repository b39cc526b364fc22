# SPDX-License-Identifier: Apache-2.0
"""A real dockerd below one directory, spoken to over its API."""

import datetime
import os
import urllib.parse

from .http import Client, Refused
from .machine import Here
from .process import (NotStarted, Process, end_leftovers, need_cgroups,
                      need_root, unmount_below, wait_until)
from .rootfs import docker_image

READY_SECONDS = 60
EXEC_SECONDS = 20
IMAGE = "bb:latest"
API = "/v1.41"

# What is chosen by itself first; the last resort works on any file system.
STORAGE_DRIVERS = ([], ["--storage-driver=vfs"])


def checked_command(stubborn=False):
    """Well after each start; @stubborn: it does not hear SIGTERM."""
    trap = "trap '' TERM" if stubborn else "trap 'exit 0' TERM"
    return ["/bin/sh", "-c",
            f"rm -f /root/sick; {trap}; while :; do sleep 1000 & wait; done"]


def checked(interval=0.3, retries=1, start_period=0):
    """A HEALTHCHECK of busybox, times in seconds."""
    second = 1000000000
    return {"Test": ["CMD-SHELL",
                     "! test -e /root/sick && ! test -e /root/for-ever || "
                     "{ echo feeling sick; exit 1; }"],
            "Interval": int(interval * second), "Timeout": 5 * second,
            "Retries": retries, "StartPeriod": int(start_period * second)}


class Engine:
    """What Docker and Podman have in common: the API and its containers."""

    def __init__(self, socket):
        self.socket = socket
        self.client = Client("unix:" + socket)
        self._containers = []

    def api(self, method, path, body=None, **options):
        """The decoded reply of `/containers/json` and the like."""
        reply = self.client.ask(method, API + path, body, **options)
        if "json" in reply.headers.get("Content-Type", ""):
            return reply.json()
        return reply.body

    def import_image(self):
        repo, tag = IMAGE.split(":")
        self.client.ask(
            "POST", f"{API}/images/create?fromSrc=-&repo={repo}&tag={tag}",
            docker_image(), headers={"Content-Type": "application/x-tar"})

    def create(self, name, cmd, network="none", host_config=None, **config):
        """@config and @host_config as the API spells them, for instance
        StopTimeout=2 and host_config={"RestartPolicy": {"Name": "always"}}."""
        body = {"Image": IMAGE, "Cmd": list(cmd), **config,
                "HostConfig": {"NetworkMode": network, **(host_config or {})}}
        self.api("POST", f"/containers/create?name={name}", body)
        self._containers.append(name)
        return name

    def run(self, name, cmd, **options):
        self.create(name, cmd, **options)
        self.start(name)
        return name

    def start(self, name):
        self.api("POST", f"/containers/{name}/start")

    def pause(self, name):
        self.api("POST", f"/containers/{name}/pause")

    def unpause(self, name):
        self.api("POST", f"/containers/{name}/unpause")

    def kill(self, name, signal_name="KILL"):
        self.api("POST", f"/containers/{name}/kill?signal={signal_name}")

    def stop_container(self, name, timeout=0):
        self.api("POST", f"/containers/{name}/stop?t={timeout}")

    def inspect(self, name):
        return self.api("GET", f"/containers/{name}/json")

    def state(self, name):
        return self.inspect(name)["State"]

    def started_at(self, name):
        """Changes with every start, so it shows a restart."""
        return self.state(name)["StartedAt"]

    def start_time(self, name):
        return datetime.datetime.fromisoformat(
            self.started_at(name)[:26].rstrip("Z"))

    def exec(self, name, *cmd):
        """Runs it in the container; its exit code."""
        created = self.api("POST", f"/containers/{name}/exec",
                           {"AttachStdout": True, "Tty": True,
                            "Cmd": list(cmd)})
        self.client.ask("POST", f"{API}/exec/{created['Id']}/start",
                        {"Detach": False, "Tty": True})
        # Its output may end a moment before it is known to have ended.
        def ended():
            seen = self.api("GET", f"/exec/{created['Id']}/json")
            return None if seen["Running"] else seen

        return wait_until(ended, EXEC_SECONDS,
                          f"{cmd[0]} in {name} has ended")["ExitCode"]

    # Containers whose health a test decides.

    def run_checked(self, name, interval=0.3, stubborn=False, **options):
        """Healthy until make_sick(), and again after a restart."""
        return self.run(name, checked_command(stubborn),
                        Healthcheck=checked(interval), **options)

    def make_sick(self, name, for_ever=False):
        """@for_ever: restarts do not help it."""
        path = "/root/for-ever" if for_ever else "/root/sick"
        assert self.exec(name, "/bin/touch", path) == 0

    def make_well(self, name):
        assert self.exec(name, "/bin/rm", "-f", "/root/sick",
                         "/root/for-ever") == 0

    def health(self, name):
        return self.state(name)["Health"]["Status"]

    def wait_health(self, name, status, timeout=20):
        wait_until(lambda: self.health(name) == status, timeout,
                   f"{name} {status}")

    def wait_ended(self, name, timeout=20):
        wait_until(lambda: not self.state(name)["Running"], timeout,
                   f"end of {name}")

    def read_file(self, name, path):
        """What `cat` of the container says; "" if there is no such file."""
        created = self.api("POST", f"/containers/{name}/exec",
                           {"AttachStdout": True, "Tty": True,
                            "Cmd": ["/bin/cat", path]})
        output = self.client.ask("POST", f"{API}/exec/{created['Id']}/start",
                                 {"Detach": False, "Tty": True})
        done = self.api("GET", f"/exec/{created['Id']}/json")
        return "" if done["ExitCode"] else output.text.replace("\r\n", "\n")

    def names(self, **filters):
        query = urllib.parse.urlencode({"all": 1, **filters})
        return [name.lstrip("/")
                for container in self.api("GET", f"/containers/json?{query}")
                for name in container["Names"]]

    def remove(self, name):
        try:
            self.api("DELETE", f"/containers/{name}?force=1&v=1")
        except Refused as refused:
            if refused.status != 404:
                raise

    def remove_all(self):
        """What the last test left, children first; an engine that is down has
        nothing."""
        for name in reversed(self._containers):
            self.remove(name)
        self._containers.clear()

    def version(self):
        return self.api("GET", "/version")["Version"]


class Docker(Engine):
    def __init__(self, directory, machine=None):
        need_root("dockerd")
        need_cgroups("dockerd")
        os.makedirs(directory, exist_ok=True)
        super().__init__(os.path.join(directory, "docker.sock"))
        self._directory = directory
        self._machine = machine or Here()
        self._program = self._machine.program("dockerd", "docker.io")
        self._storage = STORAGE_DRIVERS[0]
        self.options = []   # more of dockerd's, before it is started
        self.log = os.path.join(directory, "log")
        self._process = None

    def start_daemon(self):
        self._process = Process(self._machine.argv(
            self._directory, self._program,
            "--data-root", f"{self._directory}/data",
            "--exec-root", f"{self._directory}/exec",
            "--pidfile", f"{self._directory}/pid",
            "--host", f"unix://{self.socket}",
            "--bridge=none", "--iptables=false", "--ip6tables=false",
            *self._storage, *self.options), self.log,
            # Nothing of the machine's own dockerd is to be read.
            cwd=self._directory)
        self._process.wait_ready(lambda: self.client.answers("/_ping"),
                                 READY_SECONDS)

    def start_first(self):
        """Starts, imports the image, and sees a container run."""
        for storage in STORAGE_DRIVERS:
            self._storage = storage
            try:
                self.start_daemon()
                self.import_image()
                self.run("probe", ["/bin/sleep", "1000"])
                self.remove_all()
                return
            except (NotStarted, Refused, OSError) as error:
                reason = error
                self.stop()
        raise NotStarted(f"dockerd cannot run a container: {reason}")

    def stop_daemon(self, hard=False):
        """@hard: without a farewell, as after a crash."""
        if not self._process:
            return
        if hard:
            self._process.kill()
            self._forget_containerd()
        else:
            self._process.stop()
        self._process = None

    def _forget_containerd(self):
        # It died with dockerd, but where nobody reaps orphans its process id
        # still looks alive, and the next dockerd would wait for it.
        try:
            os.unlink(f"{self._directory}/exec/containerd/containerd.pid")
        except FileNotFoundError:
            pass

    def restart_daemon(self, hard=False):
        self.stop_daemon(hard)
        self.start_daemon()

    def signal(self, number):
        self._process.signal(number)

    @property
    def alive(self):
        return self._process is not None and self._process.alive

    def stop(self):
        try:
            self.remove_all()
        except (OSError, Refused):
            pass
        self.stop_daemon()
        end_leftovers(self._directory)
        unmount_below(self._directory)

    def log_tail(self):
        return self._process.log_tail() if self._process else ""
