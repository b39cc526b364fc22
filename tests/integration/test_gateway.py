# SPDX-License-Identifier: Apache-2.0
"""Unknown is not bad: a gateway that is down, empty or talks nonsense bounces
nothing, is told apart from one that says so, and is believed again at once."""

import time

from daemons.bouncer import monitor, settings
from daemons.process import wait_until

import pytest

LIMIT = 2   # seconds; the max_age of monitor()

LIES = {
    "500": lambda gateway: gateway.say("sorry", status=500),
    "404": lambda gateway: gateway.say("nothing here", status=404),
    "redirect": lambda gateway: gateway.say("", status=302),
    "html": lambda gateway: gateway.say_html(),
    "half a body": lambda gateway: gateway.say_half({"watched": 0}),
    "bad chunk": lambda gateway: gateway.say_bad_chunk(),
    "no http": lambda gateway: gateway.say_garbage(),
    "silence": lambda gateway: gateway.say_nothing(),
    "endless": lambda gateway: gateway.say_endless(),
}


@pytest.fixture
def counter(directory, request):
    """A command of the host that counts its runs, and the count so far."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    path = f"{directory}/{name}.sh"
    with open(path, "w", encoding="utf-8") as script:
        script.write(f"#!/bin/sh\necho \"$BOUNCER_REASON\" >>{path}.runs\n")

    class Counter:
        command = ["/bin/sh", path]

        @property
        def runs(self):
            try:
                with open(f"{path}.runs", encoding="utf-8") as lines:
                    return len(lines.readlines())
            except FileNotFoundError:
                return 0

    return Counter()


def watched(counter, **keys):
    return monitor("watched", type="host", restart_type="command",
                   restart_command=counter.command, **keys)


def outlast(running, seconds):
    """Lets @seconds pass; the program must be alive all the while."""
    until = time.monotonic() + seconds
    running.wait_for(lambda b: time.monotonic() >= until, seconds + 5,
                     "time to pass")


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_nonsense_bounces_nothing(scripted_gateway, bouncer, counter, lie):
    scripted_gateway.say_ages({"watched": 0.5})
    running = bouncer(settings(watched(counter), max_body="1048576",
                               push_gw=scripted_gateway.url))
    running.wait_state("watched", "good")
    assert running.metric("bouncer_source_up") == 1

    lie(scripted_gateway)
    running.wait_state("watched", "unknown")
    assert running.metric("bouncer_source_up") == 0
    outlast(running, 2 * LIMIT)
    assert running.state("watched") == "unknown"
    assert counter.runs == 0

    scripted_gateway.say_ages({"watched": 0.5})
    running.wait_state("watched", "good")
    assert running.metric("bouncer_source_up") == 1
    assert counter.runs == 0
    news = [entry["result"] for entry in running.journal()
            if entry["event"] == "source"]
    assert len(news) == 3 and news[0] == news[2] == "ok" != news[1], \
        "up, down and up again, once each"


def test_gateway_that_is_stopped(pushgateway, bouncer, counter):
    pushgateway.push("watched")
    running = bouncer(settings(watched(counter), push_gw=pushgateway.url))
    running.wait_state("watched", "good")
    pushgateway.stop()
    running.wait_state("watched", "unknown")
    outlast(running, 2 * LIMIT)
    assert counter.runs == 0
    pushgateway.start(empty=False)
    pushgateway.push("watched")
    running.wait_state("watched", "good")
    assert counter.runs == 0


def test_gateway_that_is_down_at_the_start(pushgateway, bouncer, counter):
    pushgateway.stop()
    running = bouncer(settings(watched(counter), push_gw=pushgateway.url))
    running.wait_state("watched", "unknown")
    outlast(running, 2 * LIMIT)
    assert counter.runs == 0
    pushgateway.start()
    pushgateway.push("watched")
    running.wait_state("watched", "good")


def test_gateway_that_restarts_empty(pushgateway, bouncer, counter):
    """The group is missing from then on: a breach only when its own limit has
    passed, and none if it pushes before."""
    pushgateway.push("watched")
    running = bouncer(settings(watched(counter, max_age="4s"),
                               push_gw=pushgateway.url))
    running.wait_state("watched", "good")
    pushgateway.stop()
    pushgateway.start(empty=True)
    back = time.monotonic()
    running.wait_for(
        lambda b: b.metric("bouncer_checks_total", result="missing"),
        what="a reading without the group")
    assert counter.runs == 0
    pushgateway.push("watched")
    running.wait_state("watched", "good")
    assert counter.runs == 0

    pushgateway.stop()
    pushgateway.start(empty=True)
    back = time.monotonic()
    wait_until(lambda: counter.runs, 20, "the bounce of what stays missing")
    assert time.monotonic() - back > 2, "not before its limit has passed"


def test_group_that_was_never_seen(pushgateway, bouncer, counter):
    started = time.monotonic()
    running = bouncer(settings(watched(counter), push_gw=pushgateway.url))
    running.wait_step("watched", "ok")
    assert time.monotonic() - started >= LIMIT
    pushgateway.push("watched")
    running.wait_recovered("watched")


def test_gateway_replaced_by_a_login_page(pushgateway, scripted_gateway,
                                          bouncer, counter):
    pushgateway.push("watched")
    running = bouncer(settings(watched(counter), push_gw=pushgateway.url))
    running.wait_state("watched", "good")
    pushgateway.stop()
    scripted_gateway.stop()
    scripted_gateway.say_html()
    scripted_gateway.start(port=pushgateway.port)
    running.wait_state("watched", "unknown")
    outlast(running, 2 * LIMIT)
    assert counter.runs == 0
    scripted_gateway.stop()
    pushgateway.start()
    pushgateway.push("watched")
    running.wait_state("watched", "good")
    assert counter.runs == 0


def test_monitors_share_one_fetch(scripted_gateway, bouncer, counter):
    jobs = {f"job{i}": 0.5 for i in range(50)}
    scripted_gateway.say_ages(jobs)
    running = bouncer(settings(
        *[monitor(job, type="host", restart_type="command",
                  restart_command=counter.command) for job in jobs],
        push_gw=scripted_gateway.url, check_interval="1s"))
    running.wait_for(lambda b: all(
        shown["state"] == "good" for shown in b.monitors().values()),
        what="all good")
    before, began = scripted_gateway.requests, time.monotonic()
    outlast(running, 3)
    n_requests = scripted_gateway.requests - before
    assert n_requests <= time.monotonic() - began + 1.5
    assert n_requests >= 1


def test_labels_and_their_escapes(pushgateway, bouncer, counter):
    value = 'a "quoted" \\ back,slash} /and/ more'
    pushgateway.push("watched", instance=value)
    pushgateway.push("watched", instance="another")
    exact = watched(counter, labels={"job": "watched", "instance": value})
    del exact["label_name"], exact["label_value"]
    running = bouncer(settings(exact, push_gw=pushgateway.url))
    running.wait_state("watched", "good")
    # Only the other group lives on; it must not count.
    running.wait_for(
        lambda b: pushgateway.push("watched", instance="another") or
        b.steps("watched"), what="the bounce of the exact group")


def test_value_of_a_metric_as_time(pushgateway, bouncer, counter):
    now = time.time()
    pushgateway.push("watched", f"backup_last_success_timestamp_seconds "
                     f"{now - 3600:.3f}\n")
    running = bouncer(settings(watched(
        counter, max_age="2h", metric_value="timestamp",
        metric_name="backup_last_success_timestamp_seconds"),
        push_gw=pushgateway.url))
    running.wait_state("watched", "good")
    shown = running.monitors()["watched"]
    assert 3590 < shown["age_seconds"] < 3660


def test_push_time_of_one_metric(pushgateway, bouncer, counter):
    """The group is pushed to, but not the family that is watched."""
    pushgateway.push("watched", "wanted 1\n")
    running = bouncer(settings(watched(counter, metric_name="wanted"),
                               push_gw=pushgateway.url))
    running.wait_state("watched", "good")

    def push_another(_):
        pushgateway.client.ask("POST", "/metrics/job/watched",
                               body="another 1\n")
        return running.steps("watched", "ok")

    running.wait_for(push_another, what="the bounce of a stale family")
