# SPDX-License-Identifier: Apache-2.0
"""Rules over containers, against an engine that can be made to do anything:
a thousand of them at once, storms, streams that break at every event, silence,
restarts that take long or leave the container stopped."""

import os
import re
import tempfile
import time

import pytest

from daemons.bouncer import program, rule, settings
from daemons.scripted_docker import ScriptedDocker

MANY = 1000
CROWD = 4000            # their list is more than sockets hold
STORM = 2000            # events at once, in pieces of about fifty
STORMS = 5              # the cheapest counts: load only ever adds to it
STORM_BUDGET = 0.6      # seconds of CPU for 50,000 events


@pytest.fixture
def engine(directory):
    path = os.path.join(tempfile.mkdtemp(prefix="engine-", dir=directory),
                        "docker.sock")
    peer = ScriptedDocker(path)
    peer.start()
    yield peer
    peer.stop()


def watching(engine, *rules, **keys):
    return settings(*rules, socket_docker=engine.socket,
                    **{"max_parallel": 64, **keys})


def known(running, n, state="good"):
    """Until so many members are in that state."""
    return running.wait_for(
        lambda b: sum(one["state"] == state
                      for one in b.monitors().values()) == n,
        60, f"{n} {state}")


def add_many(engine, n=MANY):
    names = [f"web-{i}" for i in range(n)]
    for name in names:
        engine.add(name, labels={"com.example.role": "web"})
    return names


def restarted(running, engine, names, timeout=60):
    """Until each was, and is healthy again."""
    running.wait_for(lambda b: set(engine.restarts()) >= set(names), timeout,
                     f"{len(names)} restarts")
    running.wait_for(
        lambda b: all(one["state"] in ("good", "cooling")
                      for one in b.monitors().values()), timeout,
        "all of them well")


def resident_kib(running, key="VmRSS"):
    with open(f"/proc/{running.process.pid}/status", encoding="utf-8") as f:
        return int(re.search(key + r":\s+(\d+)", f.read()).group(1))


def cpu_seconds(running):
    with open(f"/proc/{running.process.pid}/schedstat",
              encoding="utf-8") as f:
        return int(f.read().split()[0]) / 1e9


def sanitized():
    with open(program(), "rb") as f:
        return b"__asan_init" in f.read()


# --- numbers ------------------------------------------------------------------

def test_a_thousand_at_once(engine, bouncer):
    names = add_many(engine)
    running = bouncer(watching(engine, rule()))
    known(running, MANY)
    before = resident_kib(running)
    engine.set_health(names, "unhealthy")
    restarted(running, engine, names)
    peak = resident_kib(running, "VmHWM")
    # none lost, none twice
    assert sorted(engine.restarts()) == sorted(names)
    assert running.alive
    if not sanitized():
        assert peak - before <= 5 * 1024, (before, peak)


def names_of(reply):
    """Of a whole answer: every monitor once."""
    names = [one["name"] for one in reply.json()["monitors"]]
    assert len(names) == len(set(names))
    return set(names)


