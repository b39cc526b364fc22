# SPDX-License-Identifier: Apache-2.0
"""What Promgen and prommgr have, taken over: from files, and from scripted
ones that run."""

import json

import pytest
import yaml

from daemons.registry_cli import RegistryCli
from daemons.scripted_promgen import (RULES, TARGETS, TOKEN, URLS, USER,
                                      ScriptedPromgen, ScriptedPrommgr)


@pytest.fixture(name="cli")
def fixture_cli(bouncer, directory):
    return RegistryCli(bouncer, directory)


@pytest.fixture(name="promgen")
def fixture_promgen():
    one = ScriptedPromgen()
    yield one
    one.stop()


@pytest.fixture(name="prommgr")
def fixture_prommgr():
    one = ScriptedPrommgr()
    yield one
    one.stop()


EVERYTHING = """
shards: [tokyo, {name: osaka, servers: ["prom-1:9090"]}]
rules:
  - {alert: HostDown, expr: "up{<exclude>} == 0", for: 5m,
     keep_firing_for: 10m, interval: 30s}
services:
  - name: bank
    labels: {team: money}
    rules:
      - {alert: HostDown_bank, parent: HostDown,
         expr: "up{service=\\"bank\\",<exclude>} == 0", enabled: false}
      - {record: "bank:up", expr: sum(up)}
    projects:
      - name: till
        shard: osaka
        labels: {tier: front}
        farm: {name: tills, labels: {room: "1"},
               hosts: [{name: "2001:db8::7", labels: {rack: "7"}}, till-1]}
        exporters:
          - {job: node, port: 9100, scrape_interval: 30s, labels: {a: b}}
          - {job: off, port: 1, enabled: false}
          - {job: many, port: 2, params: {target: [x, y]}}
        urls: [{url: "https://till.example/", probe: http_2xx}]
"""

# --- documents --------------------------------------------------------------

def test_targets_come_back(cli):
    """Where the original loses scheme and parameters, and refuses IPv6."""
    path = cli.file("promgen.json", TARGETS)
    out = cli.run("import", "--dry-run", path)
    assert "+ exporter snmp:9116/snmp in shop/web\n" in out
    assert cli.targets() == []
    out = cli.run("import", path)
    assert "+ host 2001:db8::1 in shop/web\n" in out
    assert cli.targets() == TARGETS
    assert cli.run("import-jobs", path) == "nothing to change\n"
    # as it is exported it can be imported
    again = cli.file("again.json", cli.run("targets"))
    assert cli.run("import", again) == "nothing to change\n"


def test_urls_and_rules_come_back(cli):
    cli.run("import", cli.file("urls.json", URLS))
    assert json.loads(cli.run("urls")) == URLS
    cli.run("import", cli.file("rules.yml", RULES))
    groups = yaml.safe_load(cli.run("rules"))["groups"]
    theirs = yaml.safe_load(RULES)["groups"]
    for group in theirs:    # the link to Promgen is gone, and its name
        for rule in group["rules"]:
            rule["annotations"].pop("rule")
            if not rule["annotations"]:
                rule.pop("annotations")
    assert [group["rules"] for group in groups] == [
        group["rules"] for group in theirs]
    assert groups[1]["name"] == "shop » web"


def test_an_export_comes_back(cli):
    """Also what the documents of Promgen cannot say."""
    cli.run("import", cli.file("promgen.json", TARGETS))
    cli.run("registry", "apply", "-", stdin=EVERYTHING)
    export = cli.file("export.yml", cli.run("export"))
    as_json = cli.file("export.json", cli.run("export", "--json"))
    targets = cli.run("targets")
    assert cli.run("import", export) == "nothing to change\n"
    for path in (export, as_json):
        cli.run("registry", "apply", "--prune", "-",
                stdin="services: []\nshards: []\nrules: []\n")
        assert cli.targets() == []
        out = cli.run("import", "--dry-run", path)
        assert "+ rule HostDown\n" in out and cli.targets() == []
        cli.run("import", path)
        assert cli.run("export") == open(export, encoding="utf-8").read()
        assert cli.run("targets") == targets
    # it says all of an object: what it leaves out has its default
    cli.run("register-job", "--disabled", "till", "node", "9100")
    cli.run("register-host", "till", "more")
    assert "enabled false → true" in cli.run("import", export)
    assert "more" in cli.run("export")
    assert "leave shard out" in cli.refused("import", export, "osaka")
    assert "is not a server" in cli.refused(
        "import", cli.file("bad.yml", "shards: [{name: a, servers: [x]}]"))


