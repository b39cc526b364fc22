# SPDX-License-Identifier: Apache-2.0
"""Registry, workers and Prometheus servers together: an edit arrives."""

import http.client
import json
import os
import signal
import subprocess
import time

import pytest

from daemons.bouncer import Bouncer, monitor, program, settings
from daemons.http import Client
from daemons.process import wait_until
from daemons.registry import Asker, configuration, secret
from daemons.worker import (RELOADED_SECONDS, WAIT_SECONDS, FilePrometheus,
                            Worker)

COMMAND_SECONDS = 30


class World:
    """A registry, two shards with a Prometheus and a worker each."""

    def __init__(self, directory):
        self.directory = directory
        self.bouncer = Bouncer(os.path.join(directory, "registry"))
        self.token = os.path.join(directory, "token")
        with open(self.token, "w", encoding="ascii") as out:
            out.write(secret("read") + "\n")
        self.admin = Asker(self.bouncer.url)
        self.prometheus = {}
        self.workers = {}
        self.servers = {}

    def start(self, **settings):
        self.bouncer.start(configuration(self.directory, **settings))

    def shard(self, name):
        prometheus = FilePrometheus(os.path.join(self.directory, name))
        prometheus.start()
        self.prometheus[name] = prometheus
        shard = self.admin.make("/rest/v2/shards", {"name": name})
        self.servers[name] = self.admin.make(
            "/rest/v2/servers", {"shard": name, "host": "127.0.0.1",
                                 "port": prometheus.port})
        worker = Worker(os.path.join(self.directory, name + "-worker"),
                        self.bouncer.url, prometheus,
                        **{"token-file": self.token})
        self.workers[name] = worker
        worker.start()
        return shard

    def project(self, name, shard, *hosts, port=9100, job="node",
                service="shop"):
        """Its id, the farm's and the exporter's."""
        services = self.admin.get("/rest/v2/services?page_size=1000")
        service_id = next((each["id"] for each in services["results"]
                           if each["name"] == service), None)
        if service_id is None:
            service_id = self.admin.make("/rest/v2/services",
                                         {"name": service})["id"]
        project = self.admin.make(
            f"/rest/v2/services/{service_id}/project",
            {"name": name, "shard": shard})["id"]
        farm = self.admin.make(f"/rest/v2/projects/{project}/farms",
                               {"name": name + "-farm",
                                "hosts": list(hosts)})["id"]
        exporter = self.admin.make(
            f"/rest/v2/projects/{project}/exporters",
            {"job": job, "port": port, "enabled": True})["id"]
        return project, farm, exporter

    def rule(self, name, clause, **more):
        return self.admin.make("/rest/v2/sites/1/rules",
                               {"name": name, "clause": clause,
                                "duration": "1m", **more})["id"]

    def change(self, path, **body):
        reply = self.admin.call("PATCH", path, json.dumps(body))
        assert reply.status == 200, reply.text

    def delete(self, path):
        reply = self.admin.call("DELETE", path)
        assert reply.status == 204, reply.text

    def status(self, shard):
        name = f"127.0.0.1:{self.prometheus[shard].port}"
        listed = self.admin.get("/worker/servers")["servers"]
        return next(each for each in listed if each["server"] == name)

    def wait(self, check, what, timeout=WAIT_SECONDS):
        try:
            return wait_until(check, timeout, what, every=0.02)
        except TimeoutError as late:
            said = "".join(worker.said() for worker in self.workers.values())
            raise AssertionError(
                f"{late}\n{self.bouncer.log_tail()}\n{said}") from None

    def wait_sync(self, timeout=WAIT_SECONDS):
        for shard in self.workers:
            self.wait(lambda shard=shard: self.status(shard)["in_sync"],
                      f"{shard} is in sync", timeout)

    def targets(self, shard):
        """The addresses in the file."""
        text = self.workers[shard].read(self.workers[shard].targets)
        return sorted(target for group in json.loads(text or "[]")
                      for target in group["targets"])

    def command(self, *words, code=0):
        done = subprocess.run(
            [program(), "registry", *words, "--socket", self.bouncer.socket],
            text=True, capture_output=True, check=False,
            timeout=COMMAND_SECONDS)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def stop(self):
        for worker in self.workers.values():
            if worker.process:
                worker.process.kill()
        for prometheus in self.prometheus.values():
            prometheus.stop()
        self.bouncer.kill()


@pytest.fixture
def world(tmp_path):
    world = World(str(tmp_path))
    world.start()
    yield world
    world.stop()


