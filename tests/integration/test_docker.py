# SPDX-License-Identifier: Apache-2.0
"""Against a real dockerd and a real Pushgateway: what goes quiet is restarted,
and what must be left alone is."""

from daemons.bouncer import monitor, settings
from daemons.exporter import WAKE, pushes
from daemons.process import wait_until

import pytest


def run_pusher(dockerd, pushgateway, name, network="host", **options):
    """A container that pushes, and has been seen to."""
    keys = {key: options.pop(key) for key in ("stubborn", "once")
            if key in options}
    dockerd.run(name, pushes(pushgateway, name, **keys), network=network,
                **options)
    wait_until(lambda: f'job="{name}"' in pushgateway.metrics(), 20,
               f"a push of {name}")


def docker_settings(dockerd, pushgateway, *monitors, **keys):
    return settings(*monitors, push_gw=pushgateway.url,
                    socket_docker=dockerd.socket, **keys)


def on_docker(name, **keys):
    return monitor(name, type="docker", container_name=name,
                   **{"restart_type": "container", **keys})


def test_restarts_what_hangs_and_sees_it_recover(dockerd, pushgateway,
                                                 bouncer):
    run_pusher(dockerd, pushgateway, "quiet")
    run_pusher(dockerd, pushgateway, "lively")
    before = {name: dockerd.started_at(name) for name in ("quiet", "lively")}
    running = bouncer(docker_settings(dockerd, pushgateway,
                                      on_docker("quiet"), on_docker("lively")))
    running.wait_state("quiet", "good")
    running.wait_state("lively", "good")

    dockerd.kill("quiet", "USR1")
    running.wait_recovered("quiet")

    assert dockerd.started_at("quiet") != before["quiet"]
    assert dockerd.started_at("lively") == before["lively"]
    assert running.state("quiet") == "good"
    assert running.metric("bouncer_bounces_total", monitor="quiet",
                          result="recovered") == 1
    assert running.metric("bouncer_bounces_total", monitor="lively") == 0
    assert len(running.steps("quiet")) == 1


def test_runs_a_command_in_the_container(dockerd, pushgateway, bouncer):
    run_pusher(dockerd, pushgateway, "quiet")
    before = dockerd.started_at("quiet")
    running = bouncer(docker_settings(dockerd, pushgateway, on_docker(
        "quiet", restart_type="command", restart_command=WAKE)))
    running.wait_state("quiet", "good")
    dockerd.kill("quiet", "USR1")
    running.wait_recovered("quiet")
    assert dockerd.started_at("quiet") == before
    assert running.metric("bouncer_steps_total", monitor="quiet",
                          step="exec", result="ok") == 1


@pytest.mark.parametrize("command, code", [
    (["/bin/sh", "-c", "echo no such luck >&2; exit 7"], "7"),
    (["/bin/sh", "-c", "exit 255"], "255"),
    (["/no/such/program"], "12"),     # 126 or 127, as the engine likes
])
def test_exit_code_decides(dockerd, pushgateway, bouncer, command, code):
    run_pusher(dockerd, pushgateway, "quiet", once=True)
    running = bouncer(docker_settings(dockerd, pushgateway, on_docker(
        "quiet", restart_type="command", restart_command=command,
        max_bounces=1)))
    step = running.wait_step("quiet", "failed")
    assert code in step["detail"]
    running.wait_state("quiet", "gave_up")
    assert len(running.steps("quiet")) == 1
    assert running.metric("bouncer_bounces_total", monitor="quiet",
                          result="failed") == 1


def test_ladder_takes_the_next_step_when_one_fails(dockerd, pushgateway,
                                                   bouncer):
    run_pusher(dockerd, pushgateway, "quiet")
    before = dockerd.started_at("quiet")
    laddered = on_docker("quiet", steps=[
        {"type": "exec", "command": ["/bin/false"]}, {"type": "restart"}])
    del laddered["restart_type"]
    running = bouncer(docker_settings(dockerd, pushgateway, laddered))
    running.wait_state("quiet", "good")
    dockerd.kill("quiet", "USR1")
    running.wait_recovered("quiet")
    taken = [(step["step"], step["result"])
             for step in running.steps("quiet")]
    assert taken == [("exec", "failed"), ("restart", "ok")]
    assert dockerd.started_at("quiet") != before


def test_kills_what_ignores_sigterm(dockerd, pushgateway, bouncer):
    run_pusher(dockerd, pushgateway, "stubborn", stubborn=True, StopTimeout=60)
    before = dockerd.started_at("stubborn")
    running = bouncer(docker_settings(dockerd, pushgateway, on_docker(
        "stubborn", stop_timeout="1s")))
    running.wait_state("stubborn", "good")
    dockerd.kill("stubborn", "USR1")
    running.wait_recovered("stubborn", timeout=20)
    assert dockerd.started_at("stubborn") != before


def test_waits_as_long_as_the_container_wants(dockerd, pushgateway, bouncer):
    """Nobody configured a timeout, so the container's own counts, however
    long it is for a caller in a hurry."""
    run_pusher(dockerd, pushgateway, "slow", stubborn=True, StopTimeout=14)
    running = bouncer(docker_settings(dockerd, pushgateway,
                                      on_docker("slow")))
    running.wait_state("slow", "good")
    dockerd.kill("slow", "USR1")
    running.wait_recovered("slow", timeout=40)
    assert [step["result"] for step in running.steps("slow")] == ["ok"]


