# SPDX-License-Identifier: Apache-2.0
"""The registry's commands: files to apply and exports, register-*, and what
Prometheus is to read."""

import json
import os
import socket
import threading

import pytest
import yaml

from daemons.process import find_program
from daemons.registry_cli import RegistryCli

SHOP = """\
shards:
  - name: tokyo
    servers: [prom-1:9090]
services:
  - name: shop
    labels: {team: front}
    projects:
      - name: web
        shard: tokyo
        farm:
          name: web
          hosts: [web-1, web-2]
        exporters:
          - {job: node, port: 9100}
        urls:
          - {url: "https://example.com", probe: http_2xx}
        rules:
          - {alert: WebDown, expr: up == 0, for: 5m}
"""


@pytest.fixture(name="cli")
def fixture_cli(bouncer, directory):
    return RegistryCli(bouncer, directory)


# --- files ------------------------------------------------------------------

def test_apply(cli):
    path = cli.file("shop.yml", SHOP)
    out = cli.run("registry", "apply", "--dry-run", path)
    assert "+ host web-2 in shop/web\n" in out
    assert out.endswith("10 created, 0 updated, 0 deleted; this was a dry run, "
                        "nothing is changed\n")
    assert cli.targets() == []
    out = cli.run("registry", "apply", path)
    assert out.endswith("\n10 created, 0 updated, 0 deleted\n")
    assert cli.run("registry", "apply", path) == "nothing to change\n"
    assert cli.run("registry", "apply", "-", stdin=SHOP) == \
        "nothing to change\n"
    assert cli.targets()[0]["targets"] == ["web-1:9100", "web-2:9100"]
    changed = SHOP.replace("9100", "9101").replace(", web-2", "")
    path = cli.file("shop.yml", changed)
    assert cli.run("registry", "apply", "--prune", path) == (
        "~ exporter node:9100 in shop/web: port 9100 → 9101\n"
        "- host web-2 in shop/web\n"
        "0 created, 1 updated, 1 deleted\n")
    plan = json.loads(cli.run("registry", "apply", "-n", "--json",
                              cli.file("none.yml", "services: []\n"),
                              "--prune"))
    assert plan["dry_run"] is True and plan["deleted"] == 7
    assert {"op": "-", "kind": "service", "name": "shop", "in": "",
            "text": "- service shop"}.items() <= next(
                one for one in plan["changes"]
                if one["kind"] == "service").items()


def test_directory(cli):
    first, second = SHOP.split("services:\n")
    cli.file("conf/10-shards.yml", first)
    cli.file("conf/20-shop.yaml", "services:\n" + second)
    cli.file("conf/notes.txt", "not: [read")
    directory = os.path.join(cli.directory, "conf")
    assert "10 created" in cli.run("registry", "apply", directory)
    cli.file("conf/30-again.yml", "services:\n  - name: shop\n")
    assert cli.refused("registry", "apply", directory) == (
        f"bouncer: {directory}/30-again.yml:2: services[0]: service shop "
        f"stands at {directory}/20-shop.yaml:2 already\n")
    cli.file("empty/readme", "")
    assert "there is no *.yml in it" in cli.refused(
        "registry", "apply", os.path.join(cli.directory, "empty"), code=2)
    assert "No such file" in cli.refused(
        "registry", "apply", "/nonexistent.yml", code=2)


def test_what_is_wrong(cli):
    path = cli.file("a.yml", SHOP.replace("exporters:", "exportrs:")
                    .replace("labels: {team: front}", "lables: {}"))
    assert cli.refused("registry", "apply", path) == (
        f"bouncer: {path}:6: services[0].lables: is no key here; did you mean "
        "labels?\n"
        f"{path}:13: services[0].projects[0].exportrs: is no key here; did "
        "you mean exporters?\n")
    path = cli.file("a.yml", SHOP.replace("http_2xx", "http_3xx"))
    assert cli.refused("registry", "apply", path) == (
        f"bouncer: {path}:16: url https://example.com: there is no probe "
        "http_3xx\n")
    path = cli.file("a.yml", SHOP.replace("{team: front}", "{job: front}"))
    assert f"bouncer: {path}:5: service shop: labels" in cli.refused(
        "registry", "apply", path)
    # nothing of it was done
    assert cli.targets() == []
    assert "shop" not in cli.run("export")