def test_a_list_outlives_the_containers_in_it(engine, bouncer):
    """Read slowly while half of them go, and while the rules change: what has
    begun is whole, and its last is as true as its first."""
    names = add_many(engine, CROWD)
    shown = {f"health/{name}" for name in names}
    running = bouncer(watching(engine, rule(forget_after="1s",
                                            max_containers=CROWD)))
    known(running, CROWD)

    paths = ("/api/v1/monitors", "/metrics", "/")
    slow = [running.client.begin(path) for path in paths]
    for name in names[:CROWD // 2]:
        engine.remove(name)
    running.wait_for(lambda b: len(b.monitors()) == CROWD // 2, 60,
                     "half of them forgotten")
    listed, _, page = (rest() for rest in slow)
    # the last of it is made when the first of them goes
    assert names_of(listed) == shown
    assert page.text.endswith("</html>\n")

    slow = [running.client.begin(path) for path in paths]
    running.reload(watching(engine, rule("other", max_containers=CROWD)))
    running.wait_for(lambda b: {name.split("/")[0]
                                for name in b.monitors()}
                     == {"other"}, 60, "another rule")
    listed, _, page = (rest() for rest in slow)
    assert names_of(listed) == {f"health/{name}"
                                for name in names[CROWD // 2:]}
    assert page.text.endswith("</html>\n")
    assert not any("cut short" in line for line in running.log_lines())


def test_a_storm_of_unrelated_events(engine, bouncer):
    """As if the engine did not filter: nothing is asked, little is spent."""
    engine.add("web")
    running = bouncer(watching(engine, rule(), check_interval="10s"))
    known(running, 1)
    events = [("exec_create: /bin/sh -c true", f"{i:064x}",
               {"execID": "e" * 64, "image": "nginx:latest", "name": f"n{i}",
                "com.docker.compose.project": "shop"})
              for i in range(STORM)]
    time.sleep(1)   # what the start has left to do is not counted
    asked = len(engine.requests)
    engine.glued = True     # what a wake-up costs is the machine's
    costs = []
    for _ in range(STORMS):
        sent, spent = engine.n_sent, cpu_seconds(running)
        engine.emit(events)
        running.wait_for(lambda b: engine.n_sent - sent >= len(events), 60,
                         "the storm to pass")
        time.sleep(0.1)     # sent is not yet read
        spent = cpu_seconds(running) - spent
        costs.append(spent / len(events) * 50000)
    print("s of CPU for 50,000 events:",
          *(f"{cost:.2f}" for cost in costs))
    assert len(engine.requests) - asked <= 2
    assert set(running.monitors()) == {"health/web"}
    if not sanitized():
        assert min(costs) <= STORM_BUDGET, costs
    engine.set_health("web", "unhealthy")
    running.wait_recovered("health/web")


# --- streams ------------------------------------------------------------------

def test_a_stream_that_is_cut_after_every_event(engine, bouncer):
    names = add_many(engine, 20)
    running = bouncer(watching(engine, rule()))
    known(running, len(names))
    engine.cut_after = 1
    for name in names:
        engine.set_health(name, "unhealthy")
    restarted(running, engine, names)
    assert sorted(engine.restarts()) == sorted(names)
    # the events that it has missed come with the next stream, each once
    running.wait_for(lambda b: engine.n_streams > len(names), 60, "streams")


def test_what_happened_while_the_stream_was_down(engine, bouncer):
    """More than an engine keeps: the list finds the rest."""
    names = add_many(engine, 300)
    running = bouncer(watching(engine, rule()))
    known(running, len(names))
    engine.go_away()
    engine.set_health(names, "unhealthy")
    running.wait_for(lambda b: engine.n_open_streams == 0, 20, "its end")
    engine.start()
    restarted(running, engine, names)
    assert sorted(engine.restarts()) == sorted(names)


# --- the engine is away -------------------------------------------------------

def test_absent_at_the_start(engine, bouncer):
    engine.go_away()
    engine.add("web")
    running = bouncer(watching(engine, rule()))
    running.wait_log("level=warn")
    engine.start()
    known(running, 1)
    engine.set_health("web", "unhealthy")
    running.wait_recovered("health/web")
    assert engine.restarts() == ["web"]


def test_gone_and_back_again_and_again(engine, bouncer):
    engine.add("web")
    running = bouncer(watching(engine, rule(max_bounces=0, cooldown="0s")))
    known(running, 1)
    for n in range(1, 4):
        engine.go_away()
        known(running, 1, "unknown")
        engine.start()
        known(running, 1)
        engine.set_health("web", "unhealthy")
        running.wait_for(lambda b, n=n: len(engine.restarts()) == n, 30,
                         "its restart")
        known(running, 1)
    assert running.alive


def test_silent(engine, bouncer):
    """It accepts, and answers nothing, for longer than a list takes."""
    engine.add("web")
    running = bouncer(watching(engine, rule(), resync_interval="1s"))
    known(running, 1)
    engine.silent = True
    time.sleep(4)   # the time itself is what is tested
    assert running.alive
    assert running.client.answers("/-/healthy")
    engine.set_health("web", "unhealthy")
    time.sleep(1)
    assert engine.restarts() == []
    engine.silent = False
    running.wait_recovered("health/web")
    assert engine.restarts() == ["web"]


def test_replaced_by_one_of_another_version(engine, bouncer):
    engine.add("web")
    running = bouncer(watching(engine, rule()))
    known(running, 1)
    engine.go_away()
    engine.api, engine.oldest = "1.55", "1.44"
    engine.start()
    known(running, 1)
    engine.set_health("web", "unhealthy")
    running.wait_recovered("health/web")
    assert engine.restarts() == ["web"]


def test_too_old_a_version_in_plain_text(engine, bouncer):
    """Under a connection that stays: the next request is refused."""
    engine.add("web")
    running = bouncer(watching(engine, rule(), resync_interval="1s"))
    known(running, 1)
    engine.api, engine.oldest = "1.52", "1.44"
    running.wait_log("the engine refuses our version")
    engine.set_health("web", "unhealthy")
    running.wait_recovered("health/web")
    assert engine.restarts() == ["web"]


# --- restarts -----------------------------------------------------------------

def test_a_restart_that_takes_longer_than_its_step_may(engine, bouncer):
    engine.add("web", restart={"delay": 3})
    running = bouncer(watching(engine, rule(
        steps=[{"type": "restart", "timeout": "1s"}])))
    known(running, 1)
    engine.set_health("web", "unhealthy")
    running.wait_for(lambda b: b.steps("health/web"), 20, "the end of a step")
    running.wait_for(lambda b: engine.containers[f"{1:064x}"].running, 20,
                     "its return")
    known(running, 1)
    # asked for once: the engine was at it, and nobody hung up
    assert engine.restarts() == ["web"]


def test_a_failing_restart_leaves_it_stopped(engine, bouncer):
    engine.add("web", restart={"fails": 7})
    running = bouncer(watching(engine, rule()))
    known(running, 1)
    engine.set_health("web", "unhealthy")
    running.wait_for(lambda b: not engine.containers[f"{1:064x}"].running,
                     20, "its stop")
    running.wait_for(lambda b: engine.containers[f"{1:064x}"].running, 90,
                     "its return")
    known(running, 1)


def test_a_restart_whose_connection_is_lost(engine, bouncer):
    engine.add("web", restart={"hangs_up": 1})
    running = bouncer(watching(engine, rule()))
    known(running, 1)
    engine.set_health("web", "unhealthy")
    running.wait_recovered("health/web")
    assert engine.restarts() == ["web"]


def test_the_parent_of_its_network_is_gone(engine, bouncer):
    """It cannot be started; the others are none the worse."""
    parent = engine.add("parent")
    engine.add("child", parent=parent.id)
    engine.add("other")
    running = bouncer(watching(engine, rule()))
    known(running, 3)
    engine.remove("parent")
    engine.set_health(["child", "other"], "unhealthy")
    running.wait_recovered("health/other")
    failed = running.wait_step("health/child", "failed", timeout=60)
    assert "No such container" in str(failed)
    assert running.alive


def test_a_person_stops_it(engine, bouncer):
    """Docker calls a stopped one unhealthy: not a word from us."""
    engine.add("web")
    engine.add("witness")
    running = bouncer(watching(engine, rule()))
    known(running, 2)
    engine.end("web", 137)
    engine.set_health("witness", "unhealthy")
    running.wait_recovered("health/witness")
    assert engine.restarts() == ["witness"]
    assert not engine.asked("POST", "/containers/0*1/start")


# --- ladders that stop it -----------------------------------------------------

@pytest.mark.parametrize("first", ["stop", "kill"])
def test_a_ladder_that_stops_and_starts(engine, bouncer, first):
    """What a step has stopped, the next one starts, though it says no more
    that it is sick."""
    engine.add("web", policy="unless-stopped")
    running = bouncer(watching(engine, rule(
        steps=[{"type": first}, {"type": "start"}])))
    known(running, 1)
    engine.set_health("web", "unhealthy")
    running.wait_recovered("health/web")
    assert len(running.steps("health/web", "ok")) == 2
    assert len(engine.asked("POST", f"/containers/0*1/{first}")) == 1
    assert len(engine.asked("POST", "/containers/0*1/start")) == 1
    assert engine.restarts() == []


def test_what_a_ladder_kills_another_rule_starts(engine, bouncer):
    """Nobody has stopped it, whatever the engine infers; but whoever is told
    to stop it, means it."""
    for name in ("killed", "stopped"):
        engine.add(name, policy="unless-stopped")
    running = bouncer(watching(
        engine,
        rule("kills", select={"name": ["killed"]}, steps=[{"type": "kill"}]),
        rule("stops", select={"name": ["stopped"]}, steps=[{"type": "stop"}]),
        rule("starts", watch="exited", cooldown="1s")))
    known(running, 4)
    engine.set_health("stopped", "unhealthy")
    running.wait_step("stops/stopped", "ok")
    engine.set_health("killed", "unhealthy")
    running.wait_step("kills/killed", "ok")
    running.wait_step("starts/killed", "ok")
    running.wait_state("starts/killed", "good")
    assert not engine.asked("POST", "/containers/0*2/start")
    assert running.steps("starts/stopped") == []


def test_a_reload_forgets_no_end(engine, bouncer):
    """It crashed, and waits to be started, when the configuration is read
    anew; a person's stop stays one."""
    engine.add("crashed")
    engine.add("stopped")
    crash = rule("starts", watch="exited", **{"for": "3s"})
    running = bouncer(watching(engine, crash))
    known(running, 2)
    engine.end("crashed", 1)
    running.wait_state("starts/crashed", "breached")
    engine.stop_by_hand("stopped")
    running.reload(watching(engine, crash, rule("other",
                                                select={"name": ["x"]})))
    running.wait_step("starts/crashed", "ok")
    assert not engine.asked("POST", "/containers/0*2/start")