def test_an_edit_is_visible(world):
    world.shard("tokyo")
    world.shard("osaka")
    world.project("web", "tokyo", "127.0.0.1", port=1)
    world.rule("up_is_zero", "up == 0")
    world.wait_sync()
    assert world.targets("tokyo") == ["127.0.0.1:1"]
    assert world.targets("osaka") == []
    assert world.prometheus["osaka"].rule_names() == ["up_is_zero"]
    world.wait(lambda: world.prometheus["tokyo"].active() == ["127.0.0.1:1"],
               "the target is scraped")


def test_names_and_deletions_arrive(world):
    world.shard("tokyo")
    project, farm, exporter = world.project("web", "tokyo", "a", "b")
    world.admin.make(f"/rest/v2/projects/{project}/rules",
                     {"name": "down", "clause": "up == 0", "duration": "1m"})
    world.wait_sync()
    worker = world.workers["tokyo"]
    world.change(f"/rest/v2/projects/{project}", name="web2")
    world.change(f"/rest/v2/farms/{farm}", name="farm2")
    world.wait(lambda: '"web2"' in worker.read(worker.targets) and
               '"farm2"' in worker.read(worker.targets), "the new names")
    world.wait(lambda: "web2" in worker.read(worker.rules),
               "the new name in rules")
    world.wait_sync()
    world.change(f"/rest/v2/exporters/{exporter}", enabled=False)
    world.wait(lambda: world.targets("tokyo") == [], "no targets")
    world.change(f"/rest/v2/exporters/{exporter}", enabled=True)
    world.wait(lambda: world.targets("tokyo") == ["a:9100", "b:9100"],
               "the targets are back")
    world.delete(f"/rest/v2/projects/{project}")
    world.wait(lambda: worker.read(worker.targets).strip() == "[]",
               "an empty list")
    world.wait(lambda: world.prometheus["tokyo"].rule_names() == [],
               "no rules")


def test_a_server_moves(world):
    world.shard("tokyo")
    world.admin.make("/rest/v2/shards", {"name": "osaka"})
    world.project("web", "tokyo", "t")
    world.project("app", "osaka", "o")
    world.wait_sync()
    assert world.targets("tokyo") == ["t:9100"]
    world.change(f"/rest/v2/servers/{world.servers['tokyo']['id']}",
                 shard="osaka")
    world.wait(lambda: world.targets("tokyo") == ["o:9100"],
               "the other shard's targets")
    world.wait(lambda: world.status("tokyo")["shard"] == "osaka" and
               world.status("tokyo")["in_sync"], "in sync")


def test_a_server_goes_and_comes_back(world):
    world.shard("tokyo")
    world.wait_sync()
    worker = world.workers["tokyo"]
    world.delete(f"/rest/v2/servers/{world.servers['tokyo']['id']}")
    world.wait(lambda: worker.n_said("register-server"), "it says so")
    world.admin.make("/rest/v2/servers",
                     {"shard": "tokyo", "host": "127.0.0.1",
                      "port": world.prometheus["tokyo"].port})
    world.wait_sync()


def test_rules_that_nobody_checked_are_taken_back(world):
    """There is no promtool: Prometheus is the first to see them."""
    world.shard("tokyo")
    good = world.rule("good", "up == 0")
    world.wait_sync()
    bad = world.rule("bad", "sum(")
    world.wait(lambda: "last good rules are loaded" in
               world.status("tokyo")["error"], "the failure is told")
    status = world.status("tokyo")
    assert status["sync"] == "failed"
    assert status["written"]["rules"] is False
    assert status["loaded"] is True
    assert world.prometheus["tokyo"].rule_names() == ["good"]
    assert "failed" in world.command("servers", code=1)
    world.delete(f"/rest/v2/rules/{bad}")
    world.wait_sync()
    world.change(f"/rest/v2/rules/{good}", name="better")
    world.wait(lambda: world.prometheus["tokyo"].rule_names() == ["better"],
               "the next good ones")


def test_the_registry_is_restarted(world):
    world.shard("tokyo")
    world.project("web", "tokyo", "a")
    world.wait_sync()
    worker = world.workers["tokyo"]
    written = worker.n_said("written")
    assert world.bouncer.end() == 0
    world.bouncer.start()
    world.wait_sync()
    assert worker.n_said("written") == written
    world.project("app", "tokyo", "b")
    world.wait(lambda: world.targets("tokyo") == ["a:9100", "b:9100"],
               "it watches again")


def test_a_registry_that_was_killed(world):
    world.shard("tokyo")
    world.project("web", "tokyo", "a")
    world.wait_sync()
    world.bouncer.kill()
    world.bouncer.start()
    world.project("app", "tokyo", "b")
    world.wait(lambda: world.targets("tokyo") == ["a:9100", "b:9100"],
               "it watches again")
    world.wait_sync()


