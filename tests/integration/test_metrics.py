# SPDX-License-Identifier: Apache-2.0
"""Limits of values, asked of a real Prometheus or of an exporter itself: held
for a time, in levels, each series for itself, and what is no value."""

import os
import time

from daemons.bouncer import settings
from daemons.process import wait_until
from test_control import Control
from test_notify import with_notifications

import pytest

QUIET_SECONDS = 2   # in which nothing may happen: ten readings


class Notes:
    """A file to which steps write a line each."""

    def __init__(self, directory):
        self.path = os.path.join(directory, f"notes-{time.monotonic_ns()}")

    def step(self, *arguments):
        """A command of the host that notes its arguments."""
        return {"type": "run", "command": [
            "/bin/sh", "-c", f'echo "$*" >>{self.path}', "note", *arguments]}

    def environment(self):
        return {"type": "run", "command": [
            "/bin/sh", "-c", f"env | grep ^BOUNCER_ | sort >>{self.path}"]}

    def lines(self):
        try:
            with open(self.path, encoding="utf-8") as notes:
                return notes.read().splitlines()
        except FileNotFoundError:
            return []

    def wait(self, *lines):
        wait_until(lambda: sorted(self.lines()) == sorted(lines), 20,
                   f"notes are {lines}, not {self.lines()}")


@pytest.fixture
def notes(directory):
    return Notes(directory)


@pytest.fixture
def watched(prometheus, scripted_exporter):
    """An exporter that a Prometheus scrapes."""
    prometheus.scrape(scripted_exporter.address)
    return prometheus, scripted_exporter


def metric(name, **keys):
    limit = {} if "soft" in keys else {"threshold": ">100",
                                       "backoff": "5m"}
    return {"name": name, "watch": "metric", **limit, **keys}


def show(watched, name, value, **labels):
    """Sets a value and waits until Prometheus has it."""
    prometheus, exporter = watched
    exporter.set(name, value, **labels)
    selector = ",".join(f'{key}="{value}"' for key, value in labels.items())
    prometheus.wait_value(f"{name}{{{selector}}}", float(value))


def start(bouncer, watched, *monitors, **keys):
    return bouncer(settings(*monitors, prometheus=watched[0].url, **keys))


def bounced(running, name):
    return len([entry for entry in running.journal(name)
                if entry["event"] == "state" and entry["to"] == "bouncing"])


def stays(running, name, *states):
    """For a while nothing else happens."""
    until = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < until:
        assert running.state(name) in states, running.story()
        time.sleep(0.1)


def appears(running, name, *states):
    """It is there, in one of the states."""
    running.wait_for(
        lambda b: b.monitors().get(name, {}).get("state") in states,
        what=f"{name} is there, {' or '.join(states)}")


# --- one monitor -------------------------------------------------------------

def test_a_value_that_stays_above(bouncer, watched, notes):
    """The step is told which series it was, and how much."""
    show(watched, "load", 50, disk="a")
    show(watched, "load", 20, disk="b")
    running = start(bouncer, watched, metric(
        "load", query="load", for_="1s",
        steps=[notes.step("{{ labels.disk }}", "{{ value }}",
                          "{{ threshold }}")]))
    running.wait_state("load", "good")
    show(watched, "load", 104.5, disk="b")
    running.wait_state("load", "breached", "waiting", "bouncing", "verifying",
                       "cooling")
    notes.wait("b 104.5 >100")
    assert running.monitors()["load"]["labels"]["disk"] == "b"
    show(watched, "load", 99, disk="b")
    running.wait_state("load", "good")
    assert bounced(running, "load") == 1
    held = [entry for entry in running.journal("load")
            if entry["event"] == "state" and entry["to"] == "bouncing"]
    assert "value=104.5" in held[0]["detail"], held


def test_a_short_one_is_nothing(bouncer, watched):
    show(watched, "load", 104)
    running = start(bouncer, watched, metric(
        "load", query="load", for_="1h", steps=[{"type": "log"}]))
    running.wait_state("load", "breached")
    show(watched, "load", 4)
    running.wait_state("load", "good")
    assert bounced(running, "load") == 0


