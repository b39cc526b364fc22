# SPDX-License-Identifier: Apache-2.0
"""What containers ask for by labels of their own, against a real dockerd: they
get it, for themselves and within limits, and only where that is allowed."""

from daemons.bouncer import rule, settings
from test_health import compose, seen

REFUSED = "labels of a container are not followed"


def asking(dockerd, *monitors, **keys):
    """Quick ones: what a container may not shorten, the file may."""
    return settings(*monitors, **{"socket_docker": dockerd.socket,
                                  "container_labels": True,
                                  "cooldown": "1s", "push_gw": "builtin",
                                  **keys})


def refusals(running):
    return [entry["detail"] for entry in running.journal()
            if entry.get("reason") == REFUSED]


def detail(running, name):
    return running.monitors().get(name, {"max_bounces": None})


def push(running, job, **labels):
    path = "".join(f"/{name}/{value}" for name, value in labels.items())
    running.client.ask("PUT", f"/metrics/job/{job}{path}", b"x 1\n")


def sleeper(dockerd, name, **labels):
    return dockerd.run(name, ["/bin/sleep", "1000"], StopTimeout=0, Labels={
        key.replace("__", "."): value for key, value in labels.items()})


# --- health ---------------------------------

def test_a_container_asks_to_be_healed(dockerd, bouncer):
    dockerd.run_checked("web", Labels={"bouncer.health": "restart"})
    dockerd.run_checked("other")
    running = bouncer(asking(dockerd))
    seen(running, "label:health/web")
    before = {name: dockerd.started_at(name) for name in ("web", "other")}
    dockerd.make_sick("other")
    dockerd.wait_health("other", "unhealthy")
    dockerd.make_sick("web")
    step = running.wait_step("label:health/web", "ok", timeout=10)
    running.wait_recovered("label:health/web")
    assert step["step"] == "restart"
    assert dockerd.started_at("web") != before["web"]
    assert dockerd.started_at("other") == before["other"]
    assert list(running.monitors()) == ["label:health/web"]
    assert refusals(running) == []


def test_rules_of_the_file_go_on_beside_it(dockerd, bouncer):
    dockerd.run_checked("web", Labels={"bouncer.health": "restart"})
    running = bouncer(asking(dockerd, rule(dry_run=True)))
    seen(running, "label:health/web")
    seen(running, "health/web")


def test_a_ladder_with_a_command_inside(dockerd, bouncer):
    dockerd.run_checked("web", Labels={
        "bouncer.health": "exec",
        "bouncer.command": "/bin/rm -f /root/sick",
        "bouncer.for": "100ms"})
    running = bouncer(asking(dockerd))
    seen(running, "label:health/web")
    before = dockerd.started_at("web")
    dockerd.make_sick("web")
    step = running.wait_step("label:health/web", "ok", timeout=10)
    running.wait_recovered("label:health/web")
    assert step["step"] == "exec"
    assert dockerd.started_at("web") == before


def test_nothing_is_asked_unless_allowed(dockerd, bouncer):
    dockerd.run_checked("web", Labels={"bouncer.health": "restart"})
    dockerd.run_checked("witness")
    plain = rule(select={"name": ["witness"]})
    running = bouncer(asking(dockerd, plain, container_labels=False))
    seen(running, "health/witness")
    before = dockerd.started_at("web")
    dockerd.make_sick("web")
    dockerd.wait_health("web", "unhealthy")
    dockerd.make_sick("witness")
    running.wait_recovered("health/witness")
    assert dockerd.started_at("web") == before
    assert list(running.monitors()) == ["health/witness"]


