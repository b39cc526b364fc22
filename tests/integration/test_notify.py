# SPDX-License-Identifier: Apache-2.0
"""Notices: who is told what, and in which shape; a real Alertmanager, and a
receiver that keeps what it was sent."""

import json
import os
import stat
import subprocess
import tempfile

import pytest

from daemons.bouncer import monitor, program, rule, settings
from daemons.process import wait_until
from daemons.tls import Authority, Terminator

SECONDS = 30


def with_notifications(config, *notifications):
    return json.dumps({**json.loads(config),
                       "notifications": list(notifications)}, indent=1)


def events(receiver, path=None):
    return [told.json()["event"] for told in receiver.told(path)]


def watching(dockerd, *rules, **keys):
    return settings(*rules, socket_docker=dockerd.socket, host="box", **keys)


# --- what happens to containers ----------------------------------------------

def test_bounced_and_recovered(dockerd, bouncer, receiver):
    """With the words of the check that failed."""
    dockerd.run_checked("web")
    running = bouncer(with_notifications(
        watching(dockerd, rule(cooldown="1s")),
        {"name": "ops", "url": receiver.url + "/{{ event }}?h={{ host }}"}))
    running.wait_for(lambda b: "health/web" in b.monitors(), SECONDS, "web")
    dockerd.make_sick("web")
    first, second = receiver.wait_told(2, timeout=SECONDS)

    assert first.path == "/bounced?h=box"
    assert first.headers["Content-Type"] == "application/json"
    told = first.json()
    assert told["event"] == "bounced"
    assert told["monitor"] == "health/web"
    assert told["rule"] == "health"
    assert told["container"] == "web"
    assert told["image"] and told["runtime"] == "docker"
    assert told["host"] == "box"
    assert (told["step"], told["result"]) == ("restart", "ok")
    assert "unhealthy" in told["reason"]
    assert told["output"] == "feeling sick"
    assert told["exit_code"] == 1
    assert (told["attempt"], told["max_attempts"]) == (1, 5)
    assert told["message"].startswith("restarted web: ")

    assert second.path == "/recovered?h=box"
    told = second.json()
    assert told["event"] == "recovered"
    assert told["output"] == "" and told["exit_code"] is None
    assert running.metric("bouncer_notifications_total", result="sent") == 2


def test_gave_up_and_who_wants_to_hear_it(dockerd, bouncer, receiver):
    dockerd.run_checked("web")
    running = bouncer(with_notifications(
        watching(dockerd, rule(cooldown="0s", max_bounces=1, window="1h",
                               verify_within="2s")),
        {"name": "all", "url": receiver.url + "/all"},
        {"name": "end", "url": receiver.url + "/end",
         "events": ["gave_up"], "preset": "ntfy"}))
    running.wait_for(lambda b: "health/web" in b.monitors(), SECONDS, "web")
    dockerd.make_sick("web", for_ever=True)
    end = receiver.wait_told(1, "/end", timeout=SECONDS)[0]

    assert end.headers["Title"] == "box: gave up on web"
    assert end.headers["Priority"] == "5"
    assert end.text.startswith("gave up on web after 1 attempt: ")
    assert end.text.endswith("\nexit code 1\nfeeling sick")
    receiver.wait_told(2, "/all", timeout=SECONDS)
    assert events(receiver, "/all") == ["bounced", "gave_up"]
    assert len(receiver.told("/end")) == 1


def test_storm_is_told_once(dockerd, bouncer, receiver):
    names = [f"web{i}" for i in range(4)]
    for name in names:
        dockerd.run_checked(name)
    running = bouncer(with_notifications(
        watching(dockerd, rule(for_="4s"), storm_share=50, storm_min=3,
                 storm_window="1m"),
        {"name": "ops", "url": receiver.url}))
    running.wait_for(lambda b: len(b.monitors()) == 4, SECONDS, "all")
    for name in names:
        dockerd.make_sick(name)
    running.wait_for(lambda b: all(b.held_by(f"health/{name}", "storm")
                                   for name in names), SECONDS, "a storm")
    assert [told.json()["event"] for told in receiver.wait_told(1)] == \
        ["storm"]
    running.end()
    assert events(receiver) == ["storm"]