def test_soft_hard_and_down_again(bouncer, watched, notes):
    show(watched, "load", 50)
    running = start(bouncer, watched, metric(
        "load", query="load",
        soft={"threshold": ">80", "backoff": "5m",
              "steps": [notes.step("soft", "{{ value }}")]},
        hard={"threshold": ">120", "backoff": "5m",
              "steps": [notes.step("hard", "{{ value }}")]},
        on_resolved=[notes.step("over", "{{ value }}")]))
    running.wait_state("load", "good")
    show(watched, "load", 90)
    notes.wait("soft 90")
    show(watched, "load", 130)
    notes.wait("soft 90", "hard 130")
    show(watched, "load", 85)
    stays(running, "load", "verifying", "cooling", "waiting")
    show(watched, "load", 10)
    notes.wait("soft 90", "hard 130", "over 10")
    running.wait_state("load", "good")


def test_a_breach_ends_where_it_is_clear(bouncer, watched, notes):
    show(watched, "load", 110)
    running = start(bouncer, watched, metric(
        "load", query="load", clear="<90", steps=[notes.step("{{ value }}")]))
    notes.wait("110")
    show(watched, "load", 95)
    stays(running, "load", "verifying", "cooling", "waiting")
    show(watched, "load", 89)
    running.wait_state("load", "good")


def test_nan_is_no_breach_and_infinity_is(bouncer, watched, notes):
    prometheus, exporter = watched
    exporter.set("bottomless", "NaN")
    exporter.set("endless", "+Inf")
    prometheus.wait_value("endless", float("inf"))
    running = start(
        bouncer, watched,
        metric("none", query="bottomless", steps=[notes.step("never")]),
        metric("much", query="endless", steps=[notes.step("{{ value }}")]))
    notes.wait("+Inf")
    running.wait_state("none", "good")
    stays(running, "none", "good")
    notes.wait("+Inf")


@pytest.mark.parametrize("missing, states", [
    ("hold", {"verifying", "cooling", "waiting"}), ("zero", {"good"})])
def test_no_series_after_a_breach(bouncer, watched, notes, missing, states):
    prometheus, exporter = watched
    show(watched, "load", 110)
    running = start(bouncer, watched, metric(
        "load", query="load", missing=missing, steps=[notes.step("once")]))
    notes.wait("once")
    exporter.remove("load")
    wait_until(lambda: not prometheus.query("load"), 20, "the series is gone")
    running.wait_state("load", *states)
    stays(running, "load", *states)
    notes.wait("once")


def test_no_series_may_be_a_breach(bouncer, watched, notes):
    running = start(bouncer, watched,
                    metric("load", query="load", missing="breach",
                           steps=[notes.step("none")]),
                    metric("other", query="load", steps=[notes.step("never")]))
    notes.wait("none")
    stays(running, "other", "starting", "good")


# --- each series for itself --------------------------------------------------

def test_each_series_is_a_monitor(bouncer, watched, notes):
    for disk in "abc":
        show(watched, "usage", 10, disk=disk)
    running = start(bouncer, watched, metric(
        "usage", query="usage", series="each",
        steps=[notes.step("{{ monitor }}", "{{ labels.disk }}",
                          "{{ value }}")]))
    names = [f'usage/{{disk="{disk}",instance="{watched[1].address}",'
             'job="test"}' for disk in "abc"]
    for name in names:
        appears(running, name, "good")
    show(watched, "usage", 101, disk="b")
    notes.wait(f"{names[1]} b 101")
    assert [bounced(running, name) for name in names] == [0, 1, 0]
    assert running.metric("bouncer_rule_members", rule="usage") == 3


def test_a_series_that_is_gone_is_forgotten(bouncer, watched, notes):
    prometheus, exporter = watched
    for disk in "ab":
        show(watched, "usage", 10, disk=disk)
    running = start(bouncer, watched, metric(
        "usage", query="sum by (disk) (usage)", series="each",
        forget_after="1s", steps=[notes.step("never")]))
    appears(running, 'usage/{disk="a"}', "good")
    appears(running, 'usage/{disk="b"}', "good")
    exporter.remove("usage", disk="a")
    running.wait_for(lambda b: set(b.monitors()) == {'usage/{disk="b"}'},
                     what="the series is forgotten")
    assert prometheus.query("usage") and not notes.lines()


