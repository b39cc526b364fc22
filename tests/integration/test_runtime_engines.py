# SPDX-License-Identifier: Apache-2.0
"""The docker runtime alone, against a real dockerd and a real Podman."""

import os
import time

import pytest

from daemons.http import Refused
from daemons.process import wait_until
from daemons.recorder import Recorder
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


# --- lists, descriptions, removal -------------------------------------------

FAILING = {"Healthcheck": {"Test": ["CMD-SHELL", "echo broken; exit 3"],
                           "Interval": 500_000_000, "Timeout": 5_000_000_000,
                           "Retries": 2}}


def listed(engine):
    results = Operation(engine, "list", "all").results()
    assert results.pop()["result"] == "ok", results
    return {one["container"]: one for one in results}


def described(engine, name):
    container, result = Operation(engine, "describe", name).results()
    assert result["result"] == "ok", result
    return container


def remove(engine, name, **options):
    return operate(engine, "remove", name, **options)


def unhealthy(engine, name):
    """Until it is; Podman has its checks run by systemd, or by us."""
    def look():
        if engine.kind == "podman":
            engine.api("GET", f"/libpod/containers/{name}/healthcheck")
        return engine.state(name)["Health"]["Status"] == "unhealthy"
    wait_until(look, 20, f"{name} to be unhealthy")


def test_list(engine):
    assert listed(engine) == {}
    engine.run("web", OBEDIENT, Labels={"a": "b", "empty": ""})
    engine.run("done", ["/bin/sh", "-c", "exit 3"])
    engine.create("new", OBEDIENT)
    engine.run("held", OBEDIENT)
    engine.pause("held")
    wait_until(lambda: not engine.state("done")["Running"], 10, "its end")
    found = listed(engine)
    assert set(found) == {"web", "done", "new", "held"}
    web = found["web"]
    assert web["id"] == engine.inspect("web")["Id"]
    assert web["labels"] == {"a": "b", "empty": ""}
    assert web["image"].endswith("bb:latest")
    assert abs(web["created"] / 1000 - time.time()) < 100
    assert not web["detailed"]
    # Podman's list does not say whether there is a check
    assert web["health"] == ("none" if engine.kind == "docker" else "unsaid")
    assert {name: one["status"] for name, one in found.items()} == {
        "web": "running", "done": "exited", "new": "other", "held": "paused"}
    assert found["done"]["exit_code"] == 3
    engine.unpause("held")


def test_description(engine):
    engine.run("web", OBEDIENT, Labels={"a": "b"}, **FAILING)
    # IpcMode needs a parent that shares its own
    engine.run("child", OBEDIENT, network="container:web",
               host_config={"PidMode": "container:web", "RestartPolicy":
                            {"Name": "unless-stopped"}})
    unhealthy(engine, "web")
    web, child = described(engine, "web"), described(engine, "child")
    assert web["detailed"]
    assert web["status"] == "running"
    assert web["health"] == "unhealthy"
    assert web["streak"] >= 2
    assert web["check_output"] == "broken"
    assert web["check_exit_code"] == (3 if engine.kind == "docker" else 1)
    assert web["labels"] == {"a": "b"}
    assert web["image"].endswith("bb:latest")
    assert web["policy"] == "no"
    assert abs(web["started"] / 1000 - time.time()) < 100
    assert web["finished"] == 0
    assert web["network_of"] is None
    assert child["health"] == "none"
    assert child["network_of"] == web["id"]
    assert child["pid_of"] in (web["id"], "web")
    assert child["policy"] == "unless-stopped"

    engine.stop_container("child")
    child = described(engine, "child")
    assert child["status"] == "exited"
    assert child["stopped_by_hand"]
    assert child["finished"] >= child["started"] > 0


def test_podmans_own_action(podman):
    podman.kind = "podman"
    for name, action in (("own", 2), ("other", 0)):
        podman.api("POST", "/libpod/containers/create", {
            "name": name, "image": "bb:latest", "command": OBEDIENT,
            "netns": {"nsmode": "none"}, "health_check_on_failure_action":
            action, "healthconfig": {"Test": ["CMD", "/bin/true"]}})
        podman._containers.append(name)
    assert described(podman, "own")["own_action"]
    assert not described(podman, "other")["own_action"]


def test_remove(engine):
    engine.run("web", OBEDIENT)
    web = engine.inspect("web")["Id"]
    assert remove(engine, web)["result"] == "left_alone"
    engine.pause("web")
    assert remove(engine, web)["result"] == "left_alone"
    assert engine.state("web")["Paused"]
    engine.unpause("web")
    engine.stop_container("web")
    assert remove(engine, web)["result"] == "ok"
    assert engine.names() == []
    assert remove(engine, web)["result"] == "ok"