def test_rules_that_promtool_refuses(bouncer, directory):
    cli = RegistryCli(bouncer, directory,
                      promtool=find_program("promtool", "prometheus"))
    path = cli.file("a.yml", SHOP.replace("up == 0", "up =="))
    words = cli.refused("registry", "apply", path)
    assert "promtool" in words and "parse error" in words
    assert "shop" not in cli.run("export")
    assert "10 created" in cli.run("registry", "apply", cli.file("b.yml", SHOP))


def test_export_is_what_is_applied(cli, bouncer, directory):
    cli.run("registry", "apply", cli.file("shop.yml", SHOP))
    cli.run("registry", "apply", "-", stdin="""\
notifiers:
  - {sender: webhook, value: "http://127.0.0.1:1/secret", alias: "a: b"}
services:
  - name: odd
    description: "yes"
    labels: {n: "0x1f", d: "2026-11-21", t: "12:30", u: Grüße, q: 'a "b"'}
rules:
  - alert: Long
    expr: |-
      sum by (job) (
        rate(x[5m])
      ) > 3
    annotations: {summary: "{{ $value }}"}
""")
    as_yaml = cli.run("export", "--yaml")
    as_json = cli.run("registry", "export", "--json")
    assert "secret" not in as_yaml + as_json
    # another reader of YAML finds the same in it
    assert yaml.safe_load(as_yaml) == json.loads(as_json)
    assert cli.run("registry", "apply", "--prune", "-",
                   stdin=as_yaml) == "nothing to change\n"
    assert cli.run("registry", "apply", "--prune", "-",
                   stdin=as_json) == "nothing to change\n"
    other = RegistryCli(bouncer, directory)
    words = other.refused("registry", "apply", "-", stdin=as_yaml)
    assert "an export has it only if asked for secrets" in words
    whole = cli.run("export", "--secrets")
    assert "http://127.0.0.1:1/secret" in whole
    other.run("registry", "apply", "--prune", "-", stdin=whole)
    assert other.run("export", "--secrets") == whole
    assert other.run("targets") == cli.run("targets")
    assert other.run("rules") == cli.run("rules")
    assert cli.refused("export", "--yaml", "--json", code=2)


def test_tokens(cli):
    """Who may read exports, but not secrets; who may write applies."""
    url = cli.daemon.url
    files = {}
    for scope in ("read", "write", "admin"):
        secret = cli.run("registry", "token", "create", scope + "er",
                         "--scope", scope)
        files[scope] = cli.file(scope, secret)

    def call(scope, *args):
        return cli.call(*args, "--url", url, "--token-file", files[scope],
                        env={})

    path = cli.file("shop.yml", SHOP)
    code, _, err = cli.call("export", "--url", url, env={})
    assert code == 4 and "--token-file FILE" in err
    assert call("read", "export")[0] == 0
    assert call("read", "export", "--secrets")[0] == 4
    assert call("write", "export", "--secrets")[0] == 4
    assert call("admin", "export", "--secrets")[0] == 0
    assert call("read", "registry", "apply", path)[0] == 4
    assert call("write", "registry", "apply", path)[0] == 0
    assert call("read", "targets")[1] == cli.run("targets")
    assert call("read", "register-host", "web", "web-9")[0] == 4
    assert call("write", "register-host", "web", "web-9")[1] == \
        "Registered host\n"
    # no token is in an export, whoever asks
    assert "writer" not in call("admin", "export", "--secrets")[1]
    code, _, err = cli.call("export", "--url", "http://127.0.0.1:1", env={})
    assert code == 3 and "127.0.0.1:1" in err
    code, _, err = cli.call("export", "--url", "http://ann:hunter@h:x", env={})
    assert code == 2 and "port" in err and "hunter" not in err


def test_http(cli):
    """What the commands send, and what else may be asked."""
    ask = cli.daemon.client
    control = type(ask)(f"unix:{cli.daemon.socket}")
    reply = control.call("POST", "/registry/apply", body=SHOP)
    assert reply.status == 200 and reply.json()["created"] == 10
    reply = control.call("POST", "/registry/apply", body=json.loads(
        cli.run("export", "--json")))
    assert reply.json()["changes"] == []
    for path, words in (("/registry/apply?prune=maybe", "prune"),
                        ("/registry/apply?prune=1&partial=1", "prune"),
                        ("/registry/apply?dry_run=x", "dry_run"),
                        ("/registry/import?from=x", "from")):
        reply = control.call("POST", path, body="{}")
        assert reply.status == 400 and words in reply.json(), path
    assert control.call("GET", "/registry/export?format=xml").status == 400
    reply = control.call("POST", "/registry/apply", body="{",
                         headers={"Content-Type": "application/json"})
    assert reply.status == 400 and "not JSON" in reply.json()["detail"]
    reply = control.call("GET", "/registry/export")
    assert reply.headers["Content-Type"] == "application/yaml"
    assert reply.headers["Cache-Control"] == "no-store"


