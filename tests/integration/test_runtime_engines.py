# SPDX-License-Identifier: Apache-2.0
"""The docker runtime alone, against a real dockerd and a real Podman."""

import time

import pytest

from daemons.http import Refused
from daemons.process import wait_until
from daemons.runtime_tool import Operation, operate

STUBBORN = ["/bin/sh", "-c", "trap 'echo asked >/tmp/term' TERM; "
            "while :; do sleep 1; done"]
OBEDIENT = ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
# The stop timeout of engines, if nobody says another; too long for a test.
BRISK = {"StopTimeout": 1}


@pytest.fixture(params=["docker", "podman"])
def engine(request):
    peer = request.getfixturevalue(
        "dockerd" if request.param == "docker" else "podman")
    peer.kind = request.param
    yield peer
    # Podman would wait for every stubborn one before it removes it
    for name in peer.names():
        try:
            peer.kill(name)
        except Refused:
            pass    # it does not run


@pytest.fixture
def docker(dockerd):
    dockerd.kind = "docker"
    return dockerd


# --- restart ----------------------------------------------------------------

def test_restart(engine):
    engine.run("web", OBEDIENT)
    before = engine.started_at("web")
    result = operate(engine, "restart", "web")
    assert result["result"] == "ok", result
    assert result["status"] == "running"
    assert engine.started_at("web") != before


def test_restart_waits_for_the_targets_own_stop_timeout(engine):
    engine.run("web", STUBBORN, StopTimeout=2)
    begun = time.monotonic()
    result = operate(engine, "restart", "web")
    assert result["result"] == "ok", result
    assert result["stop_timeout_ms"] == 2000
    # not killed at once (Podman takes a missing `t` for 0), not after 10 s
    assert 1.5 < time.monotonic() - begun < 10


def test_our_stop_timeout_comes_before_the_targets_own(engine):
    engine.run("web", STUBBORN, StopTimeout=60)
    begun = time.monotonic()
    result = operate(engine, "restart", "web", stop_timeout=1000)
    assert result["result"] == "ok", result
    assert 0.8 < time.monotonic() - begun < 9


def test_restart_of_a_stopped_one_starts_it(engine):
    engine.run("web", OBEDIENT)
    engine.stop_container("web")
    result = operate(engine, "restart", "web")
    assert result["result"] == "ok", result
    assert engine.state("web")["Running"]


def test_a_restart_goes_on_when_its_time_is_up(engine):
    engine.run("web", STUBBORN, StopTimeout=3)
    before = engine.started_at("web")
    restart = Operation(engine, "restart", "web", timeout=500, repeat=2,
                        linger=10000)
    first, second = restart.results()
    assert first["result"] == "timed_out", first
    assert second["result"] == "busy", second
    assert "work that outlived its deadline ended" in restart.log
    assert "result=ok" in restart.log
    assert engine.state("web")["Running"]
    assert engine.started_at("web") != before


def test_fifty_at_once(engine):
    names = [f"web{i}" for i in range(50)]
    for name in names:
        engine.run(name, STUBBORN, StopTimeout=3)
    before = {name: engine.started_at(name) for name in names}
    begun = time.monotonic()
    # engines on a busy machine take their time
    results = Operation(engine, "restart", names, timeout=110000).results()
    took = time.monotonic() - begun
    assert {result["target"] for result in results} == set(names)
    assert [r for r in results if r["result"] != "ok"] == []
    assert not [n for n in names if engine.started_at(n) == before[n]]
    # one after another they would have needed fifty stop timeouts
    assert took < 100


# --- what is left alone, and what is not there ------------------------------

@pytest.mark.parametrize("operation", ["restart", "stop", "start", "kill",
                                       "exec"])
def test_a_paused_one_is_left_alone(engine, operation):
    engine.run("web", OBEDIENT)
    engine.pause("web")
    before = engine.started_at("web")
    result = operate(engine, operation, "web", "/bin/true")
    assert result["result"] == "left_alone", result
    assert "unpause" in result["message"]
    assert result["status"] == "paused"
    assert engine.state("web")["Paused"]
    assert engine.started_at("web") == before
    engine.unpause("web")


@pytest.mark.parametrize("operation", ["inspect", "restart", "stop", "start",
                                       "kill", "exec"])
def test_one_that_does_not_exist(engine, operation):
    result = operate(engine, operation, "nobody", "/bin/true")
    assert result["result"] == "no_target", result
    assert "nobody: there is no such container" in result["message"]


def test_no_engine(engine):
    class Nowhere:
        kind = engine.kind
        socket = "/nonexistent/engine.sock"
    result = operate(Nowhere, "restart", "web")
    assert result["result"] == "unavailable", result
    assert "is the engine running" in result["message"]


def test_stopped_by_hand(engine):
    engine.run("kept", OBEDIENT, host_config={
        "RestartPolicy": {"Name": "always"}})
    engine.run("plain", OBEDIENT)
    for name in ("kept", "plain"):
        assert not operate(engine, "inspect", name)["stopped_by_hand"]
        engine.stop_container(name)
    assert operate(engine, "inspect", "kept")["stopped_by_hand"]
    found = operate(engine, "inspect", "plain")
    assert not found["stopped_by_hand"]
    assert found["status"] == "exited"


