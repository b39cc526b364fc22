# SPDX-License-Identifier: Apache-2.0
"""The LXD runtime alone, each operation against a real LXD."""

import json
import os
import signal
import subprocess
import time

from collections import namedtuple
from types import SimpleNamespace

from daemons.lxd import GRACEFUL
from daemons.process import wait_until
from daemons.runtime_tool import Operation, tool

import pytest

STOP_MS = 2000

Engine = namedtuple("Engine", "kind socket")
HOST = Engine("host", "-")


def operate(engine, operation, target, command=(), **options):
    return SimpleNamespace(
        **Operation(engine, operation, target, *command, **options).result())


@pytest.fixture
def engine(lxd):
    return Engine(lxd.kind, lxd.socket)


@pytest.fixture
def run(engine):
    """run(operation, target, command=(), **options)"""
    def one(*args, **options):
        return operate(engine, *args, **options)
    return one


def test_restart_is_graceful(lxd, run):
    lxd.launch("polite", config=GRACEFUL)
    before = lxd.pid("polite")
    ended = run("restart", "polite", stop_timeout=30000)
    assert (ended.result, ended.status) == ("ok", "running")
    assert lxd.pid("polite") != before
    assert ended.ms < 20000     # it did not take the whole time


def test_restart_is_forced_when_the_init_does_not_listen(lxd, run):
    lxd.launch("deaf")
    before = lxd.pid("deaf")
    ended = run("restart", "deaf", stop_timeout=STOP_MS)
    assert (ended.result, ended.status) == ("ok", "running")
    assert lxd.pid("deaf") not in (0, before)
    assert ended.ms >= STOP_MS


def test_restart_by_force_at_once(lxd, run):
    lxd.launch("deaf")
    before = lxd.pid("deaf")
    assert run("restart", "deaf", stop_timeout=0).result == "ok"
    assert lxd.pid("deaf") not in (0, before)


def test_restart_starts_what_is_stopped_and_says_so(lxd, run):
    lxd.launch("down")
    lxd.change_state("down", "stop", force=True)
    seen = run("inspect", "down")
    assert (seen.result, seen.status, seen.stopped_by_hand) == (
        "ok", "exited", True)
    ended = run("restart", "down")
    assert (ended.result, ended.status, ended.stopped_by_hand) == (
        "ok", "running", True)
    assert lxd.state("down") == "Running"


def test_frozen_is_left_alone(lxd, run):
    lxd.launch("frozen")
    lxd.change_state("frozen", "freeze")
    before = lxd.pid("frozen")
    for operation, command in (("restart", ()), ("stop", ()), ("start", ()),
                               ("kill", ()), ("exec", ["/bin/true"])):
        ended = run(operation, "frozen", command)
        assert (operation, ended.result) == (operation, "left_alone")
        assert (operation, ended.status) == (operation, "paused")
    assert (lxd.state("frozen"), lxd.pid("frozen")) == ("Frozen", before)
    lxd.change_state("frozen", "unfreeze")


def test_nonexistent(run):
    for operation in ("inspect", "restart", "stop", "start", "kill", "exec"):
        ended = run(operation, "nobody", ["/bin/true"])
        assert (operation, ended.result) == (operation, "no_target")
        assert "no instance nobody in project default" in ended.message


def test_stop_start_kill(lxd, run):
    lxd.launch("c1")
    assert run("stop", "c1", stop_timeout=STOP_MS).status == "exited"
    assert lxd.state("c1") == "Stopped"
    assert run("stop", "c1").result == "ok"
    assert run("start", "c1").status == "running"
    assert run("start", "c1").result == "ok"
    assert run("kill", "c1").status == "exited"
    assert lxd.state("c1") == "Stopped"