def test_a_reload_switches_it_on_and_off(dockerd, bouncer):
    dockerd.run_checked("web", Labels={"bouncer.health": "restart"})
    plain = rule(select={"name": ["nobody"]})
    off = asking(dockerd, plain, container_labels=False)
    running = bouncer(off)
    running.wait_for(lambda b: (b.metric("bouncer_engine_lists_total") or 0)
                     >= 1, 20, "a list")
    assert running.monitors() == {}
    running.reload(asking(dockerd, plain))
    seen(running, "label:health/web")
    running.reload(asking(dockerd, plain, max_bounces=3))
    running.wait_for(
        lambda b: detail(b, "label:health/web")["max_bounces"] == 3, 20,
        "what the file says now")
    dockerd.make_sick("web")
    running.wait_recovered("label:health/web")
    running.reload(off)
    running.wait_for(lambda b: b.monitors() == {}, 20, "nobody")


def test_opt_out_and_auto_remove_are_heeded(dockerd, bouncer):
    ask = {"bouncer.health": "restart"}
    dockerd.run_checked("web", Labels=ask)
    dockerd.run_checked("shy", Labels={**ask, "bouncer.ignore": "true"})
    dockerd.run_checked("fleeting", Labels=ask,
                        host_config={"AutoRemove": True})
    running = bouncer(asking(dockerd))
    seen(running, "label:health/web")
    for name in ("shy", "fleeting", "web"):
        dockerd.make_sick(name)
    running.wait_recovered("label:health/web")
    for name in ("shy", "fleeting"):
        dockerd.wait_health(name, "unhealthy")
        assert running.steps(f"label:health/{name}") == []
    assert "label:health/shy" not in running.monitors()


# --- labels that are wrong ------------------

def test_a_bad_label_is_told_and_harms_nobody(dockerd, bouncer):
    dockerd.run_checked("web", Labels={"bouncer.health": "restart"})
    for name, labels in {
            "greedy": {"bouncer.health": "restart",
                       "bouncer.cooldown": "1s"},
            "host": {"bouncer.health": "run"},
            "typo": {"bouncer.health": "restart",
                     "bouncer.cooldwon": "1m"},
            "yaml": {"bouncer.health": "restart",
                     "bouncer.signal": 'x"\n    before: [reboot]'},
    }.items():
        dockerd.run_checked(name, Labels=labels)
    running = bouncer(asking(dockerd, resync_interval="1s"))
    seen(running, "label:health/web")
    running.wait_for(lambda b: len(refusals(b)) >= 4, 20, "four refusals")
    lists = running.metric("bouncer_engine_lists_total")
    running.wait_for(lambda b: b.metric("bouncer_engine_lists_total")
                     >= lists + 2, 20, "two more lists")
    told = {line.split(":")[0]: line for line in refusals(running)}
    assert len(refusals(running)) == 4
    assert 'bouncer.cooldown: "1s" is not between 10s and' in told["greedy"]
    assert 'bouncer.health: "run" is not one of' in told["host"]
    assert "did you mean bouncer.cooldown" in told["typo"]
    assert "bouncer.signal:" in told["yaml"]
    assert "is not a signal" in told["yaml"]
    for name, line in told.items():
        running.wait_log(REFUSED, name, line.split('"')[0].split(": ")[1])
    assert list(running.monitors()) == ["label:health/web"]
    dockerd.make_sick("web")
    running.wait_recovered("label:health/web")


# --- being made anew ------------------------

def test_made_anew_with_other_labels(dockerd, bouncer):
    labels = compose("shop", "web")
    dockerd.run_checked("web-1", Labels={
        **labels, "bouncer.health": "restart", "bouncer.max_bounces": "4"})
    running = bouncer(asking(dockerd))
    name = "label:health/shop/web/1"
    seen(running, name)
    dockerd.make_sick("web-1")
    running.wait_recovered(name)
    spent = running.monitors()[name]["bounces_in_window"]
    assert spent == 1

    # as compose does it: the new one is there before the old one goes
    dockerd.run_checked("web-2", Labels={
        **labels, "bouncer.health": "kill,start", "bouncer.max_bounces": "7"})
    running.wait_for(lambda b: detail(b, name)["max_bounces"] == 7, 20,
                     "the new labels")
    dockerd.remove("web-1")
    seen(running, name)
    assert running.monitors()[name]["bounces_in_window"] == spent
    dockerd.make_sick("web-2")
    step = running.wait_for(lambda b: next(
        (one for one in b.steps(name) if one["step"] == "kill"), None), 20,
        "the new ladder")
    assert step["result"] == "ok"

    dockerd.remove("web-2")
    dockerd.run_checked("web-3", Labels=labels)
    running.wait_for(lambda b: b.monitors().get(name, {}).get("state")
                     != "good", 20, "it asks for nothing")


