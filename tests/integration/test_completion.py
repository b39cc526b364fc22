# SPDX-License-Identifier: Apache-2.0
"""Completion of bash and zsh, by running them."""

import os
import shlex
import subprocess

from daemons.bouncer import ROOT, monitor, program, settings
from daemons.process import find_program
from daemons.terminal import Terminal

import pytest

COMPLETION = os.path.join(ROOT, "packaging/completion")
RUN_SECONDS = 20


def in_bash(*words, env=None):
    """What is offered for the last of the words."""
    script = (f"source {shlex.quote(COMPLETION)}/bouncer.bash\n"
              f"COMP_WORDS=({shlex.join([program(), *words])})\n"
              f"COMP_CWORD={len(words)}\n_bouncer\n"
              "((${#COMPREPLY[@]})) && printf '%s\\n' \"${COMPREPLY[@]}\"")
    done = subprocess.run(["bash", "--norc", "-c", script], check=False,
                          capture_output=True, text=True, timeout=RUN_SECONDS,
                          stdin=subprocess.DEVNULL,
                          env={**os.environ, **(env or {})})
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.fixture
def running(bouncer, directory):
    one = bouncer(settings(
        *(monitor(name, type="host", restart_type="command",
                  restart_command=["/bin/true"])
          for name in ("api", "app two", "other")),
        push_gw="http://127.0.0.1:1",
        control_socket=os.path.join(directory, "completion.sock")))
    one.socket = os.path.join(directory, "completion.sock")
    return one


def test_bash_commands_and_options():
    assert in_bash("sta") == ["status"]
    assert {"run", "status", "push", "help"} <= set(in_bash(""))
    assert in_bash("res") == ["resume"]
    assert in_bash("rel") == ["reload"]
    assert in_bash("status", "--wa") == ["--watch"]
    assert in_bash("journal", "--fo") == ["--follow"]
    assert in_bash("help", "hea") == ["healthcheck"]
    assert set(in_bash("pause", "--")) == {
        "--for", "--reason", "--json", "--socket", "--url", "--token-file",
        "--timeout"}
    assert "--push-gw" in in_bash("run", "--")
    assert in_bash("pause", "--for", "") == []
    assert in_bash("worker", "--tar") == ["--targets"]
    assert in_bash("worker", "--server", "") == []


def test_bash_registry(directory):
    assert in_bash("register-") == ["register-server", "register-exporter",
                                    "register-host", "register-job"]
    assert in_bash("registry", "app") == ["apply"]
    assert {"apply", "export", "import", "token"} <= set(
        in_bash("registry", ""))
    assert in_bash("registry", "apply", "--pr") == ["--prune"]
    assert in_bash("registry", "import", "--from", "") == ["promgen",
                                                           "prommgr"]
    path = os.path.join(directory, "shop.yml")
    with open(path, "w", encoding="utf-8"):
        pass
    assert in_bash("registry", "apply", path[:-2]) == [path]
    assert in_bash("targets", path[:-2]) == [path]
    assert in_bash("targets", "--rel") == ["--reload", "--reload-token-file"]


def test_bash_monitors(running):
    assert in_bash("explain", "--socket", running.socket, "a") == [
        "api", "app\\ two"]
    env = {"BOUNCER_CONTROL": running.socket}
    assert in_bash("bounce", "", env=env) == ["api", "app\\ two", "other"]
    assert in_bash("push", "a", env=env) == []


def test_bash_without_a_daemon():
    assert in_bash("explain", "a",
                   env={"BOUNCER_CONTROL": "/nonexistent/socket"}) == []


def test_bash_after_dashes():
    assert "true" in in_bash("ping", "job", "--", "tru")


@pytest.fixture
def zsh(directory):
    shell_program = find_program("zsh", "zsh")
    terminals = []

    def start(env=None):
        shell = Terminal([shell_program, "-f", "-i"],
                         env={**(env or {}), "HOME": directory,
                              "PATH": os.path.dirname(program()) + ":" +
                              os.environ["PATH"]}, columns=200)
        terminals.append(shell)
        shell.write(f"PS1='>'; fpath=({shlex.quote(COMPLETION)} $fpath); "
                    "autoload -Uz compinit; compinit -u -D; "
                    "setopt no_beep; print rea''dy\n")
        shell.wait_for("ready")
        return shell

    yield start
    for shell in terminals:
        shell.close()


def complete(shell, line, expected):
    begin = len(shell.text)
    shell.write("\025" + line + "\t")
    shell.wait_for(expected, begin)
    return shell.text[begin:]


def test_zsh(zsh, running):
    shell = zsh({"BOUNCER_CONTROL": running.socket})
    complete(shell, "bouncer sta", "status")
    complete(shell, "bouncer heal", "healthcheck")
    complete(shell, "bouncer status --wat", "--watch")
    complete(shell, "bouncer register-h", "register-host")
    complete(shell, "bouncer registry app", "apply")
    complete(shell, "bouncer registry apply --pru", "--prune")
    complete(shell, "bouncer explain oth", "other")
    complete(shell, "bouncer explain ap", "app\\ two")
    assert "command not found" not in shell.text