def test_shard_is_replaced(cli):
    cli.run("import", cli.file("promgen.json", TARGETS), "osaka")
    assert {group["labels"]["__shard"] for group in cli.targets()} == {
        "osaka"}
    assert "tokyo" not in cli.run("export")


def test_import_merges(cli):
    """What is there and not in the document stays, as it was."""
    cli.run("import", cli.file("promgen.json", TARGETS))
    cli.run("register-host", "web", "web-2")
    cli.run("registry", "apply", "-", stdin=cli.run("export").replace(
        "  - name: shop\n", "  - name: shop\n    description: sells\n"))
    assert cli.run("import", cli.file("promgen.json", TARGETS)) == \
        "nothing to change\n"
    assert "description: sells" in cli.run("export")


def test_all_or_nothing(cli):
    wrong = TARGETS + [{"labels": dict(TARGETS[0]["labels"], project="x!"),
                        "targets": ["web-1:9100"]}]
    assert "project x!" in cli.refused("import", cli.file("a.json", wrong))
    wrong = TARGETS + [{"labels": TARGETS[0]["labels"], "targets": ["web-1"]}]
    assert cli.refused("import", cli.file("a.json", wrong)) == (
        'bouncer: group 3: its target "web-1" has no port; write it as '
        "HOST:PORT\n")
    assert cli.targets() == []
    assert "tokyo" not in cli.run("export")
    assert "nothing in it" in cli.refused("import", cli.file("e", ""), code=1)
    assert "No such file" in cli.refused("import", "/nonexistent", code=2)


def test_posted_as_to_promgen(cli):
    control = type(cli.daemon.client)(f"unix:{cli.daemon.socket}")
    reply = control.call("POST", "/api/v1/targets", body=TARGETS)
    assert (reply.status, reply.text.strip()) == (202, "Success")
    assert cli.targets() == TARGETS
    reply = control.call("POST", "/api/v1/config/", body=TARGETS)
    assert (reply.status, reply.text.strip()) == (202, "Success")
    reply = control.call("POST", "/api/v1/targets", body="[{}]")
    assert reply.status == 400
    assert reply.json() == {"detail": "group 1: has no list of targets"}
    # without a token it is no way in
    assert cli.daemon.client.call("POST", "/api/v1/targets",
                                  body=TARGETS).status == 401


# --- a Promgen that runs ----------------------------------------------------

def test_promgen_without_token(cli, promgen):
    out = cli.run("registry", "import", "--from", "promgen", promgen.url)
    assert "+ url https://example.com/ in shop/web\n" in out
    assert promgen.asked == ["/api/v1/targets", "/api/v1/urls",
                             "/api/v1/rules"]
    assert promgen.tokens == [None] * 3
    assert cli.targets() == TARGETS
    assert json.loads(cli.run("urls")) == URLS
    assert "alert: Down_web" in cli.run("export")


