# SPDX-License-Identifier: Apache-2.0
"""Of several daemons one acts: who holds the Lease of a Kubernetes API, here
one that is scripted, over TLS."""

import json
import os
import signal
import tempfile

import pytest

from daemons.bouncer import monitor, settings
from daemons.process import wait_until

QUICK = {"kubernetes_lease": "mon", "lease_duration": "3s",
         "renew_deadline": "2s", "retry_period": "300ms"}


@pytest.fixture
def done(directory):
    """What was done, by whom: a file of a line for each bounce."""
    return os.path.join(tempfile.mkdtemp(prefix="done-", dir=directory), "done")


def lines(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="ascii") as text:
        return text.read().split()


def configuration(done, who, gateway, **leader):
    text = json.loads(settings(
        monitor("job", type="host", restart_type="command",
                restart_command=["/bin/sh", "-c", f"echo $BOUNCER_EPOCH >>{done}.epochs;"
                                 f"echo {who} >>{done}"],
                cooldown="1h", max_age="500ms"),
        push_gw=gateway.url))
    text["leader"] = {**QUICK, "identity": who, **leader}
    return json.dumps(text)


@pytest.fixture
def instance(kubernetes, pushgateway, done, bouncer):
    pushgateway.push("job")

    def start(who, **leader):
        return bouncer(configuration(done, who, pushgateway, **leader),
                       env=kubernetes.environment)
    return start


def leader_of(running):
    return running.client.ask("GET", "/api/v1/daemon").json()["leader"]


def leads(running):
    return running.metric("bouncer_leader") == 1


def test_one_of_two_acts(kubernetes, instance, done):
    first = instance("one")
    wait_until(lambda: leads(first), 20, "the first leads")
    assert kubernetes.holder.startswith("one_")
    assert kubernetes.lease["spec"]["leaseTransitions"] == 0
    second = instance("two")
    wait_until(lambda: lines(done) == ["one"], 20, "a bounce")
    wait_until(lambda: "leader" in second.monitors()["job"]["held_by"], 20,
               "the second is held")
    assert not leads(second)
    assert leader_of(second)["holder"] == leader_of(first)["identity"]
    assert lines(done) == ["one"]

    # its end gives it free at once, and the second does what waits
    assert first.end() == 0
    wait_until(lambda: leads(second), 20, "the second leads")
    wait_until(lambda: lines(done) == ["one", "two"], 20, "its bounce")
    assert kubernetes.holder.startswith("two_")
    assert ("PUT", "") in kubernetes.requests
    assert kubernetes.lease["spec"]["leaseTransitions"] == 1
    # what others wrote into it is still there
    assert kubernetes.lease["metadata"]["labels"] == {"kept": "yes"}
    wait_until(lambda: any(entry["reason"] == "we lead"
                           for entry in second.journal()), 20, "an entry")
    # what it acts on can tell it from the first
    assert leader_of(second)["epoch"] == 2
    with open(done + ".epochs", encoding="ascii") as epochs:
        assert epochs.read().split() == ["1", "2"]


def test_the_leader_is_killed(kubernetes, instance, done):
    first = instance("one")
    wait_until(lambda: lines(done) == ["one"], 20, "a bounce")
    second = instance("two")
    wait_until(lambda: leader_of(second)["holder"].startswith("one_"), 20,
               "who leads is known")
    first.process.signal(signal.SIGKILL)
    first.process.wait(20)
    first.process = None
    assert not leads(second)
    wait_until(lambda: leads(second), 30, "the lease runs out")
    wait_until(lambda: lines(done) == ["one", "two"], 20, "a bounce")


def test_the_api_goes_away(kubernetes, instance):
    running = instance("one")
    wait_until(lambda: leads(running), 20, "it leads")
    kubernetes.down = True
    wait_until(lambda: not leads(running), 20, "it lets go")
    wait_until(lambda: any(entry["reason"] == "we do not lead any more"
                           for entry in running.journal()), 20, "an entry")
    kubernetes.down = False
    wait_until(lambda: leads(running), 20, "it leads again")


def test_a_token_that_is_replaced(kubernetes, instance):
    running = instance("one")
    wait_until(lambda: leads(running), 20, "it leads")
    kubernetes.write_token("second")
    kubernetes.tokens = {"second"}
    n = len(kubernetes.requests)
    wait_until(lambda: len(kubernetes.requests) > n + 5, 20, "renewals")
    assert leads(running)
    assert not any("do not lead" in entry["reason"]
                   for entry in running.journal())


def test_somebody_else_writes_the_lease(kubernetes, instance):
    running = instance("one")
    wait_until(lambda: leads(running), 20, "it leads")
    for _ in range(3):
        kubernetes.touch()
        n = len(kubernetes.requests)
        wait_until(lambda: len(kubernetes.requests) > n + 3, 20, "renewals")
    assert leads(running)
    assert not any("do not lead" in entry["reason"]
                   for entry in running.journal())
    assert kubernetes.lease["metadata"]["labels"]["touched"] == "yes"


def test_what_the_api_refuses_is_said(kubernetes, instance, done):
    kubernetes.refusals = [403] * 1000
    running = instance("one")
    wait_until(lambda: "get, create and update on leases" in
               running.log_tail(), 20, "words")
    assert "as the test wants it" in running.log_tail()
    assert "403" in leader_of(running)["trouble"]
    assert not leads(running)
    assert lines(done) == []


def test_without_a_cluster(pushgateway, done, bouncer):
    pushgateway.push("job")
    running = bouncer(configuration(done, "one", pushgateway),
                      env={"KUBERNETES_SERVICE_HOST": ""})
    wait_until(lambda: lines(done) == ["one"], 20, "a bounce")
    assert "no cluster: we act" in running.log_tail()
    assert leads(running)
    required = bouncer(configuration(done, "two", pushgateway, required=True),
                       env={"KUBERNETES_SERVICE_HOST": ""})
    wait_until(lambda: "leader" in required.monitors()["job"]["held_by"], 20,
               "it is held")
    assert lines(done) == ["one"]
    assert "nothing is bounced" in required.log_tail()
