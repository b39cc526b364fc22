# SPDX-License-Identifier: Apache-2.0
"""Steering the daemon: over its control socket with curl, and over `addr`
with a token."""

import grp
import json
import os
import signal
import stat
import subprocess

from daemons.bouncer import Bouncer, monitor, program, settings
from daemons.http import Client
from daemons.process import Process, free_port

CURL_SECONDS = 20


def quiet_host(name, **keys):
    """One whose step is seen in the journal and harms nobody."""
    return monitor(name, type="host", **{
        "steps": [{"type": "log", "message": f"bounce {name}"}],
        "cooldown": "1s", "verify_within": "30s", "max_age": "1h", **keys})


class Control:
    """Asks with curl, as people do."""

    def __init__(self, *where):
        self.where = where

    def ask(self, path, body=None, method=None):
        """(status, value)."""
        method = method or ("GET" if body is None else "POST")
        asked = subprocess.run(
            ["curl", "-sS", "-m", str(CURL_SECONDS), "-X", method,
             "-w", "\n%{http_code}", *self.where[:-1],
             *(["-d", json.dumps(body)] if body is not None else []),
             self.where[-1] + path],
            capture_output=True, text=True, check=True, timeout=60)
        text, _, code = asked.stdout.rpartition("\n")
        return int(code), json.loads(text)

    def post(self, path, body=None):
        return self.ask(path, body, "POST")


def control_of(one):
    return Control("--unix-socket", one.socket, "http://bouncer")


def steps(one, name):
    return len(one.steps(name))


def test_socket_mode_and_group(bouncer, scripted_gateway):
    group = grp.getgrgid(os.getgid()).gr_name
    one = bouncer(settings(quiet_host("a"), push_gw=scripted_gateway.url,
                           control_group=group))
    found = os.stat(one.socket)
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o660
    assert found.st_gid == os.getgid()
    status, shown = control_of(one).ask("/api/v1/daemon")
    assert status == 200
    assert shown["pid"] == one.process.pid
    assert shown["pause"] is None

    # what a dead one left is replaced; an orderly end leaves nothing
    one.process.kill()
    assert os.path.exists(one.socket)
    one.start()
    assert control_of(one).ask("/api/v1/daemon")[0] == 200
    assert one.end() == 0
    assert not os.path.exists(one.socket)


def test_no_control_socket(bouncer, scripted_gateway):
    """Nobody asked for the default path: that it cannot be opened is said,
    and is not the end."""
    yaml = settings(quiet_host("a"), push_gw=scripted_gateway.url)
    one = bouncer(yaml, env={"RUNTIME_DIRECTORY": "/proc/none"})
    one.wait_log("no control socket")
    assert one.client.answers("/-/healthy")

    two = bouncer(settings(quiet_host("a"), push_gw=scripted_gateway.url,
                           control_socket="/proc/none/control.sock"),
                  ready=False)
    assert two.process.wait(20) == 1


def test_pause_survives_a_crash(bouncer, scripted_gateway):
    one = bouncer(settings(quiet_host("a"), quiet_host("b"),
                           push_gw=scripted_gateway.url))
    control = control_of(one)
    status, said = control.post("/api/v1/pause",
                                {"monitor": "a", "reason": "move"})
    assert (status, said) == (200, {"monitor": "a", "until": None,
                                    "saved": True})
    one.process.kill()  # what was answered is on disk
    one.start()
    pause = one.monitors()["a"]["pause"]
    assert pause["reason"] == "move"
    assert pause["by"] == "operator"
    assert one.state("b") != "paused"

    # a monitor that comes while all are paused is paused, too
    assert control.post("/api/v1/pause")[0] == 200
    one.reload(settings(quiet_host("a"), quiet_host("b"), quiet_host("c"),
                        push_gw=scripted_gateway.url))
    one.wait_for(lambda b: "c" in b.monitors(), what="c")
    assert one.state("c") == "paused"
    assert control.post("/api/v1/resume")[0] == 200
    one.wait_for(lambda b: b.state("c") != "paused", what="c resumed")
    assert one.state("a") == "paused"
    status, said = control.post("/api/v1/resume", {"monitor": "b"})
    assert status == 409 and "not paused" in said["error"]
    assert control.post("/api/v1/resume", {"monitor": "a"})[0] == 200
    one.process.kill()
    one.start()
    assert one.state("a") != "paused"


