# SPDX-License-Identifier: Apache-2.0
"""Rules over containers, against a real Podman. Its health checks want timers
of systemd; here each check is run by hand, as a timer would."""

from daemons.bouncer import rule, settings


def watching(podman, *rules, **keys):
    return settings(*rules, socket_podman=podman.socket, **keys)


def seen(running, name, state="good"):
    running.wait_for(
        lambda b: b.monitors().get(name, {}).get("state") == state, 20,
        f"{name} {state}")


def check_twice(podman, name):
    """As a timer would, again and again: the event of a check comes before its
    result is kept, and says what the one before it had found."""
    good = [podman.check_health(name) for _ in range(2)]
    assert good[0] == good[1]
    return good[1]


def test_restarts_what_is_unhealthy(podman, bouncer):
    podman.run_checked("web", interval=3600)
    podman.run_checked("other", interval=3600)
    for name in ("web", "other"):
        assert check_twice(podman, name)
    before = {name: podman.started_at(name) for name in ("web", "other")}
    running = bouncer(watching(podman, rule(type="podman")))
    seen(running, "health/web")
    seen(running, "health/other")

    podman.make_sick("web")
    assert not podman.check_health("web")
    step = running.wait_step("health/web", "ok")
    assert step["step"] == "restart"
    assert check_twice(podman, "web")
    running.wait_recovered("health/web")
    assert podman.started_at("web") != before["web"]
    assert podman.started_at("other") == before["other"]
    assert len(running.steps("health/web")) == 1


def test_one_check_is_enough(podman, bouncer):
    """Its event comes before its result, and no other comes."""
    podman.run_checked("web", interval=3600)
    assert check_twice(podman, "web")
    running = bouncer(watching(podman, rule(type="podman"),
                               resync_interval="1h"))
    seen(running, "health/web")
    before = podman.started_at("web")
    podman.make_sick("web")
    assert not podman.check_health("web")
    running.wait_step("health/web", "ok", timeout=10)
    assert podman.started_at("web") != before


def test_leaves_those_alone_that_podman_looks_after(podman, bouncer):
    """--health-on-failure, and who opts out."""
    podman.run_checked("web", interval=3600)
    podman.run_checked("shy", interval=3600,
                       Labels={"bouncer.ignore": "yes"})
    assert check_twice(podman, "web")
    running = bouncer(watching(podman, rule(type="podman")))
    seen(running, "health/web")
    podman.make_sick("shy")
    assert not check_twice(podman, "shy")
    podman.make_sick("web")
    assert not podman.check_health("web")
    running.wait_step("health/web", "ok")
    assert "health/shy" not in running.monitors()


def test_starts_what_crashed(podman, bouncer):
    for name in ("crashes", "stopped"):
        podman.run(name, ["/bin/sh", "-c", "trap 'exit 7' USR2; trap 'exit 0' "
                          "TERM; while :; do sleep 1000 & wait; done"])
    running = bouncer(watching(podman, rule("exited", "exited",
                                            type="podman")))
    seen(running, "exited/crashes")
    seen(running, "exited/stopped")
    before = podman.started_at("crashes")
    podman.stop_container("stopped", timeout=5)
    podman.exec("crashes", "/bin/kill", "-USR2", "1")
    running.wait_step("exited/crashes", "ok")
    running.wait_recovered("exited/crashes")
    assert podman.started_at("crashes") != before
    assert not podman.state("stopped")["Running"]
    assert running.steps("exited/stopped") == []


def test_removes_what_is_finished(podman, bouncer):
    for name, code in (("good", 0), ("bad", 3)):
        podman.run(name, ["/bin/sh", "-c", f"exit {code}"])
        podman.wait_ended(name)
    running = bouncer(watching(podman, rule(
        "cleanup", "exited", type="podman", steps=[{"type": "remove"}])))
    running.wait_for(lambda b: "good" not in podman.names(), 20, "removal")
    assert "bad" in podman.names()
