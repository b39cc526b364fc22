# SPDX-License-Identifier: Apache-2.0
"""The whole loop, of real programs: what is edited in the registry is scraped;
what stops fires, comes back as an alert, is told of, bounced, and over."""

import json
import os
import subprocess

import pytest

from daemons.alertmanager import Alertmanager
from daemons.bouncer import Bouncer, program
from daemons.images import import_program
from daemons.process import find_program, free_port, wait_until
from daemons.registry import Asker, configuration, secret
from daemons.worker import FilePrometheus, Worker

SECONDS = 90    # a group interval, and what Prometheus takes until it is sure
COMMAND_SECONDS = 30

MONITOR = {
    "name": "exporters", "watch": "alert", "type": "docker",
    "match_labels": {"alertname": "service_down", "job": "node"},
    "container_name": "{{ labels.project }}-exporter",
    "start_grace": "0s",
    "steps": [{"type": "restart"}],
}


def secret_file(directory, scope):
    path = os.path.join(directory, scope + ".token")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w",
              encoding="ascii") as out:
        out.write(secret(scope) + "\n")
    return path


class Loop:
    """Two shards, each with a Prometheus and a worker; one Alertmanager; an
    exporter in a container; people who are told."""

    def __init__(self, directory, dockerd, receiver):
        self.directory = directory
        self.dockerd = dockerd
        self.receiver = receiver
        self.bouncer = Bouncer(os.path.join(directory, "registry"))
        self.admin = Asker(self.bouncer.url)
        self.read_token = secret_file(directory, "read")
        self.alerts_token = secret_file(directory, "alerts")
        self.alertmanager = Alertmanager(os.path.join(directory, "am"))
        self.prometheus = {}
        self.workers = {}
        self.port = free_port()

    # Its parts.

    def start(self):
        self.bouncer.start(configuration(
            self.directory, promtool=find_program("promtool", "prometheus"),
            settings={
                "global": {"socket_docker": self.dockerd.socket,
                           "storm_share": 0},
                "monitors": [MONITOR]}))
        self.alertmanager.configure(self.command(
            "alertmanager-config", "--url", self.bouncer.url,
            "--token-file", self.alerts_token).replace(
                "group_wait: 10s", "group_wait: 1s").replace(
                    "group_interval: 1m", "group_interval: 2s"))
        self.alertmanager.start()
        for name in ("tokyo", "osaka"):
            self.start_shard(name)
        self.start_exporter()

    def start_shard(self, name):
        directory = os.path.join(self.directory, name)
        prometheus = FilePrometheus(directory,
                                    alertmanagers=[self.alertmanager])
        prometheus.start()
        self.prometheus[name] = prometheus
        self.register("register-server", name, "127.0.0.1",
                      str(prometheus.port))
        worker = Worker(directory + "-worker", self.bouncer.url, prometheus,
                        **{"token-file": self.read_token})
        self.workers[name] = worker
        worker.start()

    def start_exporter(self):
        binary = find_program("prometheus-node-exporter",
                              "prometheus-node-exporter")
        import_program(self.dockerd, "node-exporter", binary, "node-exporter")
        self.dockerd.run(
            "web-exporter", [f"--web.listen-address=127.0.0.1:{self.port}"],
            network="host", Image="node-exporter:latest")

    def stop(self):
        for worker in self.workers.values():
            if worker.process:
                worker.process.kill()
        for prometheus in self.prometheus.values():
            prometheus.stop()
        self.alertmanager.stop()
        self.bouncer.kill()

    # What people do.

    def run(self, *words):
        done = subprocess.run(
            [program(), *words], text=True, capture_output=True, check=False,
            timeout=COMMAND_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def register(self, *words):
        return self.run(*words, "--socket", self.bouncer.socket)

    def command(self, *words):
        return self.run("registry", *words)

    def apply(self, document):
        path = os.path.join(self.directory, "shop.yml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(json.dumps(document))
        return self.run("registry", "apply", path,
                        "--socket", self.bouncer.socket)

    def find(self, path, **fields):
        return next(each for each in self.admin.get(
            f"/rest/v2/{path}?page_size=1000")["results"]
            if fields.items() <= each.items())

    def change(self, path, **fields):
        reply = self.admin.call("PATCH", f"/rest/v2/{path}",
                                json.dumps(fields))
        assert reply.status == 200, reply.text

    # What comes of it.

    def wait(self, check, what, seconds=SECONDS):
        try:
            return wait_until(check, seconds, what, every=0.1)
        except TimeoutError as late:
            said = "".join(worker.said() for worker in self.workers.values())
            raise AssertionError(
                f"{late}\n{self.bouncer.log_tail()}\n{said}\n"
                f"{self.alertmanager.log_tail()}") from None

    def up(self, shard, **labels):
        """What that Prometheus found of such a target: 1.0, 0.0 or None."""
        matchers = ",".join(f'{name}="{value}"'
                            for name, value in labels.items())
        return self.prometheus[shard].value(f"up{{{matchers}}}")

    def journal(self):
        return self.admin.get("/api/v1/journal?limit=1000")["entries"]

    def told(self, status):
        """Those alerts that people heard of."""
        return [alert["labels"] for one in self.receiver.told("/people")
                for alert in one.json()["alerts"]
                if alert["status"] == status]


@pytest.fixture
def loop(tmp_path, dockerd, receiver):
    loop = Loop(str(tmp_path), dockerd, receiver)
    try:
        loop.start()
        yield loop
    finally:
        loop.stop()


def shop(port, receiver):
    return {"services": [{
        "name": "shop",
        "notifiers": [{"sender": "webhook",
                       "value": receiver.url + "/people"}],
        "projects": [
            {"name": "web", "shard": "tokyo",
             "farm": {"name": "web", "hosts": [{"name": "127.0.0.1"}]},
             "exporters": [{"job": "node", "port": port}]},
            {"name": "till", "shard": "osaka",
             "farm": {"name": "till", "hosts": [{"name": "127.0.0.1"}]},
             "exporters": [{"job": "till", "port": port}]}]}]}


def test_the_whole_loop(loop, dockerd, receiver):
    loop.register("register-exporter", "node", "9100")
    loop.run("registry", "stock-rules", "--down-minutes", "0",
             "--socket", loop.bouncer.socket)
    plan = loop.apply(shop(loop.port, receiver))
    assert "web" in plan

    # Edits arrive, each where it belongs.
    loop.wait(lambda: loop.up("tokyo", project="web") == 1, "web is scraped")
    loop.wait(lambda: loop.up("osaka", project="till") == 1, "till is scraped")
    assert loop.up("osaka", project="web") is None
    for prometheus in loop.prometheus.values():
        loop.wait(lambda it=prometheus: "service_down" in it.rule_names(),
                  "the rules are loaded")

    # A name that changes changes in all files, and what scrapes stays.
    service = loop.find("services", name="shop")["id"]
    loop.change(f"services/{service}", name="store")
    loop.wait(lambda: loop.up("tokyo", service="store", project="web") == 1,
              "the new name is scraped")
    loop.wait(lambda: loop.up("osaka", service="store") == 1,
              "the new name is scraped in the other shard")

    # What stops is told of, bounced, and well again; all of it is told.
    before = dockerd.started_at("web-exporter")
    dockerd.kill("web-exporter")
    loop.wait(lambda: any(
        labels["alertname"] == "service_down" and
        labels["service"] == "store" and labels["project"] == "web"
        for labels in loop.told("firing")), "people hear of it")
    loop.wait(lambda: dockerd.started_at("web-exporter") != before,
              "the exporter is bounced")
    loop.wait(lambda: loop.up("tokyo", project="web") == 1, "it is well")
    loop.wait(lambda: any(labels["alertname"] == "service_down" and
                          labels["project"] == "web"
                          for labels in loop.told("resolved")),
              "people hear that it is over")
    loop.wait(lambda: any(
        entry.get("monitor", "").startswith("exporters/") and
        entry.get("reason") == "recovered"
        for entry in loop.journal()), "the journal says so")

    # And it stays over after we were killed.
    loop.bouncer.end(9)
    loop.bouncer.start()
    loop.wait(lambda: all(each["in_sync"] for each in
                          loop.admin.get("/worker/servers")["servers"]),
              "all servers are in sync")
    assert dockerd.state("web-exporter")["Running"]
