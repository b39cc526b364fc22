# SPDX-License-Identifier: Apache-2.0
"""runtime-tool: one operation of a runtime, without the rest of the program.
The build leaves it beside the program; RUNTIME_TOOL says where else."""

import json
import os
import subprocess

from .bouncer import program

ENDED_SECONDS = 120


def tool():
    built = os.path.join(os.path.dirname(program()), os.pardir, "tests",
                         "integration", "runtime-tool")
    return os.environ.get("RUNTIME_TOOL", built)


class Operation:
    """One that runs in the background; options as keywords: timeout=500,
    volumes=True. @env: added to ours."""

    def __init__(self, engine, operation, target, *command, env=None,
                 **options):
        words = [word for key, value in options.items()
                 for word in ("--" + key.replace("_", "-"), str(value))
                 if word != "True"]
        targets = target if isinstance(target, str) else ",".join(target)
        self._process = subprocess.Popen(
            [tool(), *words, engine.kind, engine.socket, operation, targets,
             *command],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(env or {})})

    def line(self):
        """The next result, as soon as it comes. Byte by byte: results() finds
        nothing in a buffer of ours."""
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(self._process.stdout.fileno(), 1)
            assert byte, (line, self._process.communicate())
            line += byte
        return json.loads(line)

    def results(self):
        """Every result, in the order in which they came."""
        try:
            out, self.log = self._process.communicate(timeout=ENDED_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        # 0: all went well; 1: not all did; else it is broken, or sanitized
        assert self._process.returncode in (0, 1), self.log
        assert "Sanitizer" not in self.log, self.log
        return [json.loads(line) for line in out.splitlines()]

    def result(self):
        results = self.results()
        assert len(results) == 1
        return results[0]


def operate(engine, operation, target, *command, **options):
    return Operation(engine, operation, target, *command, **options).result()
