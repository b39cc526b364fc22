# SPDX-License-Identifier: Apache-2.0
"""Rules over containers, against a real dockerd: what its health check calls
sick is restarted, what ended is started or removed, and everybody else is left
alone."""

import os
import signal
import tempfile
import time

import pytest

from daemons.bouncer import rule, settings
from daemons.docker import Docker, checked, checked_command
from daemons.process import wait_until
from test_control import Control


def watching(dockerd, *rules, **keys):
    return settings(*rules, socket_docker=dockerd.socket, **keys)


def seen(running, name, state="good"):
    """Until the member is known, and in that state."""
    running.wait_for(
        lambda b: b.monitors().get(name, {}).get("state") == state, 20,
        f"{name} {state}")


def compose(project, service, number=1):
    return {"com.docker.compose.project": project,
            "com.docker.compose.service": service,
            "com.docker.compose.container-number": str(number)}


# --- health ---------------------------------

def test_restarts_what_is_unhealthy(dockerd, bouncer):
    dockerd.run_checked("web")
    dockerd.run_checked("other")
    before = {name: dockerd.started_at(name) for name in ("web", "other")}
    running = bouncer(watching(dockerd, rule()))
    seen(running, "health/web")
    seen(running, "health/other")

    dockerd.make_sick("web")
    step = running.wait_step("health/web", "ok", timeout=10)
    running.wait_recovered("health/web")

    assert step["step"] == "restart"
    assert dockerd.started_at("web") != before["web"]
    assert dockerd.started_at("other") == before["other"]
    assert len(running.steps("health/web")) == 1
    assert running.steps("health/other") == []
    assert running.metric("bouncer_bounces_total", monitor="health/web",
                          result="recovered") == 1


def test_finds_what_was_sick_before_it_came(dockerd, bouncer):
    dockerd.run_checked("web")
    dockerd.make_sick("web")
    dockerd.wait_health("web", "unhealthy")
    running = bouncer(watching(dockerd, rule()))
    running.wait_for(lambda b: "health/web" in b.monitors(), 20, "its member")
    running.wait_recovered("health/web")


def test_leaves_paused_containers_alone(dockerd, bouncer):
    """Docker calls a healthy one unhealthy while it is paused."""
    dockerd.run_checked("web")
    dockerd.run_checked("witness")
    running = bouncer(watching(dockerd, rule(), resync_interval="1s"))
    seen(running, "health/web")
    before = dockerd.started_at("web")
    dockerd.pause("web")
    dockerd.wait_health("web", "unhealthy")
    # whatever is to come has come, when another one was restarted after it
    dockerd.make_sick("witness")
    running.wait_recovered("health/witness")
    lists = running.metric("bouncer_engine_lists_total") or 0
    running.wait_for(lambda b: (b.metric("bouncer_engine_lists_total") or 2)
                     >= lists + 2, 20, "two more lists")
    dockerd.unpause("web")
    dockerd.wait_health("web", "healthy")
    seen(running, "health/web")
    assert dockerd.started_at("web") == before
    assert running.steps("health/web") == []


def test_restarts_what_was_sick_when_resumed(dockerd, bouncer):
    """Docker calls it unhealthy while it is paused, and so says nothing when
    its check then fails."""
    dockerd.run_checked("web", interval=2)
    running = bouncer(watching(dockerd, rule(), resync_interval="1h"))
    seen(running, "health/web")
    before = dockerd.started_at("web")
    dockerd.make_sick("web")
    dockerd.pause("web")
    dockerd.wait_health("web", "unhealthy")
    assert dockerd.state("web")["Health"]["FailingStreak"] == 0
    dockerd.unpause("web")
    running.wait_step("health/web", "ok")
    running.wait_recovered("health/web")
    assert dockerd.started_at("web") != before
    assert len(running.steps("health/web")) == 1


