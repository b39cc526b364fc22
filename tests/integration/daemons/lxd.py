# SPDX-License-Identifier: Apache-2.0
"""A real LXD below one directory, spoken to over its API."""

import os
import signal

from .http import Client, Refused
from .machine import Here
from .process import (NotStarted, Process, end_leftovers, need_cgroups,
                      need_root, unmount_below, wait_until)
from .rootfs import lxd_image

READY_SECONDS = 60
OPERATION_SECONDS = 60
REMOVED_SECONDS = 60
INIT_SECONDS = 30
FILES_SECONDS = 30
IMAGE_ALIAS = "bb"

# LXD shuts an instance down with SIGPWR, which busybox does not know: such an
# instance ignores a graceful stop. With this it powers off as it should.
GRACEFUL = {"raw.lxc": "lxc.signal.halt = SIGUSR2"}


class Lxd:
    kind = "lxd"
    package = "lxd"
    program = "lxd"
    directory_variable = "LXD_DIR"

    def __init__(self, directory, machine=None):
        need_root(self.kind)
        need_cgroups(self.kind)
        os.makedirs(directory, exist_ok=True)
        self._directory = directory
        self._machine = machine or Here()
        self._program = self._machine.program(self.program, self.package)
        self.socket = os.path.join(directory, "unix.socket")
        self.client = Client("unix:" + self.socket)
        self.log = os.path.join(directory, "daemon.log")
        self._process = None
        self._instances = []

    def api(self, method, path, body=None, project=None):
        """The metadata of the reply; an operation is waited for."""
        if project:
            path += ("&" if "?" in path else "?") + f"project={project}"
        reply = self.client.ask(method, "/1.0" + path, body).json()
        if reply["type"] != "async":
            return reply["metadata"]
        done = self.client.ask(
            "GET", f"{reply['operation']}/wait?timeout={OPERATION_SECONDS}",
            timeout=OPERATION_SECONDS + 10).json()
        if done["type"] == "error":
            raise Refused(done["error_code"], done["error"])
        if done["metadata"]["status_code"] != 200:
            raise Refused(done["metadata"]["status_code"],
                          done["metadata"]["err"])
        return done["metadata"]["metadata"]

    def start_daemon(self):
        self._process = Process(
            self._machine.argv(self._directory, self._program, "--group",
                               "root"), self.log,
            env={self.directory_variable: self._directory})
        # Answers are given before everything is up; the last part to come up
        # is what `lxd waitready` asks for.
        self._process.wait_ready(
            lambda: self.client.answers("/internal/ready"), READY_SECONDS)

    def start_first(self):
        """Starts, imports the image, and sees an instance run."""
        try:
            self.start_daemon()
            self.api("POST", "/storage-pools",
                     {"name": "default", "driver": "dir"})
            self.api("PUT", "/profiles/default", {"devices": {"root": {
                "type": "disk", "path": "/", "pool": "default"}}})
            image = self.client.ask(
                "POST", "/1.0/images", lxd_image(),
                headers={"Content-Type": "application/octet-stream"}).json()
            made = self.client.ask(
                "GET", image["operation"] + "/wait?timeout=60").json()
            self.api("POST", "/images/aliases", {
                "name": IMAGE_ALIAS,
                "target": made["metadata"]["metadata"]["fingerprint"]})
            self.launch("probe")
            self.remove_all()
        except (NotStarted, Refused, OSError, KeyError) as error:
            tail = self.log_tail()
            self.stop()
            raise NotStarted(f"{self.kind} cannot run an instance: "
                             f"{error!r}\n{tail}") from error

    def restart_daemon(self, hard=False):
        """Its instances go on running meanwhile."""
        if hard:
            self._process.kill()
        else:
            self._process.stop()
        self.start_daemon()

    def operations(self, description):
        """Those under way now, by what they say they do."""
        running = self.api("GET", "/operations?recursion=1").get("running", [])
        return [one for one in running if one["description"] == description]

    def add_project(self, name):
        """Shares images and profiles with the default one."""
        if f"/1.0/projects/{name}" not in self.api("GET", "/projects"):
            self.api("POST", "/projects", {"name": name, "config": {
                "features.images": "false", "features.profiles": "false"}})

    def launch(self, name, project=None, config=None, ephemeral=False):
        self.api("POST", "/instances", {
            "name": name, "ephemeral": ephemeral, "config": config or {},
            "source": {"type": "image", "alias": IMAGE_ALIAS}}, project)
        self._instances.append((name, project))
        self.change_state(name, "start", project=project)
        wait_until(lambda: self._init_listens(name, project), INIT_SECONDS,
                   f"the init of {name} hears signals")
        return name

    def _init_listens(self, name, project):
        """A signal that comes before is lost. The image's init lets its
        handler of SIGTSTP come after it has blocked what it waits for."""
        try:
            with open(f"/proc/{self.pid(name, project)}/status",
                      encoding="utf-8") as status:
                fields = dict(line.rstrip("\n").split(":\t", 1)
                              for line in status)
        except FileNotFoundError:
            return False
        return (fields["Name"] == "init" and
                int(fields["SigCgt"], 16) >> (signal.SIGTSTP - 1) & 1 == 1)

    def change_state(self, name, action, force=False, project=None):
        self.api("PUT", f"/instances/{name}/state",
                 {"action": action, "force": force, "timeout": 30}, project)

    def state(self, name, project=None):
        """"Running", "Stopped", "Frozen", …"""
        return self.api("GET", f"/instances/{name}/state",
                        project=project)["status"]

    def pid(self, name, project=None):
        """Of the instance's init, so it shows a restart; 0 if stopped."""
        return self.api("GET", f"/instances/{name}/state",
                        project=project)["pid"]

    def read_file(self, name, path, project=None):
        """"" if there is no such file."""
        query = f"?path={path}" + (f"&project={project}" if project else "")

        def answer():
            """500 is of a file server that LXD was just ending."""
            reply = self.client.call(
                "GET", f"/1.0/instances/{name}/files{query}")
            return reply if reply.status in (200, 404) else None

        reply = wait_until(answer, FILES_SECONDS, f"{path} of {name}",
                           every=0.5)
        return reply.text if reply.status == 200 else ""

    def exec_logs(self, name, project=None):
        """Recorded outputs that nobody has deleted."""
        logs = self.api("GET", f"/instances/{name}/logs", project=project)
        return [log for log in logs if "/exec" in log]

    def remove(self, name, project=None):
        """What a test set in motion may still be under way: until it is."""
        wait_until(lambda: self._removed(name, project), REMOVED_SECONDS,
                   f"{name} removed", every=0.5)

    def _removed(self, name, project):
        try:
            if self.state(name, project) != "Stopped":
                self.change_state(name, "stop", force=True, project=project)
            self.api("DELETE", f"/instances/{name}", project=project)
        except Refused as refused:
            return refused.status == 404
        return True

    def remove_all(self):
        for name, project in self._instances:
            self.remove(name, project)
        self._instances.clear()

    def version(self):
        return self.api("GET", "")["environment"]["server_version"]

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


class Incus(Lxd):
    """LXD's descendant: the same API from another place."""
    kind = "incus"
    package = "incus"
    program = "incusd"
    directory_variable = "INCUS_DIR"
