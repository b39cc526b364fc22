# SPDX-License-Identifier: Apache-2.0
"""The peers themselves: what the other tests build on is really there."""

import time

from daemons.http import Refused
from daemons.lxd import GRACEFUL
from daemons.process import wait_until
from daemons.prometheus import promtool_check
from daemons.scripted import exposition

import pytest

PUSH_LOOP = """trap 'hung=1' USR1
while :; do
    [ "$hung" ] || wget -q -O /dev/null --post-data 'up 1
' {url}/metrics/job/pusher
    sleep 0.2
done"""


def test_pushgateway_forgets_only_when_told(pushgateway):
    pushgateway.push("a/b c", instance="x")
    assert 'job="a/b c"' in pushgateway.metrics()
    pushgateway.stop()
    with pytest.raises(OSError):
        pushgateway.metrics()
    pushgateway.start(empty=False)
    assert 'job="a/b c"' in pushgateway.metrics()
    pushgateway.stop()
    pushgateway.start(empty=True)
    assert "push_time_seconds{" not in pushgateway.metrics()


def test_prometheus_scrapes(prometheus, pushgateway):
    pushgateway.push("seen")
    prometheus.scrape(f"127.0.0.1:{pushgateway.port}")
    wait_until(lambda: prometheus.query('push_time_seconds'), 15,
               "scraped series")


def test_promtool_tells_good_from_bad(pushgateway):
    pushgateway.push("a")
    assert promtool_check("# HELP a_total Of a.\n# TYPE a_total counter\n"
                          "a_total 1\n") == ""
    assert promtool_check("a_total one\n") != ""


def test_docker_runs_pushes_and_restarts(dockerd, pushgateway):
    dockerd.run("pusher", ["/bin/sh", "-c",
                           PUSH_LOOP.format(url=pushgateway.url)],
                network="host")
    wait_until(lambda: 'job="pusher"' in pushgateway.metrics(), 10, "a push")
    dockerd.kill("pusher", "USR1")
    assert dockerd.state("pusher")["Running"]
    before = dockerd.started_at("pusher")
    dockerd.api("POST", "/containers/pusher/restart?t=0")
    assert dockerd.started_at("pusher") != before
    with pytest.raises(Refused, match="404"):
        dockerd.inspect("nobody")
    assert dockerd.read_file("pusher", "/etc/passwd").startswith("root")


def test_docker_daemon_goes_and_comes_back(dockerd):
    dockerd.run("stays", ["/bin/sleep", "1000"], StopTimeout=1,
                host_config={"RestartPolicy": {"Name": "always"}})
    dockerd.restart_daemon()
    wait_until(lambda: dockerd.state("stays")["Running"], 10, "back again")
    dockerd.restart_daemon(hard=True)
    wait_until(lambda: dockerd.state("stays")["Running"], 10, "back again")


def test_podman_runs_and_restarts(podman):
    podman.run("idle", ["/bin/sleep", "1000"])
    before = podman.started_at("idle")
    podman.api("POST", "/containers/idle/restart?t=0")
    assert podman.started_at("idle") != before
    assert podman.client.call("GET", "/_ping").headers[
        "Server"].startswith("Libpod")


def test_lxd_launches_and_stops(lxd):
    lxd.launch("polite", config=GRACEFUL)
    lxd.change_state("polite", "stop")
    assert lxd.state("polite") == "Stopped"
    lxd.launch("plain")
    assert lxd.state("plain") == "Running"
    assert "root" in lxd.read_file("plain", "/etc/passwd")
    assert lxd.read_file("plain", "/no/such/file") == ""


def test_lxd_has_projects(lxd):
    lxd.add_project("other")
    lxd.launch("same", project="other")
    lxd.launch("same")
    assert lxd.pid("same") != lxd.pid("same", project="other")


def test_scripted_gateway_lies_as_told(scripted_gateway):
    from daemons.http import Client
    client = Client(scripted_gateway.url)
    scripted_gateway.say_ages({"a": 3})
    assert f"{time.time() - 3:.0f}"[:8] in client.call("GET", "/metrics").text
    scripted_gateway.say("sorry", status=500)
    assert client.call("GET", "/metrics").status == 500
    scripted_gateway.say_html()
    assert "Sign in" in client.call("GET", "/metrics").text
    scripted_gateway.say_half({"a": 3})
    with pytest.raises(OSError):
        client.call("GET", "/metrics")
    scripted_gateway.say_nothing()
    with pytest.raises(TimeoutError):
        client.call("GET", "/metrics", timeout=0.2)
    assert scripted_gateway.requests == 5
    assert exposition({}).count("\n") == 2