def test_promgen_with_token(cli, promgen):
    token = cli.file("token", TOKEN + "\n")
    args = ("registry", "import", "--from", "promgen",
            "--source-token-file", token, promgen.url + "/")
    code, out, err = cli.call(*args, "--dry-run")
    assert code == 0 and "this was a dry run" in out
    assert cli.targets() == []
    code, out, err = cli.call(*args)
    assert code == 0
    left_out = err.splitlines()
    assert left_out[0] == (
        "left out: notifier promgen.notification.slack ops of project p0: "
        "Promgen does not tell where it goes; make it anew")
    assert left_out[1].startswith(
        "left out: notifier promgen.notification.email of service shop: "
        "we send no mail; use apprise")
    assert len(left_out) == 2
    assert set(promgen.tokens) == {f"Token {TOKEN}"}
    assert "/rest/v2/projects?page_number=2&page_size=1000" in promgen.asked
    found = json.loads(cli.run("export", "--json", "--secrets"))
    assert found["rules"] == [{
        "alert": "Down", "expr": "up{<exclude>} == 0", "for": "5m",
        "labels": {"severity": "page"}, "annotations": {"summary": "down"}}]
    service, = found["services"]
    assert service["notifiers"] == [{
        "sender": "promgen.notification.webhook",
        "value": "http://hook.example.com/1", "owner": "ann",
        "filters": [{"name": "severity", "value": "page"}]}]
    projects = {one["name"]: one for one in service["projects"]}
    assert set(projects) == {"p0", "p1", "p2", "web"}
    assert projects["p1"]["farm"] == {
        "name": "f1", "hosts": ["2001:db8::1", "web-11"]}
    assert projects["p0"]["exporters"] == [
        {"job": "node", "port": 9100, "enabled": False},
        {"job": "snmp", "port": 9116, "path": "/snmp?module=if_mib",
         "scheme": "https"}]
    assert projects["p0"]["rules"] == [{
        "alert": "Down_p0", "parent": "Down",
        "expr": 'up{project="p0",<exclude>} == 0', "for": "1m",
        "enabled": False}]
    assert projects["p0"]["urls"] == [
        {"url": "https://example.com/", "probe": "http_2xx"}]
    assert {"name": "tokyo", "url": "http://prom.example.com:9090",
            "proxy": True} in found["shards"]
    # once more: nothing
    assert cli.call(*args)[1] == "nothing to change\n"


def test_promgen_refuses(cli, promgen):
    args = ("registry", "import", "--from", "promgen", promgen.url)
    words = cli.refused(*args, "--source-token-file",
                        cli.file("token", "wrong"))
    assert "401" in words
    assert "--source-token-file FILE" in words
    assert "404" in cli.refused(*args[:-1], promgen.url + "/elsewhere")
    assert cli.refused(*args[:-1], "http://127.0.0.1:1", code=3)
    assert "--from" in cli.refused("registry", "import", promgen.url, code=2)
    assert "--from" in cli.refused("registry", "import", "--from", "x", "y",
                                   code=2)
    assert cli.targets() == []


def test_own_token_goes_nowhere_else(cli, promgen):
    """BOUNCER_TOKEN_FILE is for the registry alone."""
    secret = cli.run("registry", "token", "create", "importer", "--scope",
                     "write")
    env = {"BOUNCER_CONTROL": cli.daemon.url,
           "BOUNCER_TOKEN_FILE": cli.file("own", secret)}
    code, out, err = cli.call("registry", "import", "--from", "promgen",
                              promgen.url, env=env)
    assert (code, err) == (0, "") and "created" in out
    assert promgen.tokens == [None] * 3


def test_import_of_an_address(cli, promgen):
    cli.run("import", promgen.url + "/api/v1/targets")
    assert cli.targets() == TARGETS
    cli.run("import", promgen.url + "/api/v1/rules", "tokyo")
    assert "alert: Down_web" in cli.run("export")


# --- a prommgr that runs ----------------------------------------------------

def test_prommgr(cli, prommgr):
    user = cli.file("user", USER)
    args = ("registry", "import", "--from", "prommgr", prommgr.url)
    assert "401" in cli.refused(*args)
    out = cli.run(*args, "--source-user-file", user)
    assert "+ node [2001:db8::2]:9200 in Default\n" in out
    found = json.loads(cli.run("export", "--json"))["nodes"]
    assert found == [
        {"ip": "192.0.2.3", "comment": "the third", "shard": "Default"},
        {"ip": "2001:db8::2", "port": 9200, "shard": "Default"}]
    assert cli.run(*args, "--source-user-file", user) == \
        "nothing to change\n"
    out = cli.run(*args, "--source-user-file", user, "--shard", "osaka")
    assert "~ node 192.0.2.3:9100 in Default: shard Default → osaka\n" in out
    path = cli.file("servers.json", prommgr.SERVERS)
    assert cli.run("registry", "import", "--from", "prommgr", path) == \
        "nothing to change\n"
