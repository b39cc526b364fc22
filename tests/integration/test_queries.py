# SPDX-License-Identifier: Apache-2.0
"""What goes wrong between the program and real Prometheus servers: queries
that they refuse, servers that go and come back, and replicas."""

import time

from daemons.bouncer import settings
from daemons.process import wait_until

import pytest

QUIET_SECONDS = 2   # in which nothing may happen: ten readings


@pytest.fixture
def servers(prometheus_servers, scripted_exporter):
    """Two replicas that scrape the same."""
    scripted_exporter.set("load", 5, host="a")
    pair = prometheus_servers(2, every="200ms")
    for server in pair:
        server.scrape(scripted_exporter.address)
    for server in pair:
        server.wait_value('load{host="a"}', 5)
    return pair


def metric(name, **keys):
    return {"name": name, "watch": "metric", "query": "load",
            "threshold": ">100",
            "steps": [{"type": "run", "command": ["/bin/true"]}], **keys}


def start(bouncer, servers, *monitors, **keys):
    return bouncer(settings(
        *monitors, prometheus=",".join(one.url for one in servers), **keys))


def bounced(running, name):
    return any(entry["event"] == "state" and entry["to"] == "bouncing"
               for entry in running.journal(name))


def n_requests(server):
    """Answers to queries, by the server's own counter."""
    return sum(float(line.rsplit(" ", 1)[1])
               for line in server.client.ask("GET", "/metrics").text
               .splitlines()
               if line.startswith("prometheus_http_requests_total")
               and '"/api/v1/query"' in line)


@pytest.mark.parametrize("query, reason, said", [
    ("load{", "bad_query", "parse error"),
    ("load[1m]", "wrong_type", "the result is a matrix"),
    ('"text"', "wrong_type", "the result is a string"),
    ("up * on() up * on(nosuch) group_left() {__name__=~\"load|up\"}",
     "bad_query", "execution"),
])
def test_a_query_at_fault(bouncer, servers, query, reason, said):
    """It is unknown, is never missing, and the log says why."""
    running = start(bouncer, servers,
                    metric("wrong", query=query, missing="breach"),
                    metric("right"))
    running.wait_state("right", "good")
    line = running.wait_log("source cannot be read", f"reason={reason}", said)
    assert servers[0].url in line
    time.sleep(QUIET_SECONDS)
    assert not bounced(running, "wrong")
    assert running.state("wrong") != "good"
    assert running.state("right") == "good"


def test_only_the_first_is_asked(bouncer, servers):
    before = n_requests(servers[1])
    running = start(bouncer, servers, metric("load"))
    running.wait_state("load", "good")
    asked = n_requests(servers[0])
    time.sleep(QUIET_SECONDS)
    assert n_requests(servers[0]) > asked + QUIET_SECONDS * 2
    assert n_requests(servers[1]) == before


def test_one_of_two_replicas_dies(bouncer, servers, scripted_exporter):
    """Nobody notices but the log; a breach that the other one sees counts."""
    running = start(bouncer, servers, metric("load"))
    running.wait_state("load", "good")
    servers[0].stop()
    line = running.wait_log("another server answers")
    assert servers[1].url in line and "connection refused" in line
    scripted_exporter.set("load", 500, host="a")
    running.wait_step("load", "ok")
    # and back: who answered last is asked on
    servers[0].start()
    asked = n_requests(servers[1])
    wait_until(lambda: n_requests(servers[1]) > asked + 3, 20,
               "more questions to the second")
    servers[1].stop()
    running.wait_log("another server answers", f"server={servers[0].url}")


def test_both_die_and_come_back(bouncer, servers):
    """Unknown is no breach, whatever missing is; then it goes on."""
    running = start(bouncer, servers, metric("load", missing="breach"))
    running.wait_state("load", "good")
    for server in servers:
        server.kill()
    line = running.wait_log("source cannot be read", "reason=refused")
    assert all(server.url in line for server in servers)
    assert "(query load)" in line
    running.wait_state("load", "unknown")
    time.sleep(QUIET_SECONDS)
    assert not bounced(running, "load")
    servers[1].start()
    running.wait_state("load", "good")
    assert not bounced(running, "load")


def test_a_server_that_knows_no_such_path(bouncer, scripted_exporter):
    """An exporter is no server: it says so."""
    running = bouncer(settings(
        metric("load"), prometheus=scripted_exporter.url))
    scripted_exporter.say("404 page not found\n", status=404)
    running.wait_log("source cannot be read", "is this the URL of a Prometheus")