# --- stop, start, kill ------------------------------------------------------

def test_stop_start_kill(engine):
    engine.run("web", STUBBORN, **BRISK)
    stopped = operate(engine, "stop", "web")
    assert stopped["result"] == "ok", stopped
    assert engine.state("web")["Status"] == "exited"
    assert operate(engine, "stop", "web")["result"] == "ok"
    assert operate(engine, "kill", "web")["result"] == "failed"

    started = operate(engine, "start", "web")
    assert started["result"] == "ok", started
    assert started["status"] == "running"
    assert operate(engine, "start", "web")["result"] == "ok"

    assert operate(engine, "kill", "web", signal="KILL")["result"] == "ok"
    wait_until(lambda: not engine.state("web")["Running"], 10, "its end")


# --- exec -------------------------------------------------------------------

@pytest.mark.parametrize("command, code, words", [
    (["/bin/sh", "-c", "echo out; echo err >&2; exit 0"], 0, ""),
    (["/bin/sh", "-c", "echo why >&2; exit 1"], 1, "exit code 1: why"),
    (["/bin/sh", "-c", "exit 255"], 255, "exit code 255"),
    (["/etc/passwd"], 126, "cannot be executed in it: exit code 126"),
    (["/no/such"], 127, "there is no such command in it: exit code 127"),
    (["nosuch"], 127, "there is no such command in it: exit code 127"),
])
def test_exec_exit_codes(engine, command, code, words):
    engine.run("web", ["/bin/sh", "-c", ": >/etc/passwd; exec sleep 1000"])
    wait_until(lambda: operate(engine, "exec", "web", "/bin/ls",
                               "/etc/passwd")["exit_code"] == 0, 10, "a file")
    result = operate(engine, "exec", "web", *command)
    assert result["result"] == ("failed" if code else "ok"), result
    assert result["exit_code"] == code
    assert words in result["message"]
    if "echo out" in command[-1]:
        # two streams: the engine says in which order
        assert sorted(result["output"].splitlines()) == ["err", "out"]


def test_exec_output_is_cut(engine):
    engine.run("web", OBEDIENT)
    result = operate(engine, "exec", "web", "/bin/sh", "-c",
                     "yes | head -c 1000000")
    assert result["result"] == "ok", result
    assert len(result["output"]) == 16384
    assert result["truncated"]


def test_exec_in_a_stopped_one(engine):
    engine.run("web", ["/bin/sh", "-c", "exit 3"])
    wait_until(lambda: not engine.state("web")["Running"], 10, "its end")
    result = operate(engine, "exec", "web", "/bin/true")
    assert result["result"] == "failed", result
    assert "it is stopped, with exit code 3" in result["message"]


def test_a_command_that_hangs_is_not_joined_by_another(engine):
    engine.run("web", OBEDIENT)
    results = Operation(engine, "exec", "web", "/bin/sh", "-c",
                        "echo x >>/tmp/log; sleep 1000", timeout=700,
                        repeat=3).results()
    assert [r["result"] for r in results] == ["timed_out", "busy", "busy"]
    assert results[0]["ms"] < 5000
    assert engine.read_file("web", "/tmp/log") == "x\n"


def test_two_commands_at_once(engine):
    engine.run("web", OBEDIENT)
    results = Operation(engine, "exec", ["web", "web"], "/bin/sleep",
                        "1").results()
    assert [r["result"] for r in results] == ["busy", "ok"]


# --- the engine itself goes away --------------------------------------------

# A dockerd that ends in order stops every container, also one whose restart
# has just ended well; only its policy brings that one back.
@pytest.mark.parametrize("hard, policy", [(False, "always"), (True, "no")],
                         ids=["term", "kill"])
def test_dockerd_restarted_in_the_middle_of_a_restart(docker, hard, policy):
    docker.run("web", STUBBORN, StopTimeout=10,
               host_config={"RestartPolicy": {"Name": policy}})
    before = docker.started_at("web")
    restart = Operation(docker, "restart", "web", timeout=90000)
    wait_until(lambda: docker.read_file("web", "/tmp/term"), 8, "the stop")
    docker.restart_daemon(hard)
    result = restart.result()
    assert result["result"] == "ok", (result, restart.log)
    wait_until(lambda: docker.state("web")["Running"], 10, "its return")
    assert docker.started_at("web") != before


def test_dockerd_killed_in_the_middle_of_a_command(docker):
    docker.run("web", OBEDIENT)
    command = Operation(docker, "exec", "web", "/bin/sh", "-c",
                        "echo begun >/tmp/begun; sleep 1000")
    wait_until(lambda: docker.read_file("web", "/tmp/begun"), 10, "it")
    docker.stop_daemon(hard=True)
    result = command.result()
    assert result["result"] == "unavailable", result
    docker.start_daemon()
