# SPDX-License-Identifier: Apache-2.0
"""Rules over instances, against a real LXD: those that carry a health check in
their keys are checked and restarted, what ended is started, or removed where
it says so."""

import os
import signal

from daemons.bouncer import rule, settings
from daemons.process import wait_until

SICK = "/dev/sick"      # there, until it restarts: its check fails


def watching(lxd, *rules):
    return settings(*({**one, "type": "lxd"} for one in rules),
                    socket_lxd=lxd.socket)


def checked(*test, **keys):
    """The keys of an instance whose check fails when SICK is there."""
    words = ",".join(f'"{word}"' for word in
                     test or ("CMD-SHELL", f"test ! -e {SICK}"))
    quick = {"interval": "300ms", "timeout": "5s", "retries": "2", **keys}
    return {"user.healthcheck.test": f"[{words}]",
            **{f"user.healthcheck.{key}": value
               for key, value in quick.items()}}


def make_sick(lxd, name, project=None):
    lxd.api("POST", f"/instances/{name}/exec", {
        "command": ["/bin/touch", SICK], "interactive": False,
        "wait-for-websocket": False, "record-output": False}, project)


def seen(running, name, state="good"):
    running.wait_for(
        lambda b: b.monitors().get(name, {}).get("state") == state, 30,
        f"{name} {state}")


def test_restarts_what_fails_its_own_check(lxd, bouncer):
    lxd.add_project("other")
    lxd.launch("web", config=checked())
    lxd.launch("web", project="other", config=checked())
    lxd.launch("plain")
    before = {project: lxd.pid("web", project)
              for project in ("default", "other")}
    running = bouncer(watching(lxd, rule(stop_timeout="1s")))
    seen(running, "health/web")
    seen(running, "health/other/web")

    make_sick(lxd, "web", "other")
    step = running.wait_step("health/other/web", "ok", timeout=60)
    assert step["step"] == "restart"
    running.wait_recovered("health/other/web")
    assert lxd.pid("web", "other") not in (0, before["other"])
    assert lxd.pid("web") == before["default"]
    assert running.steps("health/web") == []
    assert lxd.exec_logs("web") == []       # nothing was recorded


def test_a_command_that_hangs_is_a_failure(lxd, bouncer):
    lxd.launch("web", config=checked("CMD", "/bin/sleep", "600",
                                     timeout="300ms", retries="1"))
    before = lxd.pid("web")
    running = bouncer(watching(lxd, rule(stop_timeout="1s")))
    running.wait_step("health/web", "ok", timeout=60)
    assert lxd.pid("web") != before


def test_who_does_not_want_to_be_checked_is_not(lxd, bouncer):
    lxd.launch("web", config=checked("CMD", "/bin/false"))
    lxd.launch("off", config=checked("CMD", "/bin/false", enabled="false"))
    lxd.launch("bad", config={"user.healthcheck.test": "not a list"})
    before = {name: lxd.pid(name) for name in ("off", "bad")}
    running = bouncer(watching(lxd, rule(stop_timeout="1s")))
    running.wait_step("health/web", "ok", timeout=60)
    assert {name: lxd.pid(name) for name in ("off", "bad")} == before


def test_a_check_that_is_added_while_it_runs(lxd, bouncer):
    lxd.launch("web")
    running = bouncer(watching(lxd, rule(stop_timeout="1s")))
    before = lxd.pid("web")
    lxd.api("PATCH", "/instances/web",
            {"config": checked("CMD", "/bin/false")})
    running.wait_step("health/web", "ok", timeout=60)
    assert lxd.pid("web") != before


def test_starts_what_died(lxd, bouncer):
    lxd.launch("web")
    running = bouncer(watching(lxd, rule("fallen", "exited")))
    seen(running, "fallen/web")
    os.kill(lxd.pid("web"), signal.SIGKILL)
    step = running.wait_step("fallen/web", "ok", timeout=60)
    assert step["step"] == "start"
    assert lxd.state("web") == "Running"


def test_removes_what_is_labelled(lxd, bouncer):
    lxd.launch("job", config={"user.cleanup": "true"})
    lxd.launch("kept")
    for name in ("job", "kept"):
        lxd.change_state(name, "stop", force=True)
    bouncer(watching(lxd, rule(
        "tidy", "exited", exit_codes="any", max_age="1s",
        select={"label": ["user.cleanup=true"]},
        steps=[{"type": "remove"}])))
    wait_until(lambda: [one.rsplit("/", 1)[1] for one
                        in lxd.api("GET", "/instances")] == ["kept"],
               60, "job removed")