# --- those that have ended ------------------

def test_a_container_asks_to_be_started_or_removed(dockerd, bouncer):
    dockerd.run("done", ["/bin/true"], Labels={"bouncer.exited": "remove"})
    dockerd.run("failed", ["/bin/false"], Labels={"bouncer.exited": "remove"})
    running = bouncer(asking(dockerd))
    for name, codes in (("other", "4"), ("job", "3")):
        dockerd.run(name, ["/bin/sh", "-c", "sleep 1; exit 3"],
                    Labels={"bouncer.exited": "start",
                            "bouncer.exit_codes": codes})
    running.wait_step("label:exited/job", "ok", timeout=20)
    assert running.steps("label:exited/other") == []
    running.wait_for(lambda b: "done" not in dockerd.names(), 20, "removal")
    assert "failed" in dockerd.names()


# --- pushes ---------------------------------

def test_a_container_asks_about_its_pushes(dockerd, bouncer):
    sleeper(dockerd, "backup", bouncer__push__job="backup",
            bouncer__push__label__instance="db1", bouncer__max_age="2s")
    running = bouncer(asking(dockerd))
    name = "label:push/backup"
    running.wait_for(lambda b: name in b.monitors(), 20, "the monitor")
    push(running, "backup", instance="db1")
    seen(running, name)
    before = dockerd.started_at("backup")
    step = running.wait_step(name, "ok", timeout=20)
    assert step["step"] == "restart"
    assert dockerd.started_at("backup") != before
    push(running, "backup", instance="db1")
    running.wait_recovered(name)

    # those that come later, and those of the file, are served beside it
    sleeper(dockerd, "later", bouncer__push__job="later",
            bouncer__max_age="1h")
    running.wait_for(lambda b: "label:push/later" in b.monitors(), 20,
                     "the second")
    push(running, "later")
    seen(running, "label:push/later")


def test_pushes_survive_reload_and_removal(dockerd, bouncer):
    file = {"name": "file", "max_age": "1h", "type": "host",
            "labels": {"job": "file"},
            "steps": [{"type": "log"}]}
    sleeper(dockerd, "backup", bouncer__push__job="backup",
            bouncer__max_age="1h")
    running = bouncer(asking(dockerd, file))
    running.wait_for(lambda b: "label:push/backup" in b.monitors(), 20,
                     "the monitor")
    push(running, "backup")
    push(running, "file")
    seen(running, "label:push/backup")
    seen(running, "file")
    running.reload(asking(dockerd, file, max_bounces=2))
    running.wait_for(
        lambda b: detail(b, "label:push/backup").get("max_bounces") == 2,
        20, "what the file says now")
    push(running, "backup")
    seen(running, "label:push/backup")
    dockerd.remove("backup")
    running.wait_state("label:push/backup", "unknown")
    push(running, "file")
    seen(running, "file")


def test_one_who_has_not_pushed_yet_has_time(dockerd, bouncer):
    sleeper(dockerd, "slow", bouncer__push__job="slow",
            bouncer__max_age="1h")
    sleeper(dockerd, "quick", bouncer__push__job="quick",
            bouncer__max_age="2s")
    running = bouncer(asking(dockerd))
    running.wait_step("label:push/quick", "ok", timeout=20)
    assert running.steps("label:push/slow") == []