def test_opt_out_and_swarm_and_auto_remove(dockerd, bouncer):
    dockerd.run_checked("web")
    dockerd.run_checked("shy", Labels={"bouncer.ignore": "TRUE"})
    dockerd.run_checked("task", Labels={"com.docker.swarm.task.id": "x1"})
    dockerd.run_checked("fleeting", host_config={"AutoRemove": True})
    running = bouncer(watching(dockerd, rule()))
    seen(running, "health/web")
    for name in ("shy", "task", "fleeting"):
        dockerd.make_sick(name)
        dockerd.wait_health(name, "unhealthy")
    dockerd.make_sick("web")
    running.wait_recovered("health/web")
    # of the last one a list does not say that it is to be left alone
    assert set(running.monitors()) <= {"health/web", "health/fleeting"}
    assert running.metric("bouncer_steps_total", result="ok") == 1


@pytest.mark.parametrize("select, chosen", [
    ({"label": ["autoheal=true"]}, {"labelled"}),
    ({"name": ["lab*"]}, {"labelled"}),
    ({"prefix": ["com"]}, {"composed"}),
    ({"project": ["shop"]}, {"shop/web/1"}),
    ({"service": ["web"], "label": ["com.docker.compose.project=sho?"]},
     {"shop/web/1"}),
    ({"image": ["bb:*"]}, {"labelled", "shop/web/1", "plain"}),
])
def test_selects(dockerd, bouncer, select, chosen):
    dockerd.run_checked("labelled", Labels={"autoheal": "true"})
    dockerd.run_checked("composed", Labels=compose("shop", "web"))
    dockerd.run_checked("plain", Labels={"autoheal": "false"})
    names = {"shop/web/1" if name == "composed" else name for name in chosen}
    running = bouncer(watching(dockerd, rule(select=select)))
    running.wait_for(
        lambda b: set(b.monitors()) == {f"health/{name}" for name in names},
        20, f"members {names}")
    running.wait_for(
        lambda b: all(monitor["state"] == "good"
                      for monitor in b.monitors().values()), 20, "all good")


def test_excludes(dockerd, bouncer):
    dockerd.run_checked("web")
    dockerd.run_checked("base-db", Labels=compose("shop", "db"))
    running = bouncer(watching(dockerd, rule(exclude={"project": ["shop"]})))
    seen(running, "health/web")
    assert set(running.monitors()) == {"health/web"}


def test_waits_as_long_as_for_says(dockerd, bouncer):
    dockerd.run_checked("web")
    running = bouncer(watching(dockerd, rule(for_="3s")))
    seen(running, "health/web")
    dockerd.make_sick("web")
    dockerd.wait_health("web", "unhealthy")
    running.wait_state("health/web", "breached", timeout=5)
    dockerd.make_well("web")
    seen(running, "health/web")
    assert running.steps("health/web") == []
    dockerd.make_sick("web")
    began = time.monotonic()
    running.wait_step("health/web", "ok")
    assert time.monotonic() - began >= 3


def test_grace_after_the_start(dockerd, bouncer):
    dockerd.run_checked("web")
    running = bouncer(watching(dockerd, rule(grace="6s")))
    running.wait_for(lambda b: "health/web" in b.monitors(), 20, "its member")
    before = dockerd.start_time("web")
    dockerd.make_sick("web")
    dockerd.wait_health("web", "unhealthy")
    running.wait_step("health/web", "ok")
    assert (dockerd.start_time("web") - before).total_seconds() >= 6


def test_gives_up_until_it_is_well(dockerd, bouncer):
    dockerd.run_checked("web")
    running = bouncer(watching(dockerd, rule(max_bounces=2, cooldown="0s",
                                             window="1h")))
    seen(running, "health/web")
    dockerd.make_sick("web", for_ever=True)
    running.wait_state("health/web", "gave_up", timeout=60)
    assert len(running.steps("health/web", "ok")) == 2
    dockerd.make_well("web")
    seen(running, "health/web")