def test_pause_that_cannot_be_kept(bouncer, scripted_gateway):
    """No state_dir: it is in force, and said to be forgotten."""
    one = bouncer(settings(quiet_host("a"), push_gw=scripted_gateway.url,
                           state_dir="none"))
    status, said = control_of(one).post("/api/v1/pause")
    assert (status, said["saved"]) == (200, False)
    assert one.state("a") == "paused"
    told = subprocess.run([program(), "resume", "--socket", one.socket],
                          capture_output=True, text=True, check=True,
                          timeout=CURL_SECONDS)
    assert "a restart forgets it" in told.stdout


def test_state_dir_is_for_one(bouncer, scripted_gateway, directory):
    """Two would undo each other's promises; a dead one is not in the way,
    nor is a child of it that lives on."""
    state = os.path.join(directory, "shared-state")
    yaml = settings(
        monitor("a", type="host", max_age="1s",
                steps=[{"type": "run", "command": ["sleep", "20"],
                        "timeout": "60s"}]),
        push_gw=scripted_gateway.url, state_dir=state)
    one = bouncer(yaml)
    one.wait_state("a", "bouncing")
    two = Bouncer(os.path.join(directory, "second"))
    try:
        two.start(yaml, ready=False)
        assert two.process.wait(20) == 1
        assert f"state_dir {state} is in use" in two.log_tail()
        one.process.kill()
        two.start(yaml)
    finally:
        two.kill()


def test_pause_ends_by_itself(bouncer, scripted_gateway):
    one = bouncer(settings(quiet_host("a"), push_gw=scripted_gateway.url))
    status, said = control_of(one).post("/api/v1/pause", {"for_seconds": 1})
    assert status == 200 and said["until"]
    assert one.state("a") == "paused"
    one.wait_for(lambda b: b.state("a") != "paused", what="the end of it")
    assert any(entry["reason"] == "pause is over" for entry in one.journal())


def test_configured_pause(bouncer, scripted_gateway):
    one = bouncer(settings(quiet_host("a", paused=True),
                           push_gw=scripted_gateway.url))
    assert one.monitors()["a"]["pause"]["by"] == "configuration"
    status, said = control_of(one).post("/api/v1/resume", {"monitor": "a"})
    assert status == 409 and "configuration" in said["error"]


def test_bounce_by_hand(bouncer, scripted_gateway):
    """Whatever holds: it is quiet, and we have only just started."""
    one = bouncer(settings(quiet_host("a", start_grace="1h"),
                           push_gw=scripted_gateway.url,
                           quiet=["00:00-24:00"]))
    control = control_of(one)
    path = "/api/v1/monitors/a/bounce"
    status, said = control.post(path, {"dry_run": True})
    assert status == 200
    assert "Would do now: log: bounce a." in said["lines"]
    assert steps(one, "a") == 0

    status, said = control.post(path)
    assert status == 202
    assert any("quiet" in line for line in said["lines"])
    one.wait_step("a", "ok")
    assert any(entry["reason"] == "bounce ordered by an operator"
               for entry in one.journal())
    assert control.post("/api/v1/monitors/x/bounce")[0] == 404


def test_quiet_holds(bouncer, scripted_gateway):
    """It is watched all the same: bad, and held."""
    one = bouncer(settings(quiet_host("a", max_age="1s", cooldown="0s"),
                           push_gw=scripted_gateway.url, timezone="UTC",
                           quiet=["00:00-24:00"]))
    one.wait_for(lambda b: b.held_by("a", "quiet"), what="held by quiet")
    assert steps(one, "a") == 0
    assert one.metric("bouncer_held_total", monitor="a", guard="quiet") >= 1
    status, said = control_of(one).ask("/api/v1/monitors/a/explain")
    assert status == 200
    assert any("Held by quiet" in line for line in said["lines"])
    assert said["steps"] == ["log: bounce a"]


def test_reload_says_what_is_wrong(bouncer, scripted_gateway):
    yaml = settings(quiet_host("a"), push_gw=scripted_gateway.url)
    one = bouncer(yaml)
    control = control_of(one)
    assert control.post("/api/v1/reload") == (200, {"monitors": 1})
    one.write_config(settings(quiet_host("a", max_age="soon"),
                              push_gw=scripted_gateway.url))
    status, said = control.post("/api/v1/reload")
    assert status == 422
    assert any("max_age" in problem and "is not a duration" in problem
               for problem in said["problems"])
    assert control.ask("/api/v1/daemon")[1]["reload_ok"] is False

    # the socket moves with the configuration; the answer still comes
    moved = os.path.join(one.directory, "moved.sock")
    one.write_config(settings(quiet_host("a"), push_gw=scripted_gateway.url,
                              control_socket=moved))
    assert control.post("/api/v1/reload") == (200, {"monitors": 1})
    one.socket = moved
    assert control_of(one).ask("/api/v1/daemon")[0] == 200