def test_answer_that_is_no_answer(cli):
    """Too much of it, or cut short, is no empty list."""
    for head in ("Content-Length: 99999999999", "Content-Length: 10"):
        with socket.create_server(("127.0.0.1", 0)) as server:
            def answer(server=server, head=head):
                one = server.accept()[0]
                with one:
                    one.recv(65536)
                    one.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n{{}}"
                                .encode())
            thread = threading.Thread(target=answer)
            thread.start()
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            code, out, err = cli.call("registry", "token", "list", "--url",
                                      url, env={})
            thread.join()
            assert (code, out) == (3, ""), err
            assert "body" in err


def test_alerts_of_one_kind(cli):
    assert "exclude" in cli.refused("registry", "alerts", "1", "--explain",
                                    "--replay", code=2)
    assert "--replay" in cli.refused("registry", "alerts", "1", "--all",
                                     code=2)


def test_large(cli):
    """A document of 20,000 hosts in one transaction, beyond the limit of
    other bodies; the daemon answers others meanwhile."""
    hosts = [f"host-{n}.{'x' * 40}.example" for n in range(20000)]
    document = {"shards": ["tokyo"], "services": [{
        "name": "shop", "projects": [{
            "name": "web", "shard": "tokyo",
            "farm": {"name": "web", "hosts": hosts},
            "exporters": [{"job": "node", "port": 9100}]}]}]}
    out = cli.run("registry", "apply",
                  cli.file("large.yml", json.dumps(document)))
    assert "and 10005 more\n20005 created" in out
    assert len(cli.targets()[0]["targets"]) == 20000
    assert cli.run("registry", "apply",
                   cli.file("large.yml", cli.run("export"))) == \
        "nothing to change\n"


# --- one by one -------------------------------------------------------------

def test_register(cli):
    run = cli.run
    assert run("register-server", "tokyo", "prom-1", "9090") == (
        "Created shard tokyo\nCreated prom-1:9090 on tokyo\n")
    assert run("register-server", "tokyo", "prom-1", "9090") == (
        "Found existing prom-1:9090 on tokyo\n")
    assert run("register-server", "osaka", "prom-1", "9090") == (
        "Created shard osaka\nMoved prom-1:9090 from tokyo to osaka\n")
    assert run("register-server", "osaka", "::1", "9090") == (
        "Created [::1]:9090 on osaka\n")
    assert run("register-exporter", "redis", "9121") == "Created redis:9121\n"
    assert run("register-exporter", "redis", "9121") == (
        "Already exists redis:9121\n")
    assert run("register-exporter", "redis", "9121", "/m") == (
        "Created redis:9121/m\n")
    run("registry", "apply", "-", stdin=SHOP)
    assert run("register-host", "web", "web-3") == "Registered host\n"
    assert run("register-host", "web", "web-3") == "Found existing host\n"
    assert run("register-job", "web", "nginx", "9113") == "Registered job\n"
    assert run("register-job", "web", "nginx", "9113") == (
        "Found existing job\n")
    assert run("register-job", "web", "nginx", "9113", "/other") == (
        "Registered job\n")
    assert run("register-job", "web", "nginx", "9113", "--disabled") == (
        "Changed job\n")
    assert run("register-job", "web", "nginx", "9113") == (
        "Found existing job\n")
    jobs = [(group["labels"]["job"], group["labels"].get("__metrics_path__"),
             group["targets"]) for group in cli.targets()]
    assert jobs == [
        ("nginx", "/other", ["web-1:9113", "web-2:9113", "web-3:9113"]),
        ("node", None, ["web-1:9100", "web-2:9100", "web-3:9100"])]
    assert run("register-job", "--enabled", "web", "nginx", "9113") == (
        "Changed job\n")
    plan = json.loads(run("register-host", "--json", "web", "web-4"))
    assert plan["created"] == 1