def test_ephemeral_survives(lxd, run):
    lxd.launch("brief", ephemeral=True)
    before = lxd.pid("brief")
    seen = run("inspect", "brief")
    assert (seen.status, seen.ephemeral) == ("running", True)
    for operation in ("stop", "kill"):
        ended = run(operation, "brief")
        assert ended.result == "failed"
        assert "would delete it" in ended.message
    assert lxd.pid("brief") == before
    assert run("restart", "brief", stop_timeout=STOP_MS).result == "ok"
    assert lxd.state("brief") == "Running"
    assert lxd.pid("brief") != before


@pytest.mark.parametrize("command, result, code, output, words", [
    (["/bin/true"], "ok", 0, "", ""),
    (["/bin/sh", "-c", "echo out; echo err >&2"], "ok", 0, "out\nerr\n", ""),
    (["/bin/echo", "a  b", "$HOME"], "ok", 0, "a  b $HOME\n", ""),
    (["/bin/sh", "-c", "echo no; exit 7"], "failed", 7, "no\n",
     "ended with exit code 7"),
    (["/no/such/program"], "failed", 127, "", "was not found"),
    (["/etc/passwd"], "failed", 126, "", "cannot be executed"),
    (["/bin/sh", "-c", "kill -9 $$"], "failed", 137, "", "137"),
])
def test_exec(lxd, run, command, result, code, output, words):
    lxd.launch("c1")
    ended = run("exec", "c1", command)
    assert (ended.result, ended.exit_code) == (result, code)
    assert ended.output == output
    assert words in ended.message
    assert lxd.exec_logs("c1") == []


def test_exec_output_is_capped(lxd, run):
    lxd.launch("c1")
    ended = run("exec", "c1", ["/bin/sh", "-c", "yes | head -c 2000000"])
    assert (ended.result, ended.truncated) == ("ok", True)
    assert ended.output == "y\n" * 8192
    assert lxd.exec_logs("c1") == []


def test_exec_in_what_is_stopped(lxd, run):
    lxd.launch("down")
    lxd.change_state("down", "stop", force=True)
    ended = run("exec", "down", ["/bin/true"])
    assert (ended.result, ended.status) == ("failed", "exited")
    assert "not running" in ended.message


def test_exec_that_hangs(lxd, engine):
    """The deadline ends the call, no second command is started before the
    first has ended, and what it left is deleted then."""
    lxd.launch("c1")
    ended = Operation(engine, "exec", "c1", "/bin/sh", "-c",
                      "echo >>/n; sleep 3", timeout=500, repeat=2,
                      linger=5000).results()
    assert [one["result"] for one in ended] == ["timed_out", "busy"]
    assert "did not end within 500ms" in ended[0]["message"]
    assert lxd.read_file("c1", "/n") == "\n"
    assert lxd.exec_logs("c1") == []


def test_projects(lxd, run):
    lxd.add_project("other")
    lxd.launch("same", project="other")
    lxd.launch("same")
    here, there = lxd.pid("same"), lxd.pid("same", project="other")
    assert run("restart", "same", project="other",
               stop_timeout=STOP_MS).result == "ok"
    ended = run("exec", "same", ["/bin/sh", "-c",
                                 "echo hi; echo yes >/was-here"],
                project="other")
    assert (ended.result, ended.output) == ("ok", "hi\n")
    assert lxd.pid("same") == here
    assert lxd.pid("same", project="other") not in (0, there)
    assert lxd.exec_logs("same", project="other") == []
    assert lxd.read_file("same", "/was-here") == ""
    assert lxd.read_file("same", "/was-here", project="other") == "yes\n"
    assert run("inspect", "same", project="nowhere").result == "no_target"


def test_many_at_once(lxd, engine):
    names = [f"c{i}" for i in range(4)]
    before = {lxd.launch(name): lxd.pid(name) for name in names}
    ended = Operation(engine, "restart", names,
                      stop_timeout=STOP_MS).results()
    assert [one["result"] for one in ended] == ["ok"] * 4
    assert all(lxd.pid(name) not in (0, before[name]) for name in names)