def test_addr_moves_on_its_port(bouncer, scripted_gateway):
    """The old listener on all addresses is in the way of the new one on a
    single one; it is back when that cannot be had, either."""
    yaml = settings(quiet_host("a"), push_gw=scripted_gateway.url)
    one = bouncer(yaml, ready=False)
    one.process.kill()
    environment = {"STATE_DIRECTORY": f"{one.directory}/state",
                   "RUNTIME_DIRECTORY": one.directory}
    port = free_port()
    one.client = Client(f"http://127.0.0.1:{port}")

    def with_addr(addr, **keys):
        return settings(quiet_host("a"), push_gw=scripted_gateway.url,
                        addr=addr, **keys)

    one.write_config(with_addr(f":{port}"))
    one.process = Process([program(), "run", "--config", one.config],
                          one.log, env=environment, cwd=one.directory)
    one.process.wait_ready(lambda: one.client.answers("/-/ready"), 20)
    control = control_of(one)

    one.write_config(with_addr(f"127.0.0.1:{port}",
                               control_socket="/proc/none/control.sock"))
    assert control.post("/api/v1/reload")[0] == 422
    one.wait_log("reload failed", "/proc/none")
    assert one.client.answers("/-/healthy")
    assert Client(f"http://127.0.0.2:{port}").answers("/-/healthy")

    one.write_config(with_addr(f"127.0.0.1:{port}"))
    assert control.post("/api/v1/reload")[0] == 200
    assert one.client.answers("/-/healthy")
    assert not Client(f"http://127.0.0.2:{port}").answers("/-/healthy")


def test_who_may_steer_over_the_network(bouncer, scripted_gateway):
    one = bouncer(settings(quiet_host("a"), push_gw=scripted_gateway.url))
    status, said = Control(one.url).post("/api/v1/pause")
    assert status == 403 and "control socket" in said["error"]

    token = os.path.join(one.directory, "token")
    with open(token, "w", encoding="utf-8",
              opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
        out.write("# operators\nright\n")
    config = json.loads(settings(quiet_host("a"),
                                 push_gw=scripted_gateway.url))
    config["auth"] = {"token_file": token}
    one.reload(json.dumps(config))
    one.wait_for(lambda b: Control(b.url).post("/api/v1/pause")[0] == 401,
                 what="a token is asked for")
    wrong = Control("-H", "Authorization: Bearer wrong", one.url)
    right = Control("-H", "Authorization: Bearer right", one.url)
    assert wrong.post("/api/v1/pause")[0] == 401
    assert one.state("a") != "paused"
    assert right.post("/api/v1/pause")[0] == 200
    assert one.state("a") == "paused"
    assert one.metric("bouncer_api_refused_total", reason="token") >= 2
    assert one.metric("bouncer_api_refused_total", reason="access") == 1
    # reading needs none, and the control socket needs none at all
    assert Control(one.url).ask("/api/v1/monitors")[0] == 200
    assert control_of(one).post("/api/v1/resume")[0] == 200

    os.chmod(token, 0o644)
    one.process.signal(signal.SIGHUP)
    one.wait_log("reload failed", "chmod o-rw")
    assert right.post("/api/v1/pause")[0] == 200


def test_stream_shows_a_bounce(bouncer, scripted_gateway):
    one = bouncer(settings(quiet_host("a"), push_gw=scripted_gateway.url))
    with subprocess.Popen(
            ["curl", "-sSN", "-m", str(CURL_SECONDS), "--unix-socket",
             one.socket, "http://bouncer/api/v1/stream?monitor=a"],
            stdout=subprocess.PIPE, text=True) as curl:
        assert curl.stdout.readline() == ":\n"
        assert control_of(one).post("/api/v1/monitors/a/bounce")[0] == 202
        seen = []
        for line in curl.stdout:
            seen.append(line.rstrip("\n"))
            if line.startswith("data:") and '"event":"step"' in line:
                break
        curl.terminate()
    assert "event: daemon" in seen
    assert "event: step" in seen
    assert json.loads(seen[-1][len("data: "):])["result"] == "ok"


def test_health(bouncer, scripted_gateway):
    one = bouncer(settings(quiet_host("a"), push_gw=scripted_gateway.url))
    control = control_of(one)
    one.wait_for(lambda _: control.ask("/api/v1/health") ==
                 (200, {"ok": True}), what="healthy")
    scripted_gateway.stop()
    one.wait_for(lambda _: control.ask("/api/v1/health")[0] == 503,
                 what="not healthy")