def test_leaves_a_paused_container_alone(dockerd, pushgateway, bouncer):
    run_pusher(dockerd, pushgateway, "paused")
    before = dockerd.started_at("paused")
    running = bouncer(docker_settings(dockerd, pushgateway,
                                      on_docker("paused")))
    running.wait_state("paused", "good")
    dockerd.pause("paused")
    running.wait_for(lambda b: b.held_by("paused", "person"),
                     what="held because of a person")
    assert dockerd.state("paused")["Paused"]
    assert dockerd.started_at("paused") == before

    dockerd.unpause("paused")
    running.wait_state("paused", "good")
    assert dockerd.started_at("paused") == before
    assert running.steps("paused", "ok") == []


def test_leaves_what_a_person_stopped(dockerd, pushgateway, bouncer):
    run_pusher(dockerd, pushgateway, "stopped",
               host_config={"RestartPolicy": {"Name": "unless-stopped"}})
    running = bouncer(docker_settings(dockerd, pushgateway,
                                      on_docker("stopped")))
    running.wait_state("stopped", "good")
    dockerd.stop_container("stopped")
    running.wait_for(lambda b: b.held_by("stopped", "person"),
                     what="held because of a person")
    assert not dockerd.state("stopped")["Running"]


def test_target_that_does_not_exist(dockerd, pushgateway, bouncer):
    pushgateway.push("ghost")
    running = bouncer(docker_settings(dockerd, pushgateway, on_docker(
        "ghost", max_bounces=2, cooldown="300ms")))
    step = running.wait_step("ghost", "no_target")
    assert "ghost" in step["detail"]
    running.wait_state("ghost", "gave_up")
    assert len(running.steps("ghost")) == 2
    assert running.metric("bouncer_bounces_total", monitor="ghost",
                          result="failed") == 2


def test_command_that_hangs_is_not_started_twice(dockerd, pushgateway,
                                                 bouncer):
    run_pusher(dockerd, pushgateway, "hanging", once=True)
    running = bouncer(docker_settings(dockerd, pushgateway, on_docker(
        "hanging", restart_type="command", timeout="1s", cooldown="500ms",
        restart_command=["/bin/sleep", "12345"], max_bounces=2)))
    running.wait_step("hanging", "timed_out")
    running.wait_state("hanging", "gave_up")
    processes = dockerd.api("GET", "/containers/hanging/top")["Processes"]
    assert sum("12345" in " ".join(line) for line in processes) == 1
    assert [step["result"] for step in running.steps("hanging")] == [
        "timed_out", "busy"]


@pytest.mark.parametrize("hard", [False, True],
                         ids=["asked to end", "killed"])
def test_dockerd_goes_away_in_the_middle_of_a_bounce(dockerd, pushgateway,
                                                     bouncer, hard):
    run_pusher(dockerd, pushgateway, "victim", stubborn=True, StopTimeout=5)
    before = dockerd.started_at("victim")
    running = bouncer(docker_settings(
        dockerd, pushgateway,
        on_docker("victim", cooldown="1s", max_bounces=10)))
    running.wait_state("victim", "good")
    dockerd.kill("victim", "USR1")
    running.wait_state("victim", "bouncing")
    dockerd.restart_daemon(hard=hard)

    # the restart may be over before the engine ends, and what the engine then
    # stops is for the next bounce
    running.wait_for(lambda b: b.state("victim") == "good" and
                     dockerd.state("victim")["Running"], 90,
                     "good, and running")
    assert dockerd.started_at("victim") != before


def test_no_engine_costs_no_budget(dockerd, pushgateway, bouncer):
    run_pusher(dockerd, pushgateway, "quiet")
    running = bouncer(docker_settings(dockerd, pushgateway, on_docker(
        "quiet", cooldown="300ms", backoff_max="1s", max_bounces=1)))
    running.wait_state("quiet", "good")
    dockerd.kill("quiet", "USR1")
    dockerd.stop_daemon()
    running.wait_for(lambda b: len(b.steps("quiet", "unavailable")) >= 3,
                     what="three tries without an engine")
    assert running.state("quiet") != "gave_up"
    dockerd.start_daemon()
    running.wait_state("quiet", "good")
    assert dockerd.state("quiet")["Running"]


def test_one_target_is_bounced_once_for_two_monitors(dockerd, pushgateway,
                                                     bouncer):
    run_pusher(dockerd, pushgateway, "shared", stubborn=True)
    both = [{**on_docker("shared", stop_timeout="1s"), "name": name}
            for name in ("first", "second")]
    running = bouncer(docker_settings(dockerd, pushgateway, *both))
    running.wait_state("first", "good")
    running.wait_state("second", "good")
    before = dockerd.started_at("shared")
    dockerd.kill("shared", "USR1")
    running.wait_for(
        lambda b: (b.steps("first") or b.steps("second")) and all(
            shown["state"] == "good" for shown in b.monitors().values()),
        what="good again after a bounce")
    assert len(running.steps("first") + running.steps("second")) == 1
    assert dockerd.started_at("shared") != before