def test_removed(dockerd, bouncer, receiver):
    """The journal and the notice name the container whose name is free."""
    dockerd.run("done", ["/bin/true"])
    dockerd.wait_ended("done")
    running = bouncer(with_notifications(
        watching(dockerd, rule("clean", watch="exited", max_age="0s",
                               exit_codes="0", steps=[{"type": "remove"}])),
        {"name": "ops", "url": receiver.url}))
    told = receiver.wait_told(1, timeout=SECONDS)[0].json()
    assert told["message"].startswith("removed done: ")
    assert told["detail"] == "the name done is free"
    assert "done" not in dockerd.names()
    assert running.alive


# --- steps -------------------------------------------------------------------

def test_webhook_step_and_facts_for_commands(dockerd, bouncer, receiver,
                                             tmp_path):
    facts = tmp_path / "facts"
    command = tmp_path / "note"
    command.write_text(f"#!/bin/sh\nenv | grep ^BOUNCER_ >{facts}.new\n"
                       f"mv {facts}.new {facts}\n")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    dockerd.run_checked("web")
    running = bouncer(watching(dockerd, rule(
        cooldown="1h", verify_within="2s",
        steps=[{"type": "run", "command": [str(command)]},
               {"type": "webhook", "url": receiver.url + "/step",
                "body": '{"o": "{{ output }}", "n": {{ attempt }}}'}])))
    running.wait_for(lambda b: "health/web" in b.monitors(), SECONDS, "web")
    dockerd.make_sick("web")
    told = receiver.wait_told(1, timeout=SECONDS)[0]
    assert told.json() == {"o": "feeling sick", "n": 1}
    running.wait_for(lambda b: len(b.steps("health/web", "ok")) == 2, SECONDS,
                     "both steps")
    said = dict(line.split("=", 1)
                for line in facts.read_text().splitlines() if "=" in line)
    assert said["BOUNCER_MONITOR"] == "health/web"
    assert said["BOUNCER_CONTAINER"] == "web"
    assert said["BOUNCER_RUNTIME"] == "docker"
    assert said["BOUNCER_OUTPUT"] == "feeling sick"
    assert said["BOUNCER_EXIT_CODE"] == "1"
    assert len(said["BOUNCER_CONTAINER_ID"]) == 64


def test_veto(dockerd, bouncer, tmp_path):
    """It is asked again after the cooldown, and costs no budget."""
    no = tmp_path / "no"
    no.write_text("")
    dockerd.run_checked("web")
    before = dockerd.started_at("web")
    running = bouncer(watching(dockerd, rule(
        cooldown="1s", max_bounces=1,
        before=["/bin/sh", "-c", f"! test -e {no} || {{ echo not now; "
                                 "exit 3; }"])))
    running.wait_for(lambda b: "health/web" in b.monitors(), SECONDS, "web")
    dockerd.make_sick("web")
    running.wait_for(lambda b: len(b.steps("health/web", "vetoed")) >= 2,
                     SECONDS, "two vetoes")
    step = running.steps("health/web", "vetoed")[0]
    assert step["detail"].startswith("/bin/sh says no: ")
    assert step["detail"].endswith("output: not now")
    assert dockerd.started_at("web") == before
    assert running.held_by("health/web", "hook")
    assert running.metric("bouncer_bounces_total", monitor="health/web",
                          result="vetoed") >= 2
    os.unlink(no)
    running.wait_recovered("health/web")
    assert dockerd.started_at("web") != before


# --- receivers ---------------------------------------------------------------

def test_alertmanager(dockerd, bouncer, alertmanager):
    """The alert is there, and it is over when the container recovers."""
    dockerd.run_checked("web")
    running = bouncer(with_notifications(
        watching(dockerd, rule(cooldown="0s", max_bounces=1, window="1h",
                               verify_within="2s")),
        {"name": "alerts", "preset": "alertmanager",
         "url": alertmanager.url + "/api/v2/alerts"}))
    running.wait_for(lambda b: "health/web" in b.monitors(), SECONDS, "web")
    dockerd.make_sick("web", for_ever=True)
    wait_until(lambda: set(alertmanager.alerts()) == {
        "BouncerBounced", "BouncerGaveUp"}, SECONDS, "both alerts")
    alert = alertmanager.alerts()["BouncerGaveUp"]
    assert alert["labels"] == {
        "alertname": "BouncerGaveUp", "severity": "critical",
        "instance": "box", "monitor": "health/web", "rule": "health",
        "container": "web", "runtime": "docker"}
    assert alert["annotations"]["output"] == "feeling sick"
    assert alert["annotations"]["summary"] == "box: gave up on web"

    dockerd.make_well("web")
    wait_until(lambda: alertmanager.alerts() == {}, SECONDS, "no alerts")
    assert running.metric("bouncer_notifications_total",
                          result="refused") == 0