def test_each_has_its_own_budget(dockerd, bouncer):
    dockerd.run_checked("web")
    dockerd.run_checked("db")
    running = bouncer(watching(dockerd, rule(max_bounces=1, cooldown="0s")))
    seen(running, "health/web")
    seen(running, "health/db")
    dockerd.make_sick("web", for_ever=True)
    running.wait_state("health/web", "gave_up", timeout=60)
    dockerd.make_sick("db")
    running.wait_recovered("health/db")
    assert running.state("health/web") == "gave_up"


def test_waits_for_the_containers_own_stop_timeout(dockerd, bouncer):
    dockerd.run_checked("web", stubborn=True, StopTimeout=3)
    running = bouncer(watching(dockerd, rule()))
    seen(running, "health/web")
    dockerd.make_sick("web")
    dockerd.wait_health("web", "unhealthy")
    began = time.monotonic()
    running.wait_step("health/web", "ok", timeout=30)
    assert 2 <= time.monotonic() - began < 12
    running.wait_recovered("health/web")


def test_twenty_that_ignore_sigterm(dockerd, bouncer):
    """One after the other that would be two minutes."""
    names = [f"web{i}" for i in range(20)]
    for name in names:
        dockerd.run_checked(name, stubborn=True, StopTimeout=6)
    running = bouncer(watching(dockerd, rule(), max_parallel=20))
    for name in names:
        seen(running, f"health/{name}")
    for name in names:
        dockerd.make_sick(name)
    begun = time.monotonic()
    for name in names:
        running.wait_recovered(f"health/{name}", timeout=60)
    assert time.monotonic() - begun < 60
    for name in names:
        assert len(running.steps(f"health/{name}")) == 1


def test_dry_run(dockerd, bouncer):
    dockerd.run_checked("web")
    running = bouncer(watching(dockerd, rule(dry_run=True)))
    seen(running, "health/web")
    before = dockerd.started_at("web")
    dockerd.make_sick("web")
    running.wait_step("health/web", "dry_run")
    assert dockerd.started_at("web") == before


def test_pause_and_bounce_by_hand(dockerd, bouncer):
    dockerd.run_checked("web")
    running = bouncer(watching(dockerd, rule()))
    seen(running, "health/web")
    control = Control("--unix-socket", running.socket, "http://bouncer")
    assert control.post("/api/v1/pause", {"monitor": "health"})[0] == 200
    running.wait_state("health/web", "paused")
    # who comes later is paused, too; and whoever restarts us
    dockerd.run_checked("db")
    seen(running, "health/db", "paused")
    assert running.end() == 0
    running.start()
    seen(running, "health/web", "paused")
    before = dockerd.started_at("web")
    dockerd.make_sick("web")
    dockerd.wait_health("web", "unhealthy")
    assert control.post("/api/v1/monitors/health%2Fweb/bounce")[0] in (200,
                                                                      202)
    running.wait_step("health/web", "ok")
    assert dockerd.started_at("web") != before
    assert control.post("/api/v1/resume", {"monitor": "health"})[0] == 200
    seen(running, "health/web")
    seen(running, "health/db")


def test_quiet_window_holds(dockerd, bouncer):
    dockerd.run_checked("web")
    running = bouncer(watching(dockerd, rule(
        quiet=["Mon-Sun 00:00-24:00"])))
    seen(running, "health/web")
    before = dockerd.started_at("web")
    dockerd.make_sick("web")
    running.wait_for(lambda b: b.held_by("health/web", "quiet"), 20,
                     "held by the quiet window")
    assert dockerd.started_at("web") == before