def test_no_more_series_than_allowed(bouncer, watched):
    for disk in "abc":
        show(watched, "usage", 10, disk=disk)
    running = start(bouncer, watched, metric(
        "usage", query="usage", series="each", max_series=2,
        steps=[{"type": "log"}]))
    line = running.wait_log("covers as many as it may", "max_series=2")
    running.wait_for(lambda b: len(b.monitors()) == 2, what="two monitors")
    stays(running, next(iter(running.monitors())), "good")
    assert running.log_lines().count(line) == 1
    assert len([said for said in running.log_lines()
                if "covers as many" in said]) == 1


def test_a_series_names_its_container(bouncer, watched, dockerd):
    """Each one that is bad has the container restarted that it is about."""
    for name in ("web", "db"):
        dockerd.run(name, ["/bin/sleep", "1000"])
        show(watched, "memory", 10, container=name)
    show(watched, "memory", 10, container="")
    began = {name: dockerd.started_at(name) for name in ("web", "db")}
    running = start(
        bouncer, watched,
        metric("memory", query="sum by (container) (memory)", series="each",
               type="docker", container_name="{{ labels.container }}",
               steps=[{"type": "restart", "stop_timeout": "0s"}]),
        socket_docker=dockerd.socket)
    for name in ("web", "db"):
        appears(running, f'memory/{{container="{name}"}}', "good")
    show(watched, "memory", 101, container="web")
    wait_until(lambda: dockerd.started_at("web") != began["web"], 20,
               "it is restarted")
    assert dockerd.started_at("db") == began["db"]
    assert running.monitors()['memory/{container="web"}']["container"] == "web"
    show(watched, "memory", 101, container="")
    running.wait_step("memory/{}", "no_target")


# --- what is no answer -------------------------------------------------------

def test_prometheus_restarted_in_the_middle(bouncer, watched, notes):
    """What cannot be known is no breach, and no end of one."""
    prometheus, _ = watched
    show(watched, "load", 50)
    show(watched, "high", 110)
    running = start(
        bouncer, watched,
        metric("load", query="load", missing="breach",
               steps=[notes.step("load")]),
        metric("high", query="high", steps=[notes.step("high")]))
    notes.wait("high")
    running.wait_state("load", "good")
    prometheus.kill()
    running.wait_state("load", "unknown")
    running.wait_state("high", "unknown")
    assert running.metric("bouncer_source_up") == 0
    prometheus.start()
    running.wait_state("load", "good")
    running.wait_state("high", "verifying", "cooling", "waiting")
    notes.wait("high")


def test_a_query_that_is_refused_harms_no_other(bouncer, watched, notes):
    show(watched, "load", 50)
    running = start(
        bouncer, watched,
        metric("bad", query="load{", steps=[notes.step("bad")]),
        metric("text", query='"abc"', steps=[notes.step("text")]),
        metric("load", query="load", steps=[notes.step("load")]))
    running.wait_state("load", "good")
    running.wait_state("bad", "unknown")
    running.wait_state("text", "unknown")
    stays(running, "load", "good")
    assert running.metric("bouncer_source_up") == 1
    turns = [entry["result"] for entry in running.journal()
             if entry["event"] == "source"]
    assert turns == ["ok"], turns
    why = [entry["detail"] for entry in running.journal("bad")
           if entry["event"] == "state"]
    assert "parse error" in why[-1], why
    why = [entry["detail"] for entry in running.journal("text")
           if entry["event"] == "state"]
    assert "wrong_type" in why[-1], why


# --- beside it ---------------------------------------------------------------

def test_reload_in_the_middle(bouncer, watched, notes):
    """What did not change goes on where it was; a new limit counts at once."""
    show(watched, "load", 110)
    show(watched, "usage", 110, disk="a")
    load = metric("load", query="load", steps=[notes.step("load")])
    usage = metric("usage", query="sum by (disk) (usage)", series="each",
                   steps=[notes.step("usage")])
    running = start(bouncer, watched, load, usage)
    notes.wait("load", "usage")
    running.wait_state("load", "verifying", "cooling", "waiting")
    more = metric("more", query="load", threshold=">1000",
                  steps=[notes.step("more")])
    running.reload(settings(load, usage, more, prometheus=watched[0].url))
    appears(running, "more", "good")
    stays(running, "load", "verifying", "cooling", "waiting")
    appears(running, 'usage/{disk="a"}', "verifying", "cooling", "waiting")
    notes.wait("load", "usage")
    show(watched, "usage", 5, disk="a")
    running.wait_state('usage/{disk="a"}', "good")