def test_prometheus_is_restarted(world):
    world.shard("tokyo")
    world.rule("one", "up == 0")
    world.wait_sync()
    world.prometheus["tokyo"].stop()
    rule = world.rule("two", "up == 1")
    world.wait(lambda: world.status("tokyo")["sync"] == "failed",
               "it is told")
    world.prometheus["tokyo"].start()
    world.wait_sync(RELOADED_SECONDS)
    assert world.prometheus["tokyo"].rule_names() == ["one", "two"]
    assert rule


def test_a_worker_is_killed_in_the_middle(world):
    """Whenever it is killed, files are whole, and the next one goes on."""
    world.shard("tokyo")
    worker = world.workers["tokyo"]
    _, farm, _ = world.project("web", "tokyo", "h0")
    for n in range(1, 16):
        world.admin.make(f"/rest/v2/farms/{farm}/hosts",
                         {"hosts": [f"h{n}"]})
        world.rule(f"r{n}", f"up == {n}")
        time.sleep(0.01 * (n % 4))      # another moment each time
        worker.process.kill()
        for path in (worker.targets, worker.urls):
            json.loads(worker.read(path) or "[]")
        worker.start()
    world.wait_sync()
    assert len(world.targets("tokyo")) == 16
    assert len(world.prometheus["tokyo"].rule_names()) == 15


def test_a_worker_that_is_gone_is_told(world):
    world.shard("tokyo")
    world.wait_sync()
    assert world.status("tokyo")["connected"]
    world.workers["tokyo"].stop()
    world.project("web", "tokyo", "a")
    world.wait(lambda: world.status("tokyo")["sync"] == "lost", "it is told")
    shown = world.command("servers", code=1)
    assert "is bouncer worker running there?" in shown
    wanted = world.status("tokyo")["wanted_revision"]
    alone = world.admin.get(
        f'/rest/v2/servers/{world.servers["tokyo"]["id"]}/status')
    assert alone["sync"] == "lost" and not alone["written"]["targets"]
    assert alone["wanted_revision"] == wanted
    row = next(line for line in shown.splitlines() if "lost" in line)
    assert f"  {wanted}  " in row and "not targets" in row
    assert json.loads(world.command("servers", "--json", code=1))["servers"]
    page = Client(world.bouncer.url).call(
        "GET", "/", None, world.admin.headers).text
    assert "bouncer worker" in page
    assert f"<td>{wanted}</td><td>all but targets</td><td>yes</td>" in page
    metrics = Client(world.bouncer.url).call(
        "GET", "/metrics", None, world.admin.headers).text
    labels = (f'server="127.0.0.1:{world.prometheus["tokyo"].port}",'
              'shard="tokyo"')
    for name, value in (("in_sync", 0), ("connected", 0), ("loaded", 1),
                        ("failed", 0)):
        assert (f"bouncer_registry_server_{name}{{{labels}}} {value}"
                in metrics)
    for kind, value in (("targets", 0), ("rules", 1)):
        assert (f'bouncer_registry_server_written{{kind="{kind}",{labels}}} '
                f"{value}" in metrics)


def test_nodes_are_files(world):
    world.shard("tokyo")
    world.wait_sync()
    node = world.admin.make("/rest/v2/nodes", {"ip": "192.0.2.7",
                                               "port": 9100,
                                               "shard": "tokyo"})
    worker = world.workers["tokyo"]
    path = f"{worker.nodes}/{node['id']}.yml"
    worker.wait_file(path, "- targets: [ '192.0.2.7:9100' ]\n")
    world.delete(f"/rest/v2/nodes/{node['id']}")
    world.wait(lambda: not os.path.exists(path), "the file is gone")


def test_explain(world):
    world.shard("tokyo")
    world.admin.make("/rest/v2/shards", {"name": "osaka"})
    _, _, exporter = world.project("web", "tokyo", "web1")
    world.project("app", "osaka", "app1")
    world.wait_sync()
    assert "is in sync" in world.command("explain", "web1:9100")
    shown = world.command("explain", "web1:9999", code=1)
    assert "has no exporter on port 9999, but node on 9100" in shown
    shown = world.command("explain", "app1", code=1)
    assert "shard osaka has no Prometheus server" in shown
    shown = world.command("explain", "web2", code=1)
    assert "did you mean web1" in shown and "register-host" in shown
    world.change(f"/rest/v2/exporters/{exporter}", enabled=False)
    shown = world.command("explain", "web1:9100", code=1)
    assert "the exporter is disabled" in shown
    assert json.loads(world.command("explain", "--json", "web1:9100",
                                    code=1))["verdict"] == "not_scraped"
    reply = world.admin.call("GET", "/explain/target?address=a:99999")
    assert reply.status == 400


