# SPDX-License-Identifier: Apache-2.0
"""Checks that the bouncer makes itself, against a real dockerd: containers
without a health check of their own, seen from outside or by a command."""

import time

from daemons.bouncer import rule
from daemons.docker import checked, checked_command
from daemons.process import free_port, wait_until
from test_health import seen, watching

# A slow machine takes its time to start a container.
QUICK = {"interval": "300ms", "timeout": "2s", "retries": 2,
         "start_period": "5s", "start_interval": "200ms"}


def probing(**keys):
    return rule(probe={**QUICK, **keys})


def by_command(**keys):
    return probing(type="exec", command=["/bin/sh", "-c",
                                         "! test -e /root/sick"], **keys)


def run_plain(dockerd, name, **options):
    """Without a check; well after each start."""
    return dockerd.run(name, checked_command(), **options)


def run_server(dockerd, name, port, sickness):
    """Answers on a port of the host's loopback, with a page of its own name,
    until it is made sick; well again after a restart."""
    return dockerd.run(name, [
        "/bin/sh", "-c", f"rm -f /root/sick; echo well >/root/{name}; "
        "trap 'exit 0' TERM; "
        f"/bin/busybox httpd -f -p 127.0.0.1:{port} -h /root & "
        f"while ! test -e /root/sick; do sleep 0.1; done; {sickness}; "
        "while :; do sleep 1000 & wait; done"], network="host")


def probed(running, n):
    running.wait_for(
        lambda b: b.metric("bouncer_engine_probed_containers") == n, 20,
        f"{n} probed")


def heals(dockerd, running, name):
    """Sick, then bounced once, then well."""
    before = dockerd.started_at(name)
    dockerd.make_sick(name)
    assert running.wait_step(f"health/{name}", "ok")["step"] == "restart"
    running.wait_recovered(f"health/{name}")
    assert dockerd.started_at(name) != before
    assert len(running.steps(f"health/{name}")) == 1


def test_command(dockerd, bouncer):
    run_plain(dockerd, "web")
    run_plain(dockerd, "other")
    running = bouncer(watching(dockerd, by_command()))
    seen(running, "health/web")
    seen(running, "health/other")
    probed(running, 2)
    heals(dockerd, running, "web")
    assert running.steps("health/other") == []
    dockerd.remove("other")
    probed(running, 1)


def test_http(dockerd, bouncer):
    port = free_port()
    run_server(dockerd, "web", port, "rm /root/web")
    running = bouncer(watching(dockerd, probing(
        type="http", url=f"http://127.0.0.1:{port}/{{{{ container }}}}")))
    seen(running, "health/web")
    heals(dockerd, running, "web")


def test_tcp(dockerd, bouncer):
    port = free_port()
    run_server(dockerd, "web", port, "kill $!")
    running = bouncer(watching(dockerd, probing(
        type="tcp", address=f"127.0.0.1:{port}")))
    seen(running, "health/web")
    heals(dockerd, running, "web")


def test_address_that_is_not_known(dockerd, bouncer):
    """It has none: nothing is known of its health, and nothing is done."""
    run_plain(dockerd, "web")
    dockerd.run_checked("witness")
    before = dockerd.started_at("web")
    running = bouncer(watching(dockerd, probing(
        type="http", url="http://{{ ip }}:80/")))
    seen(running, "health/witness")
    running.wait_log("address")
    heals(dockerd, running, "witness")
    assert running.steps("health/web") == []
    assert dockerd.started_at("web") == before


def test_who_has_a_check_is_not_probed(dockerd, bouncer):
    dockerd.run_checked("own")
    run_plain(dockerd, "web")
    before = dockerd.started_at("own")
    running = bouncer(watching(dockerd, probing(type="exec",
                                                command=["/bin/false"])))
    seen(running, "health/own")
    probed(running, 1)
    running.wait_step("health/web", "ok")
    assert running.steps("health/own") == []
    assert dockerd.started_at("own") == before


def test_start_period(dockerd, bouncer):
    """Failures count only after it, and it is as old as the container."""
    began = time.monotonic()
    run_plain(dockerd, "web")
    running = bouncer(watching(dockerd, probing(type="exec",
                                                command=["/bin/false"])))
    running.wait_step("health/web", "ok", timeout=30)
    assert time.monotonic() - began >= 5


def test_command_that_hangs(dockerd, bouncer):
    """Its time is up: it failed. No more than one runs at a time."""
    run_plain(dockerd, "web")
    before = dockerd.started_at("web")
    running = bouncer(watching(dockerd, probing(
        type="exec", command=["/bin/sleep", "600"], timeout="300ms")))
    running.wait_step("health/web", "ok", timeout=30)
    assert dockerd.started_at("web") != before


def test_paused_and_stopped_are_not_probed(dockerd, bouncer):
    run_plain(dockerd, "web")
    run_plain(dockerd, "job")
    running = bouncer(watching(dockerd, by_command()))
    seen(running, "health/web")
    seen(running, "health/job")
    probed(running, 2)
    before = dockerd.started_at("web")
    dockerd.make_sick("web")
    dockerd.pause("web")
    dockerd.stop_container("job")
    wait_until(lambda: not dockerd.state("job")["Running"], 20, "its end")
    assert dockerd.started_at("web") == before
    dockerd.unpause("web")
    running.wait_step("health/web", "ok", timeout=30)
    assert not dockerd.state("job")["Running"]
    assert running.steps("health/job") == []


def test_check_that_is_added_to_a_container(dockerd, bouncer):
    """Made anew with one of its own: the probe ends."""
    run_plain(dockerd, "web")
    running = bouncer(watching(dockerd, by_command()))
    seen(running, "health/web")
    probed(running, 1)
    dockerd.remove("web")
    dockerd.run("web", checked_command(), Healthcheck=checked())
    dockerd.wait_health("web", "healthy")
    seen(running, "health/web")
    probed(running, 0)
    heals(dockerd, running, "web")