def test_tries_again_and_reloads(pushgateway, bouncer, receiver):
    """A monitor of a push tells, too; who is told can change at run time."""
    receiver.answer(503)
    receiver.answer(429, **{"Retry-After": "1"})
    config = settings(monitor("job", type="host", max_age="1s", cooldown="1h",
                              verify_within="1s",
                              steps=[{"type": "run",
                                      "command": ["/bin/true"]}]),
                      push_gw=pushgateway.url)
    pushgateway.push("job")
    running = bouncer(with_notifications(
        config, {"name": "one", "url": receiver.url + "/one"}))
    one = receiver.wait_told(3, "/one", timeout=SECONDS)
    assert {told.json()["event"] for told in one} == {"bounced"}
    assert one[0].json()["container"] == ""
    running.wait_for(lambda b: b.metric("bouncer_notifications_total",
                                        result="sent") == 1, SECONDS, "it")
    running.reload(with_notifications(
        config, {"name": "two", "url": receiver.url + "/two"}))
    pushgateway.push("job")
    assert receiver.wait_told(1, "/two", timeout=SECONDS)[0].json()["event"] \
        == "recovered"
    assert len(receiver.told("/one")) == 3


def test_https(notify_config, receiver, directory):
    """Its authorities are its own, or nobody takes it for what it says."""
    authority = Authority(tempfile.mkdtemp(prefix="tls-", dir=directory))
    port = int(receiver.url.rsplit(":", 1)[1])
    terminator = Terminator(port, *authority.issue("receiver"))
    try:
        trusted = {"name": "trusted", "url": terminator.url + "/trusted",
                   "ca_file": authority.certificate}
        code, out, _ = notify_config(
            trusted, {"name": "foreign", "url": terminator.url + "/foreign"})
        assert "trusted: sent (HTTP 200)\n" in out
        assert "foreign: failed (" in out and "certificate" in out
        assert code == 3
        assert [told.path for told in receiver.told()] == ["/trusted"]
    finally:
        terminator.stop()


def test_receiver_that_is_away_holds_nothing_up(dockerd, bouncer):
    dockerd.run_checked("web")
    running = bouncer(with_notifications(
        watching(dockerd, rule()),
        {"name": "gone", "url": "http://127.0.0.1:1/"}))
    running.wait_for(lambda b: "health/web" in b.monitors(), SECONDS, "web")
    dockerd.make_sick("web")
    running.wait_recovered("health/web")
    assert running.end() == 0


# --- bouncer notify --test ---------------------------------------------------

def asked(path, *args):
    done = subprocess.run(
        [program(), "notify", "--config", str(path), *args], text=True,
        capture_output=True, check=False, timeout=SECONDS)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def notify_config(tmp_path):
    """notify_config(notification, …) tests them all."""
    path = tmp_path / "config.yml"

    def run(*notifications, args=("--test",)):
        path.write_text(with_notifications(
            settings(monitor("job", type="host", steps=[
                {"type": "run", "command": ["/bin/true"]}]),
                push_gw="http://127.0.0.1:1", host="box"), *notifications))
        return asked(path, *args)

    return run


@pytest.fixture
def notify(notify_config, receiver):
    def run(*args):
        return notify_config(
            {"name": "ops", "url": receiver.url + "/ops",
             "preset": "discord"},
            {"name": "second", "url": receiver.url + "/second"},
            {"name": "gone", "url": "http://127.0.0.1:1/"}, args=args)

    return run


def test_test(notify, receiver):
    code, out, err = notify("--test", "ops", "second")
    assert (code, err) == (0, "")
    assert out == "ops: sent (HTTP 200)\nsecond: sent (HTTP 200)\n"
    assert receiver.told("/ops")[0].json()["content"] == \
        "**box** a test: notifications arrive"
    assert receiver.told("/second")[0].json()["event"] == "test"


def test_test_says_who_did_not_take_it(notify, receiver):
    code, out, _ = notify("--test")
    assert code == 3
    assert "gone: failed (" in out and "refused" in out
    receiver.answer(404)
    code, out, _ = notify("--test", "ops")
    assert (code, out) == (4, "ops: refused (HTTP 404)\n")


def test_test_of_nobody(notify, notify_config):
    assert notify()[0] == 2
    code, out, err = notify("--test", "opps")
    assert (code, out) == (2, "")
    assert "did you mean ops?" in err
    code, _, err = notify_config()
    assert code == 2 and "has no notifications" in err