def test_daemon_killed_in_the_middle_of_a_restart(lxd, engine):
    lxd.launch("deaf")
    before = lxd.pid("deaf")
    running = Operation(engine, "restart", "deaf", stop_timeout=3000,
                        timeout=100000)
    wait_until(lambda: lxd.operations("Restarting instance"), 10,
               "the restart has begun")
    lxd.restart_daemon(hard=True)
    ended = running.result()
    assert (ended["result"], ended["status"]) == ("ok", "running")
    assert lxd.pid("deaf") not in (0, before)


def test_no_daemon(directory):
    for operation in ("inspect", "restart", "exec"):
        ended = operate(Engine("lxd", f"{directory}/nothing.socket"),
                        operation, "c1", ["/bin/true"])
        assert ended.result == "unavailable"
        assert f"{directory}/nothing.socket" in ended.message
        assert "is the daemon installed and running?" in ended.message


def test_socket_of_the_environment(lxd):
    lxd.launch("c1")
    prefix = lxd.kind.upper()
    for env in ({f"{prefix}_SOCKET": lxd.socket},
                {f"{prefix}_DIR": lxd.socket.rpartition("/")[0]}):
        ended = operate(Engine(lxd.kind, "-"), "inspect", "c1", env=env)
        assert (ended.result, ended.status) == ("ok", "running")


def test_host_commands():
    """The host is a runtime, too: what it can do, and what it cannot."""
    ended = operate(HOST, "exec", "host",
                    ["/bin/sh", "-c", "echo hi; exit 4"])
    assert (ended.result, ended.exit_code, ended.output) == (
        "failed", 4, "hi\n")
    ended = operate(HOST, "exec", "host", ["/no/such"])
    assert (ended.result, ended.exit_code) == ("failed", -1)
    assert "/no/such" in ended.message
    ended = operate(HOST, "restart", "host")
    assert "give a command" in ended.message


# --- what there is, and what happens to it -----------------------------------

LISTEN_MS = 60000


class Watch:
    """The runtime's events, as they come."""

    def __init__(self, engine):
        self._process = subprocess.Popen(
            [tool(), "--watch", str(LISTEN_MS), engine.kind, engine.socket,
             "watch", "-"],
            stdout=subprocess.PIPE, text=True)
        assert "opened" in self._next()

    def _next(self):
        line = self._process.stdout.readline()
        assert line, "the watch has ended"
        return json.loads(line)

    def until(self, kind, ident):
        """The event of that kind; those before it are passed over."""
        while True:
            event = self._next()
            if (event.get("event"), event.get("id")) == (kind, ident):
                return event

    def last(self):
        """What it ends with, when the daemon goes."""
        for line in self._process.stdout:
            event = json.loads(line)
        return event

    def stop(self):
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def watch(engine):
    one = Watch(engine)
    yield one
    one.stop()


def listed(engine, operation="list", target="-", **options):
    """By id."""
    results = Operation(engine, operation, target, **options).results()
    assert results[-1]["result"] == "ok", results[-1]
    return {one["id"]: SimpleNamespace(**one) for one in results[:-1]}


def test_list_of_all_projects(lxd, engine):
    lxd.add_project("other")
    lxd.launch("c1", config={"user.role": "web"})
    lxd.launch("c1", project="other")
    lxd.launch("c2", project="other", config={"user.role": "db"})
    lxd.change_state("c2", "stop", force=True, project="other")
    found = listed(engine)
    assert set(found) == {"default/c1", "other/c1", "other/c2"}
    assert found["default/c1"].status == "running"
    assert found["default/c1"].labels == {"user.role": "web"}
    assert found["other/c2"].status == "exited"
    assert found["other/c2"].project == "other"
    assert found["default/c1"].image == "busybox"
    assert found["default/c1"].started >= found["default/c1"].created > 0
    assert set(listed(engine, project="other")) == {"other/c1", "other/c2"}