def test_storm_of_an_engine_is_held(dockerd, bouncer):
    names = [f"web{i}" for i in range(4)]
    for name in names:
        dockerd.run_checked(name)
    running = bouncer(watching(dockerd, rule(for_="4s"), storm_share=50,
                               storm_min=3, storm_window="1m"))
    for name in names:
        seen(running, f"health/{name}")
    before = {name: dockerd.started_at(name) for name in names}
    dockerd.make_sick("web0")
    running.wait_recovered("health/web0")
    for name in names[1:]:
        dockerd.make_sick(name)
    for name in names[1:]:
        running.wait_for(lambda b, name=name:
                         b.held_by(f"health/{name}", "storm"), 30,
                         f"{name} held by the storm")
        assert dockerd.started_at(name) == before[name]


def test_brings_back_what_could_not_start(dockerd, bouncer, directory):
    """The engine stopped it for our restart and cannot start it: it is owed,
    whatever the rules say, and tried again until it runs."""
    place = tempfile.mkdtemp(prefix="mount-", dir=directory)
    dockerd.run_checked("web", host_config={"Mounts": [
        {"Type": "bind", "Source": place, "Target": "/mnt"}]})
    running = bouncer(watching(dockerd, rule(max_bounces=1),
                               rule("exited", "exited")))
    seen(running, "health/web")
    os.rename(place, place + ".away")
    dockerd.make_sick("web")
    running.wait_step("health/web", "failed")
    assert not dockerd.state("web")["Running"]
    os.rename(place + ".away", place)
    wait_until(lambda: dockerd.state("web")["Running"], 30, "web runs again")
    dockerd.wait_health("web", "healthy")
    seen(running, "health/web")
    seen(running, "exited/web")
    # by the promise, as nobody else's doing
    assert running.steps("exited/web") == []


# --- identity ---------------------------------

def test_history_survives_recreation(dockerd, bouncer):
    dockerd.run_checked("web")
    running = bouncer(watching(dockerd, rule(max_bounces=1, cooldown="0s")))
    seen(running, "health/web")
    dockerd.make_sick("web")
    running.wait_recovered("health/web")
    dockerd.remove("web")
    running.wait_for(lambda b: b.state("health/web") != "good" or True, 5,
                     "its leaving")
    dockerd.run_checked("web")
    dockerd.wait_health("web", "healthy")
    seen(running, "health/web")
    dockerd.make_sick("web")
    running.wait_state("health/web", "gave_up")
    assert len(running.steps("health/web", "ok")) == 1


def test_history_belongs_to_the_service(dockerd, bouncer):
    """As compose recreates: the new one under another name first."""
    labels = compose("shop", "web")
    dockerd.run_checked("shop-web-1", Labels=labels)
    running = bouncer(watching(dockerd, rule(max_bounces=1, cooldown="0s")))
    seen(running, "health/shop/web/1")
    dockerd.make_sick("shop-web-1")
    running.wait_recovered("health/shop/web/1")

    dockerd.create("abc_shop-web-1", checked_command(),
                   Healthcheck=checked(), Labels=labels)
    dockerd.stop_container("shop-web-1")
    dockerd.remove("shop-web-1")
    dockerd.api("POST", "/containers/abc_shop-web-1/rename?name=shop-web-1")
    dockerd.start("shop-web-1")
    dockerd.wait_health("shop-web-1", "healthy")
    seen(running, "health/shop/web/1")
    running.wait_for(lambda b: b.monitors()["health/shop/web/1"]["container"]
                     == "shop-web-1", 20, "its new name")
    assert set(running.monitors()) == {"health/shop/web/1"}
    dockerd.make_sick("shop-web-1")
    running.wait_state("health/shop/web/1", "gave_up")
    assert len(running.steps("health/shop/web/1", "ok")) == 1


def test_history_survives_our_own_restart(dockerd, bouncer):
    dockerd.run_checked("web")
    yaml = watching(dockerd, rule(max_bounces=1, cooldown="0s"))
    running = bouncer(yaml)
    seen(running, "health/web")
    dockerd.make_sick("web")
    running.wait_recovered("health/web")
    assert running.end() == 0
    running.start(yaml)
    seen(running, "health/web")
    dockerd.make_sick("web")
    running.wait_state("health/web", "gave_up")


