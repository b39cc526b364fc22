# SPDX-License-Identifier: Apache-2.0
"""Against a real LXD. Instances have no network: the test pushes for them."""

from daemons.bouncer import monitor, settings
from daemons.lxd import GRACEFUL

import pytest


def lxd_settings(lxd, pushgateway, *monitors):
    for one in monitors:
        one["type"] = lxd.kind
    return settings(*monitors, push_gw=pushgateway.url,
                    **{f"socket_{lxd.kind}": lxd.socket})


def on_lxd(name, **keys):
    return monitor(name, type="lxd", container_name=name, verify_within="10s",
                   **{"restart_type": "container", **keys})


@pytest.mark.parametrize("config", [GRACEFUL, {}],
                         ids=["graceful", "ignores the signal"])
def test_restarts_gracefully_or_by_force(lxd, pushgateway, bouncer, config):
    lxd.launch("quiet", config=config)
    before = lxd.pid("quiet")
    pushgateway.push("quiet")
    running = bouncer(lxd_settings(lxd, pushgateway, on_lxd(
        "quiet", stop_timeout="2s")))
    running.wait_step("quiet", "ok")
    assert lxd.state("quiet") == "Running"
    assert lxd.pid("quiet") != before
    pushgateway.push("quiet")
    running.wait_recovered("quiet")


def test_runs_a_command_and_leaves_no_output_behind(lxd, pushgateway,
                                                    bouncer):
    lxd.launch("quiet")
    before = lxd.pid("quiet")
    pushgateway.push("quiet")
    running = bouncer(lxd_settings(lxd, pushgateway, on_lxd(
        "quiet", restart_type="command",
        restart_command=["/bin/systemctl", "restart", "two words"])))
    running.wait_step("quiet", "ok")
    assert lxd.read_file("quiet", "/var/log/systemctl") == \
        "restart two words\n"
    assert lxd.pid("quiet") == before
    assert lxd.exec_logs("quiet") == []
    pushgateway.push("quiet")
    running.wait_recovered("quiet")


@pytest.mark.parametrize("command, code", [
    (["/bin/sh", "-c", "echo no; exit 7"], "7"),
    (["/no/such/program"], "12"),
])
def test_exit_code_decides(lxd, pushgateway, bouncer, command, code):
    lxd.launch("quiet")
    pushgateway.push("quiet")
    running = bouncer(lxd_settings(lxd, pushgateway, on_lxd(
        "quiet", restart_type="command", restart_command=command,
        max_bounces=1)))
    assert code in running.wait_step("quiet", "failed")["detail"]
    running.wait_state("quiet", "gave_up")


def test_finds_the_instance_in_its_project(lxd, pushgateway, bouncer):
    lxd.add_project("other")
    lxd.launch("same", project="other")
    lxd.launch("same")
    here, there = lxd.pid("same"), lxd.pid("same", project="other")
    pushgateway.push("same")
    running = bouncer(lxd_settings(lxd, pushgateway, on_lxd(
        "same", project="other", stop_timeout="1s")))
    running.wait_step("same", "ok")
    assert lxd.pid("same") == here
    assert lxd.pid("same", project="other") != there


def test_leaves_a_frozen_instance_alone(lxd, pushgateway, bouncer):
    lxd.launch("frozen")
    lxd.change_state("frozen", "freeze")
    pushgateway.push("frozen")
    running = bouncer(lxd_settings(lxd, pushgateway, on_lxd("frozen")))
    running.wait_for(lambda b: b.held_by("frozen", "person"),
                     what="held because of a person")
    assert lxd.state("frozen") == "Frozen"
    assert running.steps("frozen", "ok") == []
    lxd.change_state("frozen", "unfreeze")


def test_instance_that_does_not_exist(lxd, pushgateway, bouncer):
    pushgateway.push("ghost")
    running = bouncer(lxd_settings(lxd, pushgateway, on_lxd(
        "ghost", max_bounces=1)))
    assert "ghost" in running.wait_step("ghost", "no_target")["detail"]
    running.wait_state("ghost", "gave_up")


def test_command_that_hangs_times_out(lxd, pushgateway, bouncer):
    lxd.launch("hanging")
    pushgateway.push("hanging")
    running = bouncer(lxd_settings(lxd, pushgateway, on_lxd(
        "hanging", restart_type="command", timeout="1s", cooldown="500ms",
        restart_command=["/bin/sleep", "12345"], max_bounces=2)))
    running.wait_step("hanging", "timed_out")
    running.wait_state("hanging", "gave_up")
    assert [step["result"] for step in running.steps("hanging")] == [
        "timed_out", "busy"]