def test_inspect_by_id_describes(lxd, engine):
    lxd.add_project("other")
    lxd.launch("c1", project="other", config={"user.role": "db"})
    found = listed(engine, "describe", "other/c1")
    assert found["other/c1"].labels == {"user.role": "db"}
    assert found["other/c1"].status == "running"


def test_labels_come_from_profiles_too(lxd, engine):
    lxd.launch("c1")
    lxd.api("PATCH", "/profiles/default", {"config": {"user.role": "all"}})
    try:
        assert listed(engine)["default/c1"].labels == {"user.role": "all"}
    finally:
        lxd.api("PATCH", "/profiles/default", {"config": {"user.role": ""}})


def test_operations_take_an_id(lxd, run):
    lxd.add_project("other")
    lxd.launch("c1", project="other")
    before = lxd.pid("c1", "other")
    assert run("restart", "other/c1", stop_timeout=0).result == "ok"
    assert lxd.pid("c1", "other") not in (0, before)
    ended = run("exec", "other/c1", ("echo", "hi"))
    assert (ended.result, ended.output) == ("ok", "hi\n")


def test_remove(lxd, run):
    lxd.add_project("other")
    lxd.launch("c1", project="other")
    assert run("remove", "other/c1").result == "left_alone"
    assert lxd.state("c1", "other") == "Running"
    lxd.change_state("c1", "freeze", project="other")
    assert run("remove", "other/c1").result == "left_alone"
    lxd.change_state("c1", "stop", force=True, project="other")
    assert run("remove", "other/c1").result == "ok"
    assert lxd.api("GET", "/instances?project=other") == []
    assert run("remove", "other/c1").result == "ok"     # gone already


def test_a_protected_instance_is_not_removed(lxd, run):
    lxd.launch("c1", config={"security.protection.delete": "true"})
    lxd.change_state("c1", "stop", force=True)
    ended = run("remove", "default/c1")
    assert (ended.result, "protected" in ended.message) == ("failed", True)
    lxd.api("PATCH", "/instances/c1",
            {"config": {"security.protection.delete": "false"}})


def test_events(lxd, watch):
    lxd.add_project("other")
    lxd.launch("c1", project="other")
    watch.until("created", "other/c1")
    watch.until("started", "other/c1")
    lxd.change_state("c1", "freeze", project="other")
    watch.until("paused", "other/c1")
    lxd.change_state("c1", "unfreeze", project="other")
    watch.until("resumed", "other/c1")
    lxd.api("PATCH", "/instances/c1", {"config": {"user.a": "1"}}, "other")
    watch.until("renamed", "other/c1")      # or changed
    lxd.change_state("c1", "restart", force=True, project="other")
    watch.until("started", "other/c1")
    lxd.change_state("c1", "stop", force=True, project="other")
    assert watch.until("ended", "other/c1")["asked"]
    lxd.remove("c1", "other")
    watch.until("removed", "other/c1")


def test_an_end_that_nobody_asked_for(lxd, watch):
    lxd.launch("c1")
    os.kill(lxd.pid("c1"), signal.SIGKILL)
    ended = watch.until("ended", "default/c1")
    assert not ended["asked"]
    assert abs(ended["time_ns"] / 1e9 - time.time()) < 60


def test_a_new_name_is_another_instance(lxd, watch):
    lxd.launch("c1")
    lxd.change_state("c1", "stop", force=True)
    lxd.api("POST", "/instances/c1", {"name": "c9"})
    watch.until("removed", "default/c1")
    watch.until("renamed", "default/c9")
    lxd.api("DELETE", "/instances/c9")
    watch.until("removed", "default/c9")


def test_the_events_end_with_the_daemon(lxd, watch, engine):
    lxd.restart_daemon()
    ended = watch.last()
    assert ended["code"] != 0 and f"{lxd.kind}: " in ended["closed"]
    after = Watch(engine)
    after.stop()
