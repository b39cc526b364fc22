# SPDX-License-Identifier: Apache-2.0
"""Against a real Podman, which answers as Docker does, only otherwise."""

from daemons.bouncer import monitor, settings
from daemons.exporter import WAKE, pushes
from daemons.process import wait_until

import pytest


def podman_settings(podman, pushgateway, **keys):
    return settings(
        monitor("quiet", type="podman", container_name="quiet", **keys),
        push_gw=pushgateway.url, socket_podman=podman.socket)


@pytest.fixture
def quiet(podman, pushgateway):
    podman.run("quiet", pushes(pushgateway, "quiet"), network="host")
    wait_until(lambda: 'job="quiet"' in pushgateway.metrics(), 20, "a push")
    return "quiet"


def test_restarts_what_hangs(podman, pushgateway, bouncer, quiet):
    before = podman.started_at(quiet)
    running = bouncer(podman_settings(podman, pushgateway,
                                      restart_type="container"))
    running.wait_state(quiet, "good")
    podman.kill(quiet, "USR1")
    running.wait_recovered(quiet)
    assert podman.started_at(quiet) != before


def test_runs_a_command(podman, pushgateway, bouncer, quiet):
    before = podman.started_at(quiet)
    running = bouncer(podman_settings(
        podman, pushgateway, restart_type="command", restart_command=WAKE))
    running.wait_state(quiet, "good")
    podman.kill(quiet, "USR1")
    running.wait_recovered(quiet)
    assert podman.started_at(quiet) == before


def test_exit_code_decides(podman, pushgateway, bouncer, quiet):
    running = bouncer(podman_settings(
        podman, pushgateway, restart_type="command",
        restart_command=["/bin/sh", "-c", "exit 7"], max_bounces=1))
    running.wait_state(quiet, "good")
    podman.kill(quiet, "USR1")
    assert "7" in running.wait_step(quiet, "failed")["detail"]


def test_leaves_a_paused_container_alone(podman, pushgateway, bouncer, quiet):
    running = bouncer(podman_settings(podman, pushgateway,
                                      restart_type="container"))
    running.wait_state(quiet, "good")
    podman.pause(quiet)
    running.wait_for(lambda b: b.held_by(quiet, "person"),
                     what="held because of a person")
    assert podman.state(quiet)["Paused"]
    podman.unpause(quiet)
    running.wait_state(quiet, "good")