def test_dry_run_only_says_it(bouncer, watched, notes):
    show(watched, "load", 110)
    running = start(bouncer, watched, metric(
        "load", query="load", dry_run=True, steps=[notes.step("never")]))
    running.wait_step("load", "dry_run")
    assert not notes.lines()


def test_budget_and_giving_up(bouncer, watched, notes):
    show(watched, "load", 110)
    running = start(bouncer, watched, metric(
        "load", query="load", backoff="200ms", max_bounces=2,
        steps=[notes.step("again")]))
    running.wait_state("load", "gave_up")
    notes.wait("again", "again")
    show(watched, "load", 1)
    running.wait_state("load", "good")


def test_a_person_may_pause_a_rule(bouncer, watched, notes):
    show(watched, "usage", 10, disk="a")
    running = start(bouncer, watched, metric(
        "usage", query="sum by (disk) (usage)", series="each",
        steps=[notes.step("{{ labels.disk }}")]))
    appears(running, 'usage/{disk="a"}', "good")
    control = Control("--unix-socket", running.socket, "http://bouncer")
    status, reply = control.post("/api/v1/pause", {"monitor": "usage"})
    assert status == 200
    assert reply["covers"] == "series" and reply["series"] == 1
    show(watched, "usage", 110, disk="a")
    show(watched, "usage", 110, disk="b")
    appears(running, 'usage/{disk="b"}', "paused")
    stays(running, 'usage/{disk="a"}', "paused")
    assert control.post("/api/v1/resume", {"monitor": "usage"})[0] == 200
    notes.wait("a", "b")


def test_what_is_told_to_people(bouncer, watched, notes, receiver):
    show(watched, "load", 110, disk="a")
    text = ('"{{ event }} {{ labels.disk }} {{ value }} {{ threshold }} '
            '{{ level }}"')
    config = settings(
        metric("load", query="load", steps=[notes.step("x")],
               after=["/bin/sh", "-c", f'echo "$1" >>{notes.path}', "after",
                      "{{ labels.disk }} {{ value }}"]),
        prometheus=watched[0].url)
    running = bouncer(with_notifications(
        config, {"name": "n", "url": f"{receiver.url}/x", "body": text}))
    notes.wait("x", "a 110")
    receiver.wait_told(1)
    show(watched, "load", 10, disk="a")
    running.wait_state("load", "good")
    receiver.wait_told(2)
    assert [told.json() for told in receiver.told()] == [
        "bounced a 110 >100 ", "recovered a 10 >100 "]


# --- an exporter, without any server -----------------------------------------

def test_an_exporter_is_read_directly(bouncer, scripted_exporter, notes):
    scripted_exporter.set("load", 10, disk="a")
    scripted_exporter.set("load", 20, disk="b")
    scripted_exporter.set("load", 900, disk="other")
    running = bouncer(settings(metric(
        "load", scrape=f"{scripted_exporter.url}/metrics", metric_name="load",
        label_filters='disk=~"a|b"',
        steps=[notes.step("{{ labels.disk }}", "{{ value }}")])))
    running.wait_state("load", "good")
    scripted_exporter.set("load", 101, disk="a")
    notes.wait("a 101")
    scripted_exporter.say("", status=500)
    running.wait_state("load", "unknown")
    scripted_exporter.show()
    scripted_exporter.set("load", 1, disk="a")
    running.wait_state("load", "good")
    notes.wait("a 101")


def test_each_series_of_an_exporter(bouncer, scripted_exporter, notes):
    for disk, value in (("a", 1), ("b", 500), ("c", 3)):
        scripted_exporter.set("load", value, disk=disk)
    running = bouncer(settings(metric(
        "load", scrape=f"{scripted_exporter.url}/metrics", metric_name="load",
        series="each", steps=[notes.step("{{ labels.disk }}")])))
    notes.wait("b")
    assert set(running.monitors()) == {
        f'load/{{disk="{disk}"}}' for disk in "abc"}