def test_volumes_go_only_when_asked_for(engine):
    def volumes():
        found = engine.api("GET", "/volumes")["Volumes"] or []
        return {one["Name"] for one in found}
    before = volumes()
    for name in ("kept", "gone"):
        engine.create(name, OBEDIENT, Volumes={"/data": {}})
    assert len(volumes() - before) == 2
    assert remove(engine, "kept")["result"] == "ok"
    assert len(volumes() - before) == 2
    assert operate(engine, "remove", "gone", volumes=True)["result"] == "ok"
    left = volumes() - before
    assert len(left) == 1
    engine.api("DELETE", f"/volumes/{left.pop()}")


# --- events -----------------------------------------------------------------

class Watch:
    """runtime-tool following the events; ends by itself after @seconds."""

    def __init__(self, engine, seconds, **options):
        self._operation = Operation(engine, "watch", "all",
                                    watch=int(seconds * 1000), **options)

    def opened(self):
        assert self._operation.line() == {"opened": True}

    def events(self):
        """Of all containers: (event, name); and how the stream ended."""
        lines = self._operation.results()
        self.end = lines.pop()
        self.all = [line for line in lines if "event" in line]
        return [(line["event"], line["name"]) for line in self.all]


def test_events(engine):
    watch = Watch(engine, 6)
    watch.opened()
    engine.run("web", OBEDIENT)
    engine.kill("web", "TERM")
    wait_until(lambda: not engine.state("web")["Running"], 10, "its end")
    engine.start("web")
    engine.pause("web")
    engine.unpause("web")
    engine.api("POST", "/containers/web/rename?name=gate")
    engine.kill("gate")
    wait_until(lambda: not engine.state("gate")["Running"], 10, "its end")
    web = engine.inspect("gate")["Id"]
    engine.remove("gate")
    events = watch.events()
    assert events == [
        ("created", "web"), ("started", "web"), ("asked", "web"),
        ("ended", "web"), ("started", "web"), ("paused", "web"),
        ("resumed", "web"), ("renamed", "gate"), ("asked", "gate"),
        ("ended", "gate"), ("removed", "gate")]
    assert {line["id"] for line in watch.all} == {web}
    assert [line["exit_code"] for line in watch.all
            if line["event"] == "ended"] == [0, 137]
    assert abs(watch.all[0]["time_ns"] / 1e9 - time.time()) < 100
    assert watch.end["code"] == -125    # cancelled
    assert "following its events" in watch.end["closed"]


def test_events_of_health(engine):
    watch = Watch(engine, 5)
    watch.opened()
    engine.run("web", OBEDIENT, **FAILING)
    unhealthy(engine, "web")
    events = watch.events()
    if engine.kind == "docker":
        # one, though the check has failed often; and of the exec of each,
        # which are three events, not a word
        assert events == [("created", "web"), ("started", "web"),
                          ("health", "web")]
        assert watch.all[-1]["health"] == "unhealthy"
    else:
        assert set(events) == {("created", "web"), ("started", "web"),
                               ("health", "web")}


def test_the_engine_keeps_the_noise_to_itself(docker, directory):
    """Not only that the runtime drops it: it is never sent."""
    class Recorded:
        kind = "docker"
        socket = os.path.join(directory, "recorded.sock")
    recorder = Recorder(Recorded.socket, docker.socket)
    try:
        watch = Watch(Recorded, 5)
        watch.opened()
        docker.run("web", OBEDIENT, **FAILING)
        unhealthy(docker, "web")
        assert ("health", "web") in watch.events()
        answers = b"".join(data for _, data in recorder.answers())
    finally:
        recorder.stop()
    assert b'"health_status: unhealthy"' in answers
    assert b"exec" not in answers


def test_events_since(engine):
    before = time.time_ns() - 1
    engine.run("web", OBEDIENT)
    watch = Watch(engine, 2, since=before)
    assert watch.events() == [("created", "web"), ("started", "web")]
    created = watch.all[0]["time_ns"]
    assert before < created < time.time_ns()
    later = Watch(engine, 2, since=created).events()
    # what it has seen it does not see again; Podman counts more coarsely
    assert later == [("started", "web")] or engine.kind == "podman"
    assert ("started", "web") in later


def test_the_engine_ends_the_stream(docker):
    watch = Watch(docker, 60)
    watch.opened()
    docker.stop_daemon(hard=True)
    assert watch.events() == []
    assert watch.end["code"] == -107    # not connected
    assert "the stream ended" in watch.end["closed"]
    docker.start_daemon()