def test_reload_keeps_what_members_went_through(dockerd, bouncer):
    dockerd.run_checked("web")
    running = bouncer(watching(dockerd, rule(max_bounces=1, cooldown="0s")))
    seen(running, "health/web")
    dockerd.make_sick("web")
    running.wait_recovered("health/web")
    # nothing changed, then the rule did
    for keys in ({}, {"grace": "1s"}):
        n = running.metric("bouncer_config_reloads_total", result="ok") or 0
        running.reload(watching(dockerd, rule(max_bounces=1, cooldown="0s",
                                              **keys)))
        running.wait_log("configuration reloaded")
        running.wait_for(
            lambda b, n=n: (b.metric("bouncer_config_reloads_total",
                                     result="ok") or 0) > n, 10, "reload")
        seen(running, "health/web")
    dockerd.make_sick("web")
    running.wait_state("health/web", "gave_up")


def test_limit_of_containers(dockerd, bouncer):
    for name in ("one", "two", "three"):
        dockerd.run_checked(name)
    running = bouncer(watching(dockerd, rule(max_containers=2)))
    running.wait_for(lambda b: len(b.monitors()) == 2, 20, "two members")
    running.wait_log("covers as many as it may", "max_containers=2")


def test_forgets_who_is_gone(dockerd, bouncer):
    dockerd.run_checked("web")
    dockerd.run_checked("db")
    running = bouncer(watching(dockerd, rule(forget_after="1s")))
    seen(running, "health/web")
    dockerd.remove("web")
    running.wait_for(lambda b: set(b.monitors()) == {"health/db"}, 20,
                     "only one left")


# --- ends ---------------------------------

def test_starts_what_crashed(dockerd, bouncer):
    for name in ("crashes", "stopped", "done"):
        dockerd.run(name, ["/bin/sh", "-c",
                           "trap 'exit 0' USR1; trap 'exit 7' USR2; "
                           "while :; do sleep 1000 & wait; done"])
    running = bouncer(watching(dockerd, rule("exited", "exited")))
    for name in ("crashes", "stopped", "done"):
        seen(running, f"exited/{name}")
    dockerd.stop_container("stopped")
    dockerd.kill("done", "USR1")
    dockerd.wait_ended("done")
    before = dockerd.started_at("crashes")
    dockerd.exec("crashes", "/bin/kill", "-USR2", "1")
    running.wait_step("exited/crashes", "ok")
    running.wait_recovered("exited/crashes")
    assert dockerd.started_at("crashes") != before
    assert not dockerd.state("stopped")["Running"]
    assert not dockerd.state("done")["Running"]
    assert running.steps("exited/stopped") == []
    assert running.steps("exited/done") == []


def cleanup(**keys):
    return rule("cleanup", "exited", steps=[{"type": "remove"}], **keys)


def end_with(dockerd, name, code, **options):
    dockerd.run(name, ["/bin/sh", "-c", f"exit {code}"], **options)
    dockerd.wait_ended(name)


def test_removes_what_is_finished(dockerd, bouncer):
    end_with(dockerd, "good", 0)
    end_with(dockerd, "bad", 3)
    dockerd.run("runs", ["/bin/sleep", "1000"])
    running = bouncer(watching(dockerd, cleanup(max_age="1s")))
    running.wait_for(lambda b: "good" not in dockerd.names(), 20, "removal")
    assert {"bad", "runs"} <= set(dockerd.names())
    running.wait_step("cleanup/good", "ok")
    end_with(dockerd, "later", 0)
    running.wait_for(lambda b: "later" not in dockerd.names(), 20, "removal")
    assert {"bad", "runs"} <= set(dockerd.names())


