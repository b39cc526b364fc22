# SPDX-License-Identifier: Apache-2.0
"""Faults that other tools fell over, each against an engine that can be made
to have it: pieces of events, containers without names, words of versions to
come, versions that are refused, restarts that somebody gave up on, hooks and
receivers that never end."""

import os
import signal
import socket
import time

import pytest

from daemons.bouncer import rule, settings
from daemons.process import wait_until
from test_engine_scripted import (add_many, engine, known, restarted,
                                  watching)
from test_notify import with_notifications

__all__ = ["engine"]    # the fixture

FIRST = f"{1:064x}"     # the id of the container that was added first


def make_sick(engine, running, name="web"):
    engine.set_health(name, "unhealthy")
    running.wait_recovered(f"health/{name}")


# --- what it sends ------------------------------------------------------------

@pytest.mark.parametrize("how", ["bytewise", "glued"])
def test_events_in_pieces(engine, bouncer, how):
    """A byte at a time, and many in one piece."""
    names = add_many(engine, 5)
    setattr(engine, how, True)
    running = bouncer(watching(engine, rule()))
    known(running, len(names))
    engine.set_health(names, "unhealthy")
    restarted(running, engine, names)
    assert sorted(engine.restarts()) == sorted(names)
    assert engine.n_streams == 1


@pytest.mark.parametrize("api", ["1.41", "1.52", "1.55"])
def test_words_that_nobody_knows(engine, bouncer, api):
    """Objects of versions to come; from 1.52 on a list tells of health."""
    engine.api = api
    engine.extra = {"Future": {"a": [1, {"b": None}], "Id": "no", "": "x" * 99},
                    "\u00fc": "\U0001f600\"\\", "Zeros": [[], {}, 0, -1e9]}
    engine.add("web", health="unhealthy")
    engine.add("plain", health=None)
    running = bouncer(watching(engine, rule()))
    running.wait_recovered("health/web")
    engine.set_health("web", "unhealthy")
    running.wait_for(lambda b: engine.restarts() == ["web", "web"], 30,
                     "another restart")
    assert set(running.monitors()) == {"health/web", "health/plain"}


def test_a_container_without_a_name(engine, bouncer):
    """Dead ones often have none; everybody else is watched as ever."""
    engine.add("dead", nameless=True).status = "dead"
    engine.add("nobody", nameless=True)
    engine.add("web")
    running = bouncer(watching(engine, rule(), resync_interval="1s"))
    running.wait_for(lambda b: b.monitors().get("health/web", {}).get("state")
                     == "good", 20, "web")
    engine.set_health("nobody", "unhealthy")
    make_sick(engine, running)
    assert running.alive
    assert "dead" not in engine.restarts()


@pytest.mark.parametrize("api, oldest", [("1.30", "1.12"), ("1.55", "1.52")])
def test_another_version_from_one_request_to_the_next(engine, bouncer, api,
                                                      oldest):
    """Too new for it, or too old, said in plain text while we are connected.
    Of one that is older than we may be nothing is known, and that is said."""
    engine.api = "1.41"
    engine.add("web")
    running = bouncer(watching(engine, rule(), resync_interval="1s"))
    known(running, 1)
    engine.api, engine.oldest = api, oldest
    if api == "1.30":
        make_sick(engine, running)
        assert engine.restarts() == ["web"]
        return
    running.wait_log("API version")
    assert running.alive
    engine.oldest = "1.24"
    known(running, 1)
    make_sick(engine, running)


# --- restarts that take long --------------------------------------------------

