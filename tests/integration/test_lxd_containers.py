# SPDX-License-Identifier: Apache-2.0
"""Rules over instances, against a real LXD: what ended by itself is started,
what somebody stopped is left alone, and removed only where it is labelled."""

from daemons.bouncer import rule, settings
from daemons.process import wait_until


def watching(lxd, *rules, **keys):
    return settings(*rules, socket_lxd=lxd.socket, **keys)


def seen(running, name, state="good"):
    running.wait_for(
        lambda b: b.monitors().get(name, {}).get("state") == state, 20,
        f"{name} {state}")


def halt_from_inside(lxd, name):
    """Its init ends, and nobody asked the daemon for it."""
    lxd.api("POST", f"/instances/{name}/exec",
            {"command": ["/bin/kill", "-USR2", "1"], "interactive": False,
             "wait-for-websocket": False, "record-output": False})
    wait_until(lambda: lxd.state(name) == "Stopped", 30,
               f"end of {name}")


def test_starts_what_ended_by_itself(lxd, bouncer):
    for name in ("ended", "stopped"):
        lxd.launch(name)
    running = bouncer(watching(lxd, rule("exited", "exited", type="lxd",
                                         exit_codes="any")))
    seen(running, "exited/ended")
    seen(running, "exited/stopped")
    lxd.change_state("stopped", "stop", force=True)
    halt_from_inside(lxd, "ended")
    running.wait_step("exited/ended", "ok")
    wait_until(lambda: lxd.state("ended") == "Running", 30, "start")


def test_removes_only_what_is_labelled(lxd, bouncer):
    lxd.launch("keep")
    lxd.launch("scrap", config={"user.scrap": "true"})
    running = bouncer(watching(lxd, rule(
        "cleanup", "exited", type="lxd", exit_codes="any",
        select={"label": ["user.scrap?"]}, steps=[{"type": "remove"}])))
    seen(running, "cleanup/scrap")
    for name in ("keep", "scrap"):
        lxd.change_state(name, "stop", force=True)
    running.wait_step("cleanup/scrap", "ok")
    assert lxd.state("keep") == "Stopped"
    assert set(running.monitors()) == {"cleanup/scrap"}