def test_register_refuses(cli):
    words = cli.refused("register-host", "wob", "web-1")
    assert "project wob: is not there" in words and "`service`" in words
    assert "project wob: is not there" in cli.refused(
        "register-job", "wob", "node", "9100")
    assert "no port" in cli.refused("register-server", "a1", "b", "0", code=2)
    assert "no port" in cli.refused("register-exporter", "a1", "x", code=2)
    assert cli.refused("register-server", "a1", "b", code=2)
    assert "a port of TCP" not in cli.refused(
        "register-server", "a1", "b c", "9090")
    assert "exclude each other" in cli.refused(
        "register-job", "--enabled", "--disabled", "web", "node", "1", code=2)
    assert "a1" not in cli.run("export")


def test_project_without_farm(cli):
    cli.run("registry", "apply", "-", stdin=(
        "services: [{name: shop, projects: [{name: web}]}]\n"))
    assert cli.run("register-host", "web", "web-1") == "Registered host\n"
    found = json.loads(cli.run("export", "--json"))["services"][0]
    assert found["projects"] == [{
        "name": "web", "shard": "Default",
        "farm": {"name": "web", "hosts": ["web-1"]}}]


# --- files for Prometheus ---------------------------------------------------

def test_documents(cli, receiver):
    cli.run("register-server", "osaka", "prom-2", "9090")
    cli.run("registry", "apply", "-", stdin=SHOP + (
        "  - name: other\n    projects: [{name: far, shard: osaka,\n"
        "      farm: {hosts: [far-1]}, exporters: [{job: node, port: 1}]}]\n"))
    path = os.path.join(cli.directory, "targets.json")
    assert cli.run("targets", path) == ""
    with open(path, encoding="utf-8") as text:
        assert text.read() == cli.run("export-targets")
    assert os.stat(path).st_mode & 0o777 == 0o644
    before = os.stat(path).st_mtime_ns, os.stat(path).st_ino
    assert cli.run("targets", path, "--reload", receiver.url) == ""
    assert (os.stat(path).st_mtime_ns, os.stat(path).st_ino) == before
    assert [one.path for one in receiver.told()] == ["/-/reload"]
    cli.run("targets", "--mode", "600", path)
    assert os.stat(path).st_mode & 0o777 == 0o600
    cli.run("targets", "--mode=666", path)
    assert os.stat(path).st_mode & 0o777 == 0o666
    assert [name for name in os.listdir(cli.directory)
            if name.startswith("targets")] == ["targets.json"]
    osaka = json.loads(cli.run("targets", "--shard", "osaka"))
    assert [group["labels"]["project"] for group in osaka] == ["far"]
    assert cli.refused("targets", "--shard", "nowhere")

    urls = os.path.join(cli.directory, "urls.json")
    assert cli.run("export-urls", urls, "--reload", receiver.url) == ""
    with open(urls, encoding="utf-8") as text:
        assert json.load(text)[0]["targets"] == ["https://example.com"]
    rules = os.path.join(cli.directory, "rules.yml")
    assert cli.run("export-rules", rules) == ""
    with open(rules, encoding="utf-8") as text:
        groups = yaml.safe_load(text)["groups"]
    assert [rule["alert"] for group in groups for rule in group["rules"]] == [
        "WebDown"]
    assert len(receiver.told("/-/reload")) == 2


def test_documents_refuse(cli, receiver):
    path = os.path.join(cli.directory, "targets.json")
    receiver.answer(500)
    assert "500" in cli.refused("targets", path, "--reload", receiver.url,
                                code=1)
    assert os.path.exists(path)
    assert cli.refused("targets", path, "--reload", "http://127.0.0.1:1",
                       code=3)
    assert "needs a FILE" in cli.refused("targets", "--reload", code=2)
    for mode in ("9", "", "x", "1777"):
        assert "no mode" in cli.refused("targets", "--mode", mode, path,
                                        code=2)
    assert "targets.json" in cli.refused(
        "targets", "/nonexistent/targets.json", code=1)


# --- help -------------------------------------------------------------------

def test_help(cli):
    out = cli.run("help")
    for name in ("register-server", "register-exporter", "register-host",
                 "register-job", "targets", "rules", "urls", "import",
                 "export"):
        assert f"\n  {name} " in out
        assert cli.run("help", name).startswith(f"usage: bouncer {name}")
        assert cli.run(name, "--help") == cli.run("help", name)
    for name in ("apply", "export", "import"):
        assert cli.run("registry", name, "--help").startswith(
            f"usage: bouncer registry {name}")
    assert cli.run("help", "import-jobs").startswith("usage: bouncer import ")
