# SPDX-License-Identifier: Apache-2.0
"""Compose, the program, told to use one private dockerd."""

import os
import shutil
import subprocess

from .process import SEARCH_PATH, Unavailable

COMPOSE_SECONDS = 240


def find_compose(env):
    """Version 1 is a program, version 2 a plugin of docker's."""
    program = shutil.which("docker-compose", path=SEARCH_PATH)
    if program:
        return [program]
    # whether there is a plugin, only docker knows
    docker = shutil.which("docker", path=SEARCH_PATH)
    if docker and subprocess.run(
            [docker, "compose", "version"], capture_output=True,
            env=env, check=False).returncode == 0:
        return [docker, "compose"]
    raise Unavailable("docker-compose is not installed "
                      "(apt-get install docker-compose)")


class Compose:
    """A project: the file in @directory, @settings its variables."""

    def __init__(self, engine, directory, settings):
        self._directory = directory
        self._env = {**os.environ, "PATH": SEARCH_PATH,
                     "DOCKER_HOST": f"unix://{engine.socket}",
                     "DOCKER_CONFIG": directory,
                     "COMPOSE_PROJECT_NAME": os.path.basename(directory),
                     **settings}
        self._compose = find_compose(self._env)

    def run(self, *args):
        done = subprocess.run(
            [*self._compose, *args], cwd=self._directory, env=self._env,
            text=True, capture_output=True, check=False,
            stdin=subprocess.DEVNULL, timeout=COMPOSE_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self):
        self.run("up", "--detach")

    def down(self):
        self.run("down", "--volumes", "--timeout", "1")

    def log_tail(self):
        return self.run("logs", "--no-color", "--tail", "40")