def test_an_old_engine_cancels_for_who_hangs_up(engine, bouncer):
    """Nobody does: the step is over its time, the restart goes on."""
    engine.cancels = True
    engine.add("web", restart={"delay": 3})
    running = bouncer(watching(engine, rule(
        steps=[{"type": "restart", "timeout": "1s"}])))
    known(running, 1)
    engine.set_health("web", "unhealthy")
    running.wait_for(lambda b: b.steps("health/web"), 20, "the end of a step")
    running.wait_for(lambda b: engine.containers[FIRST].running and
                     engine.containers[FIRST].health == "healthy", 20,
                     "its return")
    assert engine.restarts() == ["web"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_we_end_while_an_old_engine_restarts(engine, bouncer, how):
    """What was cancelled by our end is down; the next run brings it back."""
    engine.cancels = True
    engine.add("web", restart={"delay": 3})
    yaml = watching(engine, rule())
    running = bouncer(yaml)
    known(running, 1)
    engine.set_health("web", "unhealthy")
    running.wait_for(lambda b: engine.restarts(), 20, "the request")
    if how == signal.SIGKILL:
        running.kill()
        wait_until(lambda: not engine.containers[FIRST].running, 20, "its end")
        running.start(yaml)
        running.wait_for(lambda b: engine.containers[FIRST].running, 30,
                         "its return")
        known(running, 1)
    else:
        # it is seen to its end
        assert running.end() == 0
        assert engine.containers[FIRST].running
    assert engine.restarts() == ["web"]


def test_long_starting_is_waited_for(engine, bouncer):
    """After our restart its checks take a while: that is no new reason."""
    engine.add("web", restart={"heals": 3})
    running = bouncer(watching(engine, rule(cooldown="0s", max_bounces=0),
                               resync_interval="1s"))
    known(running, 1)
    make_sick(engine, running)
    assert engine.restarts() == ["web"]


# --- silence ------------------------------------------------------------------

def test_silent_for_longer_than_we_wait(engine, bouncer):
    """It is told that nothing is known, and all is found again."""
    names = add_many(engine, 20)
    running = bouncer(watching(engine, rule(), resync_interval="1s"))
    known(running, len(names))
    engine.silent = True
    running.wait_for(lambda b: all(one["state"] == "unknown" for one
                                   in b.monitors().values()), 90,
                     "that it knows nothing")
    engine.set_health(names, "unhealthy")
    assert engine.restarts() == []
    engine.silent = False
    restarted(running, engine, names)
    assert sorted(engine.restarts()) == sorted(names)


# --- hooks and receivers that never end ---------------------------------------

def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_hook_that_never_ends(engine, bouncer, tmp_path):
    """It is ended after its time, which is a veto, and holds up nobody."""
    begun = tmp_path / "begun"
    engine.add("web")
    engine.add("other")
    running = bouncer(watching(
        engine,
        rule(select={"name": ["web"]}, before_timeout="1s", cooldown="1h",
             before=["/bin/sh", "-c", f"echo $$ >{begun}.new; "
                     f"mv {begun}.new {begun}; trap '' TERM; "
                     "while :; do sleep 1; done"]),
        rule("second", select={"name": ["other"]})))
    running.wait_for(lambda b: len(b.monitors()) == 2, 20, "both")
    engine.set_health("web", "unhealthy")
    running.wait_for(lambda b: begun.exists(), 20, "the hook")
    engine.set_health("other", "unhealthy")
    running.wait_recovered("second/other")
    step = running.wait_step("health/web", "vetoed")
    assert "says no" in step["detail"]
    assert engine.restarts() == ["other"]
    pid = int(begun.read_text())
    running.wait_for(lambda b: gone(pid), 20, "the end of the hook")


def test_a_hook_is_told_why(engine, bouncer, tmp_path):
    facts = tmp_path / "facts"
    engine.add("web")
    running = bouncer(watching(engine, rule(before=[
        "/bin/sh", "-c", f"env >{facts}.new; mv {facts}.new {facts}"])))
    known(running, 1)
    make_sick(engine, running)
    said = dict(line.split("=", 1)
                for line in facts.read_text().splitlines() if "=" in line)
    assert said["BOUNCER_MONITOR"] == "health/web"
    assert said["BOUNCER_CONTAINER"] == "web"
    assert said["BOUNCER_CONTAINER_ID"] == FIRST
    assert said["BOUNCER_RUNTIME"] == "docker"
    assert said["BOUNCER_OUTPUT"] == "refused"
    assert said["BOUNCER_EXIT_CODE"] == "1"
    assert said["BOUNCER_ATTEMPT"] == "1"
    assert "unhealthy" in said["BOUNCER_REASON"]


@pytest.fixture
def deaf():
    """Somebody who takes connections and never answers; its URL."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    listener.close()


def test_receivers_that_hang_or_fail(engine, bouncer, deaf, receiver):
    """Nobody waits for them, others are told, and we end when asked to."""
    names = add_many(engine, 5)
    for _ in range(1000):
        receiver.answer(500)
    running = bouncer(with_notifications(
        watching(engine, rule()),
        {"name": "deaf", "url": deaf, "timeout": "1s", "max_tries": 2},
        {"name": "broken", "url": receiver.url + "/broken", "max_tries": 2},
    ))
    known(running, len(names))
    engine.set_health(names, "unhealthy")
    restarted(running, engine, names)
    # bounced and recovered of each, each of them tried twice
    receiver.wait_told(4, "/broken")
    for name in ("deaf", "broken"):
        running.wait_log("notification not delivered", f"notification={name}")
    assert running.metric("bouncer_notifications_total", result="sent") == 0
    begun = time.monotonic()
    assert running.end() == 0
    assert time.monotonic() - begun < 15


def test_a_webhook_step_that_hangs(engine, bouncer, deaf):
    """It is a step that timed out: the next of the ladder has its turn."""
    engine.add("web")
    running = bouncer(watching(engine, rule(verify_within="1s", steps=[
        {"type": "webhook", "url": deaf, "timeout": "1s"},
        {"type": "restart"}])))
    known(running, 1)
    make_sick(engine, running)
    assert running.steps("health/web")[0]["result"] in ("timed_out", "failed")
    assert engine.restarts() == ["web"]


def test_what_cannot_be_read_kills_nobody(bouncer, tmp_path):
    """An engine's socket that belongs to somebody else altogether."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        running = bouncer(settings(rule(), socket_docker=path,
                                   resync_interval="1s"))
        for _ in range(5):
            peer, _ = listener.accept()
            peer.sendall(b"-ERR unknown command\r\n")
            peer.close()
        assert running.alive
        assert running.client.answers("/-/healthy")
