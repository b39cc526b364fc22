# SPDX-License-Identifier: Apache-2.0
"""Who shares the network of a container, or says that it depends on it, is
restarted after it, against a real dockerd."""

import datetime
import os

from daemons.bouncer import rule, settings

RESTARTED = "dependent restarted after its parent"
SLEEP = ["/bin/sh", "-c",
         "trap 'exit 0' TERM; while :; do sleep 1 & wait; done"]


def watching(dockerd, **keys):
    only = rule(select={"name": ["vpn"]}, dependents=True, **keys)
    return settings(only, socket_docker=dockerd.socket)


def restarts(running):
    return [entry for entry in running.journal("health")
            if entry["reason"] == RESTARTED]


def when(text):
    return datetime.datetime.fromisoformat(text[:26].rstrip("Z"))


def started(dockerd, *names):
    return {name: dockerd.started_at(name) for name in names}


def ready(running):
    running.wait_for(lambda b: b.monitors().get("health/vpn", {})
                     .get("state") == "good", 20, "the parent known")


def network_of(dockerd, name):
    """The network namespace that its processes see."""
    return os.readlink(f"/proc/{dockerd.state(name)['Pid']}/ns/net")


def test_restarts_a_chain_in_order(dockerd, bouncer):
    """vpn, who shares its network, and who depends on that by a label."""
    dockerd.run_checked("vpn")
    dockerd.run("web", SLEEP, network="container:vpn")
    dockerd.run("front", SLEEP, Labels={"bouncer.depends_on": "web, none"})
    dockerd.run("other", SLEEP)
    before = started(dockerd, "vpn", "web", "front", "other")
    running = bouncer(watching(dockerd))
    ready(running)

    dockerd.make_sick("vpn")
    running.wait_for(lambda b: len(restarts(b)) == 2, 60, "both restarted")

    after = started(dockerd, "vpn", "web", "front", "other")
    assert after["other"] == before["other"]
    assert (when(after["vpn"]) < when(after["web"]) < when(after["front"]))
    assert before["front"] != after["front"]
    assert network_of(dockerd, "web") == network_of(dockerd, "vpn")
    first, second = restarts(running)
    assert first["container"] == "web" and second["container"] == "front"
    assert first["detail"].startswith(
        "depends on vpn: shares a namespace of it: ok in ")
    assert second["detail"].startswith(
        "depends on vpn: its label says so: ok in ")
    # only after the parent was healthy again
    assert running.recovered("health/vpn")
    assert len(running.steps("health/vpn")) == 1


def test_again_at_the_next_restart(dockerd, bouncer):
    dockerd.run_checked("vpn")
    dockerd.run("web", SLEEP, network="container:vpn")
    running = bouncer(watching(dockerd))
    ready(running)
    for n in (1, 2):
        dockerd.make_sick("vpn")
        running.wait_for(lambda b, n=n: len(restarts(b)) == n, 60,
                         f"restart {n} of the dependent")
        ready(running)
        dockerd.wait_health("vpn", "healthy")
    assert network_of(dockerd, "web") == network_of(dockerd, "vpn")


def test_dry_run_says_it(dockerd, bouncer):
    dockerd.run_checked("vpn")
    dockerd.run("web", SLEEP, network="container:vpn")
    before = started(dockerd, "vpn", "web")
    running = bouncer(watching(dockerd, dry_run=True))
    ready(running)
    dockerd.make_sick("vpn")
    running.wait_for(restarts, 30, "the dependent named")
    assert ": dry_run in " in restarts(running)[0]["detail"]
    assert started(dockerd, "vpn", "web") == before


def test_waits_in_vain(dockerd, bouncer):
    """The parent stays sick: its dependents are left as they are."""
    dockerd.run_checked("vpn")
    dockerd.run("web", SLEEP, network="container:vpn")
    before = started(dockerd, "web")
    running = bouncer(watching(dockerd, verify_within="2s", max_bounces=1))
    ready(running)
    dockerd.make_sick("vpn", for_ever=True)
    running.wait_for(
        lambda b: any(entry["reason"] == "dependents are not restarted"
                      for entry in b.journal("health")), 30, "that it waits")
    assert restarts(running) == []
    assert started(dockerd, "web") == before


def test_what_must_be_made_anew(dockerd, bouncer):
    """Its parent was replaced: it holds a network that is gone."""
    project = {"com.docker.compose.project": "shop"}
    dockerd.run_checked("vpn", Labels={**project,
                                       "com.docker.compose.service": "vpn"})
    dockerd.run("web", SLEEP, network="container:vpn", Labels={
        **project, "com.docker.compose.service": "web",
        "com.docker.compose.depends_on": "vpn:service_started:true"})
    dockerd.remove("vpn")
    dockerd.run_checked("vpn", Labels={**project,
                                       "com.docker.compose.service": "vpn"})
    before = started(dockerd, "web")
    running = bouncer(watching(dockerd))
    running.wait_for(lambda b: "good" in [m["state"] for m in
                                          b.monitors().values()], 20, "known")
    dockerd.make_sick("vpn")
    entry = running.wait_for(
        lambda b: next((entry for entry in b.journal("web")
                        if entry["reason"] ==
                        "dependent cannot be healed by a restart"), None),
        60, "the remedy")
    assert "docker compose up -d --force-recreate web" in entry["detail"]
    assert started(dockerd, "web") == before


def healed_by_nobody(running, name):
    """The journal's word on what a restart cannot help."""
    return running.wait_for(
        lambda b: next((entry for entry in b.journal()
                        if entry["reason"] ==
                        "container cannot be healed by a restart"
                        and entry["container"] == name), None), 60,
        f"a remedy for {name}")


def test_what_compose_did_not_make(dockerd, bouncer):
    """Nothing but the id of one that is gone: the journal says so after the
    restart of whoever may have taken its place."""
    dockerd.run_checked("vpn")
    gone = dockerd.inspect("vpn")["Id"]
    dockerd.run("web", SLEEP, network="container:vpn")
    dockerd.remove("vpn")
    dockerd.run_checked("vpn")
    before = started(dockerd, "web")
    running = bouncer(watching(dockerd))
    ready(running)
    dockerd.make_sick("vpn")
    entry = healed_by_nobody(running, "web")
    assert gone[:12] in entry["detail"]
    assert "make it anew" in entry["detail"]
    assert started(dockerd, "web") == before


def test_its_own_restart_cannot_help_it(dockerd, bouncer):
    """It shares the network of nobody: Docker stops it, and cannot start it
    again; whether dependents are wanted or not, the remedy is named."""
    dockerd.run("vpn", SLEEP)
    dockerd.run_checked("web", network="container:vpn", Labels={
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "web"})
    running = bouncer(settings(rule(), socket_docker=dockerd.socket))
    running.wait_for(lambda b: "health/web" in b.monitors(), 20, "web known")
    dockerd.remove("vpn")
    dockerd.make_sick("web")
    entry = healed_by_nobody(running, "web")
    assert "docker compose up -d --force-recreate web" in entry["detail"]
    assert running.steps("health/web", "failed")