def test_who_watches_needs_a_token_and_a_server(world):
    world.admin.make("/rest/v2/shards", {"name": "tokyo"})
    world.admin.make("/rest/v2/servers", {"shard": "tokyo", "host": "p1",
                                          "port": 9090})
    path = "/worker/poll?server="
    assert Asker(world.bouncer.url, None).call(
        "GET", path + "p1:9090").status == 401
    assert Asker(world.bouncer.url, "alerts").call(
        "GET", path + "p1:9090").status == 403
    reader = Asker(world.bouncer.url, "read")
    assert reader.get(path + "p1")["shard"] == "tokyo"
    unknown = reader.call("GET", path + "p2:9090")
    assert unknown.status == 404
    assert "register-server" in unknown.json()["detail"]
    assert reader.call("GET", "/worker/poll").status == 400
    world.admin.make("/rest/v2/servers", {"shard": "tokyo", "host": "p1",
                                          "port": 9091})
    assert "several" in reader.call("GET", path + "p1").json()["detail"]


def test_who_says_a_revision_is_told_of_a_move(world):
    """The other shard's documents are older than what was told last."""
    for shard in ("osaka", "tokyo"):
        world.admin.make("/rest/v2/shards", {"name": shard})
    server = world.admin.make("/rest/v2/servers", {
        "shard": "tokyo", "host": "p1", "port": 9090})["id"]
    path = "/worker/poll?server=p1:9090&revision="
    seen = world.admin.get(path)["revision"]
    waits = world.admin.client.begin(
        f"{path}{seen}", world.admin.headers, answered=False)
    world.change(f"/rest/v2/servers/{server}", shard="osaka")
    moved = waits().json()
    assert moved["shard"] == "osaka"
    # nor is it lost on who asks later
    assert world.admin.get(f"{path}{seen}")["id"] == moved["id"]
    world.change(f"/rest/v2/servers/{server}", shard="tokyo")
    assert world.admin.get(f"{path}{moved['revision']}")["shard"] == "tokyo"


def test_a_watch_ends_with_the_registry(world):
    """A reload switches it off; the daemon stays."""
    world.admin.make("/rest/v2/shards", {"name": "tokyo"})
    world.admin.make("/rest/v2/servers", {"shard": "tokyo", "host": "p1",
                                          "port": 9090})
    rest = world.admin.client.begin("/worker/watch?server=p1:9090",
                                    world.admin.headers)
    world.bouncer.reload(settings(monitor("a", type="docker",
                                          container_name="c",
                                          restart_type="container")))
    assert "event: documents" in rest().text    # whole, not cut short
    assert world.bouncer.alive


def watch(world, token, server):
    """A watch that has been told its first news."""
    watching = http.client.HTTPConnection(
        "127.0.0.1", world.bouncer.port, timeout=WAIT_SECONDS)
    watching.request("GET", f"/worker/watch?server={server}",
                     headers={"Authorization": f"Bearer {token}"})
    answer = watching.getresponse()
    assert answer.status == 200
    while not answer.readline().startswith(b"data: "):
        pass
    return answer


def test_a_watch_ends_with_its_token(world):
    world.admin.make("/rest/v2/shards", {"name": "tokyo"})
    world.admin.make("/rest/v2/servers", {"shard": "tokyo", "host": "p1",
                                          "port": 9090})
    late, soon, gone = (world.admin.make("/rest/v2/tokens", {
        "name": f"of {seconds} s", "scope": "read", "expires_in": seconds,
    }) for seconds in (3600, 5, 3601))
    lasting, expiring, revoked = (watch(world, each["token"], "p1:9090")
                                  for each in (late, soon, gone))
    world.delete(f"/rest/v2/tokens/{gone['id']}")
    world.project("web", "tokyo", "web-1")
    assert b"event" not in revoked.read()   # up to its end
    while not lasting.readline().startswith(b"data: "):
        pass
    # nothing happens any more but the comments
    expiring.read()
    assert lasting.readline()


def test_both_ends_stop_while_it_is_quiet(world):
    world.shard("tokyo")
    world.wait_sync()
    begun = time.monotonic()
    assert world.bouncer.end(signal.SIGTERM) == 0
    assert world.workers["tokyo"].stop() == 0
    assert time.monotonic() - begun < 20