def test_removes_by_codes_and_keeps_the_last(dockerd, bouncer):
    for i in range(4):
        end_with(dockerd, f"job{i}", 143 if i % 2 else 0)
    end_with(dockerd, "bad", 1)
    running = bouncer(watching(dockerd, cleanup(exit_codes="0,143",
                                                keep_last=2)))
    running.wait_for(lambda b: not {"job0", "job1"} & set(dockerd.names()),
                     20, "removal")
    seen(running, "cleanup/bad")
    assert {"job2", "job3", "bad"} <= set(dockerd.names())


def test_dry_run_of_a_cleanup(dockerd, bouncer):
    end_with(dockerd, "good", 0)
    running = bouncer(watching(dockerd, cleanup(dry_run=True)))
    running.wait_step("cleanup/good", "dry_run")
    assert "good" in dockerd.names()


# --- what happens to the engine ---------------------------------

@pytest.fixture
def own_dockerd(directory):
    """One that may be stopped and started."""
    docker = Docker(tempfile.mkdtemp(prefix="docker2-", dir=directory))
    docker.start_first()
    yield docker
    docker.stop()


ALWAYS = {"RestartPolicy": {"Name": "always"}}


def test_engine_absent_at_start(own_dockerd, bouncer):
    own_dockerd.run_checked("web", host_config=ALWAYS)
    own_dockerd.stop_daemon()
    running = bouncer(watching(own_dockerd, rule()))
    running.wait_log("level=warn")
    own_dockerd.start_daemon()
    own_dockerd.wait_health("web", "healthy")
    seen(running, "health/web")
    own_dockerd.make_sick("web")
    running.wait_recovered("health/web")


def test_engine_restarts(own_dockerd, bouncer):
    own_dockerd.run_checked("web", host_config=ALWAYS)
    running = bouncer(watching(own_dockerd, rule()))
    seen(running, "health/web")
    own_dockerd.restart_daemon()
    own_dockerd.wait_health("web", "healthy")
    seen(running, "health/web")
    own_dockerd.make_sick("web")
    running.wait_recovered("health/web")
    assert running.alive


def test_engine_is_silent_for_a_while(own_dockerd, bouncer):
    own_dockerd.run_checked("web")
    running = bouncer(watching(own_dockerd, rule(), resync_interval="1s"))
    seen(running, "health/web")
    own_dockerd.signal(signal.SIGSTOP)
    try:
        time.sleep(5)   # the time itself is what is tested
        assert running.alive
    finally:
        own_dockerd.signal(signal.SIGCONT)
    own_dockerd.make_sick("web")
    running.wait_recovered("health/web")


def test_restarted_in_the_middle_of_a_restart(dockerd, bouncer):
    """We die while the container stops: whatever the engine made of it, it
    runs in the end, and the bounce counts."""
    dockerd.run_checked("web", stubborn=True, StopTimeout=3)
    yaml = watching(dockerd, rule(max_bounces=1, cooldown="0s"))
    running = bouncer(yaml)
    seen(running, "health/web")
    before = dockerd.started_at("web")
    dockerd.make_sick("web")
    running.wait_state("health/web", "bouncing")
    running.kill()
    running.start(yaml)
    wait_until(lambda: dockerd.started_at("web") != before and
               dockerd.state("web")["Running"], 30, "its restart")
    dockerd.wait_health("web", "healthy")
    seen(running, "health/web")


def test_two_engines(dockerd, own_dockerd, bouncer):
    for engine in (dockerd, own_dockerd):
        engine.run_checked("web")
    sockets = [f"unix://{engine.socket}" for engine in (dockerd, own_dockerd)]
    running = bouncer(settings(rule(endpoints=sockets)))
    names = [f"health/{socket}/web" for socket in sockets]
    for name in names:
        seen(running, name)
    before = dockerd.started_at("web")
    own_dockerd.make_sick("web")
    running.wait_recovered(names[1])
    assert dockerd.started_at("web") == before
    assert running.steps(names[0]) == []
