# SPDX-License-Identifier: Apache-2.0
"""The program in its own container image, beside what it acts on."""

import fcntl
import os
import subprocess

from .bouncer import ROOT, Bouncer, program
from .http import Refused
from .process import SEARCH_PATH, find_program

IMAGE = "bouncer-test:latest"
BUILD_SECONDS = 900     # beside other tests, and other builds


def build_image(dockerd):
    """From this tree, by the script that everybody uses. Beside the build
    directory of the program, so that it is compiled once only."""
    find_program("docker", "docker.io (docker-cli on Debian 13)")
    build = os.path.dirname(os.path.dirname(program())) + "-static"
    with open(build + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)   # shares of the tests, side by side
        done = subprocess.run(
            [os.path.join(ROOT, "packaging/container/build.sh"), IMAGE],
            env={**os.environ, "PATH": SEARCH_PATH, "BUILD": build,
                 "CONTAINER_ENGINE": "docker",
                 "DOCKER_HOST": "unix://" + dockerd.socket},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=BUILD_SECONDS)
    if done.returncode:
        raise AssertionError(f"build.sh failed\n{done.stdout[-4000:]}")
    return IMAGE


def static_busybox():
    return os.path.realpath(find_program("busybox", "busybox-static"))


class BouncerContainer(Bouncer):
    """As Bouncer, but that its process is a container of @dockerd."""

    def __init__(self, directory, dockerd, name="bouncer"):
        super().__init__(directory)
        self.dockerd = dockerd
        self.name = name

    def start(self, yaml, binds=(), ready=True, **host_config):
        self.write_config(yaml)
        os.chmod(self.config, 0o644)
        self.start_command(
            ["run", "--config", "/etc/bouncer/config.yml",
             "--addr", f"127.0.0.1:{self.port}"], ready,
            Healthcheck={"Interval": 1000000000},   # the rest is the image's
            host_config={
                "Binds": [f"{self.config}:/etc/bouncer/config.yml:ro",
                          f"{self.dockerd.socket}:/var/run/docker.sock",
                          *binds],
                "GroupAdd": [str(os.stat(self.dockerd.socket).st_gid)],
                **host_config})

    def start_command(self, command, ready=True, **config):
        """As the API spells it. The address is the caller's to set."""
        self.dockerd.create(self.name, command, network="host", Image=IMAGE,
                            **config)
        self.dockerd.start(self.name)
        if ready:
            self.wait_for(lambda b: b.client.answers("/-/ready"), what="ready")

    @property
    def alive(self):
        return self.dockerd.state(self.name)["Running"]

    @property
    def pid(self):
        """Of its process 1, as the host counts."""
        return self.dockerd.state(self.name)["Pid"]

    @property
    def process(self):
        return self

    @process.setter
    def process(self, nothing):
        pass

    @property
    def exit_code(self):
        return self.dockerd.state(self.name)["ExitCode"]

    def log_lines(self):
        """The engine frames them: eight bytes before each piece."""
        try:
            data = self.dockerd.api("GET", f"/containers/{self.name}/logs"
                                           "?stdout=1&stderr=1")
        except (OSError, Refused) as error:
            return [f"no log: {error}"]
        text = b""
        while len(data) >= 8:
            n = int.from_bytes(data[4:8], "big")
            text += data[8:8 + n]
            data = data[8 + n:]
        return text.decode("utf-8", "replace").splitlines()
