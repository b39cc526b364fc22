# SPDX-License-Identifier: Apache-2.0
"""A registry, and the commands that ask it over its control socket."""

import json
import os
import subprocess

from .bouncer import program

RUN_SECONDS = 60


def configuration(**registry):
    return json.dumps({
        "global": {"start_grace": "0s"},
        "registry": {"enabled": True, "promtool": "none", **registry}})


class RegistryCli:
    """Commands of one registry. Its state is its own."""

    def __init__(self, start, directory, **registry):
        self.directory = directory
        self.daemon = start(configuration(**registry))
        self.env = {"BOUNCER_CONTROL": self.daemon.socket}

    def call(self, *args, stdin="", env=None):
        """Exit code, stdout, stderr."""
        own = {key: value for key, value in os.environ.items()
               if not key.startswith("BOUNCER_")}
        done = subprocess.run(
            [program(), *args], capture_output=True, text=True,
            timeout=RUN_SECONDS, check=False, input=stdin,
            env={**own, **(self.env if env is None else env)})
        return done.returncode, done.stdout, done.stderr

    def run(self, *args, stdin=""):
        """Stdout of one that succeeds without a word of trouble."""
        code, out, err = self.call(*args, stdin=stdin)
        assert (code, err) == (0, ""), (args, code, out, err)
        return out

    def refused(self, *args, stdin="", code=4):
        """The words of one that is refused."""
        got, out, err = self.call(*args, stdin=stdin)
        assert got == code, (args, got, out, err)
        return err

    def file(self, name, text):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text if isinstance(text, str) else json.dumps(text))
        return path

    def targets(self):
        return json.loads(self.run("targets"))
