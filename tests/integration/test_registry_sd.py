# SPDX-License-Identifier: Apache-2.0
"""What Prometheus servers are handed: the exact answers of /sd and of
Promgen's read paths, and that a real Prometheus and promtool take them."""

import gzip
import json
import os
import subprocess
import tempfile

import pytest
import yaml

from daemons.http import Client
from daemons.process import find_program, wait_until
from daemons.registry import Asker, configuration, secret

SEEN_SECONDS = 40   # Prometheus hands new targets on every five seconds
HOSTILE = "\"'\\: #{{ $labels.instance }}\n\t%s» \u2028\ufeff😀 - [x] & *y"


@pytest.fixture(name="registry")
def fixture_registry(bouncer, directory):
    return bouncer(configuration(directory))


@pytest.fixture(name="admin")
def fixture_admin(registry):
    return Asker(registry.url)


@pytest.fixture(name="shop")
def fixture_shop(admin):
    """Two shards, a service with a project on each, one of everything."""
    for name in ("front end", "back"):
        admin.make("/rest/v2/shards", {"name": name})
    admin.make("/rest/v2/probes", {"module": "http_2xx"})
    service = admin.make("/rest/v2/services", {
        "name": "shop", "labels": {"tier": "1", "who": "service"}})
    for name, shard in (("web", "front end"), ("db", "back")):
        project = admin.make(f"/rest/v2/services/{service['id']}/project", {
            "name": name, "shard": shard,
            "labels": {"who": HOSTILE % name}})
        path = f"/rest/v2/projects/{project['id']}"
        farm = admin.make(f"{path}/farms", {"name": f"{name}-farm"})
        admin.make(f"/rest/v2/farms/{farm['id']}/hosts", {"hosts": [
            f"{name}-1.example", "192.0.2.1", "2001:db8::1"]})
        admin.make(f"{path}/exporters", {"job": "node", "port": 9100})
        admin.make(f"{path}/exporters", {
            "job": "snmp", "port": 9116, "path": "/snmp?module=if_mib",
            "scheme": "https", "params": {"target": ["a", "b c"]}})
        admin.make(f"{path}/urls", {
            "url": f"https://{name}.example/?a=1&b=%20", "probe": "http_2xx"})
        admin.make(f"{path}/rules", {
            "name": f"down_{name}", "clause": "up == 0", "duration": "5m",
            "keep_firing_for": "1m", "interval": "30s",
            "labels": {"severity": HOSTILE % ""},
            "annotations": {"summary": HOSTILE % "of {{ $value }}"}})
    admin.make("/rest/v2/sites/1/rules", {
        "name": "down", "clause": "up{job!=\"x\",<exclude>} == 0"})
    admin.make("/rest/v2/sites/1/rules", {
        "name": "job:up:sum", "recording": True,
        "clause": "sum by (job) (\n  up\n)"})
    node = {"ip": "192.0.2.77", "port": 9100, "shard": "back"}
    assert admin.call("POST", "/rest/v2/nodes", node).status == 201
    return admin


def ask(registry, path, **headers):
    """With a token that may read."""
    headers = {name.replace("_", "-"): value
               for name, value in headers.items()}
    return Client(registry.url).call("GET", path, headers={
        "Authorization": f"Bearer {secret('read')}", **headers})


def groups_of(groups, **labels):
    return [group for group in groups
            if labels.items() <= group["labels"].items()]


# --- answers ----------------------------------------------------------------

@pytest.mark.parametrize("kind, content_type", [
    ("targets", "application/json"), ("urls", "application/json"),
    ("nodes", "application/json"), ("rules", "application/yaml")])
def test_answers(shop, registry, kind, content_type):
    reply = ask(registry, f"/sd/front%20end/{kind}")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == content_type
    assert reply.headers["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in reply.headers
    etag = reply.headers["ETag"]
    assert etag.startswith('"') and etag.endswith('"')
    by_query = ask(registry, f"/sd/{kind}?shard=front+end")
    assert by_query.body == reply.body
    assert by_query.headers["ETag"] == etag

    for known in (etag, f'"x", W/{etag}', "*"):
        same = ask(registry, f"/sd/front%20end/{kind}", If_None_Match=known)
        assert same.status == 304, known
        assert same.body == b""
        for header in ("ETag", "Vary", "Cache-Control"):
            assert same.headers[header] == reply.headers[header], header
    other = ask(registry, f"/sd/front%20end/{kind}", If_None_Match='"x"')
    assert other.status == 200

    head = Client(registry.url).call("HEAD", f"/sd/front%20end/{kind}", None, {
        "Authorization": f"Bearer {secret('read')}"})
    assert head.status == 200 and head.body == b""
    assert int(head.headers["Content-Length"]) == len(reply.body)


@pytest.mark.parametrize("accepted, compressed", [
    ("gzip", True), ("deflate, GZIP;q=0.5", True), ("*", True),
    ("x-gzip", True), ("br", False), ("gzip;q=0", False),
    ("gzip; q=0.000, *", False), ("*;q=0", False), ("identity", False)])
def test_compressed(shop, registry, accepted, compressed):
    plain = ask(registry, "/sd/targets")
    reply = ask(registry, "/sd/targets", Accept_Encoding=accepted)
    assert reply.status == 200
    if not compressed:
        assert reply.body == plain.body
        return
    assert reply.headers["Content-Encoding"] == "gzip"
    assert reply.headers["ETag"] == f"W/{plain.headers['ETag']}"
    assert len(reply.body) < len(plain.body)
    assert gzip.decompress(reply.body) == plain.body
    same = ask(registry, "/sd/targets", Accept_Encoding=accepted,
               If_None_Match=reply.headers["ETag"])
    assert same.status == 304


def test_as_promgen(shop, registry):
    """Its read paths have what /sd has of all shards."""
    for old, new in (("targets", "targets"), ("config", "targets"),
                     ("urls", "urls")):
        reply = ask(registry, f"/api/v1/{old}")
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "application/json"
        assert reply.body == ask(registry, f"/sd/{new}").body
        one = ask(registry, f"/api/v1/{old}?shard=back")
        assert one.body == ask(registry, f"/sd/back/{new}").body
    rules = ask(registry, "/api/v1/rules")
    assert rules.headers["Content-Type"] == "application/x-yaml"
    assert rules.headers["Content-Disposition"] == (
        "attachment; filename=promgen.rule.yml")
    assert rules.body == ask(registry, "/sd/rules").body


def test_shards_are_apart(shop, registry):
    everything = ask(registry, "/sd/targets").json()
    found = []
    for shard in ("front end", "back"):
        path = f"/sd/{shard.replace(' ', '%20')}/targets"
        groups = ask(registry, path).json()
        assert groups == groups_of(everything, __shard=shard)
        found += groups
    assert len(found) == len(everything) == 7
    nodes = groups_of(everything, __shard="back", job="node",
                      __scheme__="http")[-1]
    assert nodes == {"labels": {"__scheme__": "http", "__shard": "back",
                                "job": "node"},
                     "targets": ["192.0.2.77:9100"]}
    assert ask(registry, "/sd/back/nodes").json() == [
        {"id": 1, "ip": "192.0.2.77", "port": 9100}]
    snmp = groups_of(everything, project="web", job="snmp")
    assert [group["labels"]["__param_target"] for group in snmp] == [
        "a", "b c"]
    assert snmp[1]["labels"] == {
        "__farm_source": "promgen", "__metrics_path__": "/snmp",
        "__param_module": "if_mib", "__param_target": "b c",
        "__scheme__": "https", "__shard": "front end", "farm": "web-farm",
        "job": "snmp", "param_target": "b c", "project": "web",
        "service": "shop", "tier": "1", "who": HOSTILE % "web"}
    assert snmp[1]["targets"] == ["192.0.2.1:9116", "[2001:db8::1]:9116",
                                  "web-1.example:9116"]


def test_unknown_shard(registry, admin):
    for path in ("/sd/nobody/targets", "/sd/targets?shard=nobody",
                 "/api/v1/rules?shard=nobody"):
        reply = admin.call("GET", path)
        assert reply.status == 404
        assert reply.headers["Content-Type"] == "application/json"
        assert "nobody" in reply.json()["detail"]
    assert admin.call("GET", "/sd/targets?shard=%zz").status == 400
    assert admin.call("GET", "/sd/rules").text == "groups: []\n"
    assert admin.call("GET", "/sd/targets").text == "[]\n"
    assert admin.call("POST", "/sd/targets").status == 405


def test_odd_parameters(shop):
    """One that cannot be a label would spoil the list for a Prometheus."""
    reply = shop.call("POST", "/rest/v2/projects/1/exporters", {
        "job": "x", "port": 1, "path": "/metrics?collect[]=cpu"})
    assert reply.status == 400
    assert "collect[]" in reply.json()["path"][0]


def test_needs_a_token(registry):
    for path in ("/sd/targets", "/sd/a/rules", "/api/v1/targets",
                 "/api/v1/rules"):
        assert Client(registry.url).call("GET", path).status == 401, path


def test_open_discovery(bouncer, directory):
    peer = bouncer(configuration(directory, open_discovery=True))
    for path in ("/sd/targets", "/api/v1/urls", "/sd/rules"):
        assert Client(peer.url).call("GET", path).status == 200, path
    assert Client(peer.url).call("GET", "/rest/v2/shards").status == 401


def test_etag_outlives_a_restart(shop, registry):
    before = ask(registry, "/sd/targets")
    assert registry.end() == 0
    registry.start()
    after = ask(registry, "/sd/targets",
                If_None_Match=before.headers["ETag"])
    assert after.status == 304


def test_edits_are_seen(shop, registry):
    """Each rename reaches each document that it concerns."""
    def etags():
        return {kind: ask(registry, f"/sd/back/{kind}").headers["ETag"]
                for kind in ("targets", "urls", "rules", "nodes")}

    def edit(path, body):
        assert shop.call("PATCH", path, body).status == 200, path

    def changed(path, body):
        before = etags()
        edit(path, body)
        after = etags()
        return {kind for kind in before if before[kind] != after[kind]}

    projects = shop.get("/rest/v2/projects?page_size=100")["results"]
    db = next(each["id"] for each in projects if each["name"] == "db")
    assert changed("/rest/v2/services/1", {"name": "market"}) == {
        "targets", "urls", "rules"}
    assert changed(f"/rest/v2/projects/{db}", {"name": "base"}) == {
        "targets", "urls", "rules"}
    assert changed("/rest/v2/probes/1", {"module": "http_3xx"}) == {"urls"}
    assert changed("/rest/v2/services/1", {"description": "x"}) == set()
    farm = shop.get(f"/rest/v2/projects/{db}")["farm"]
    assert changed(f"/rest/v2/farms/{farm['id']}", {"name": "f"}) == {
        "targets"}
    groups = ask(registry, "/sd/back/targets").json()
    assert groups_of(groups, service="market", project="base", farm="f")
    edit("/rest/v2/shards/2", {"name": "rear"})
    assert ask(registry, "/sd/back/targets").status == 404
    groups = ask(registry, "/sd/rear/targets").json()
    assert all(group["labels"]["__shard"] == "rear" for group in groups)


# --- the real ones ----------------------------------------------------------

def test_rules_are_taken(shop, registry, directory):
    """By promtool, and by a reader of YAML that is not ours."""
    for path in ("/sd/rules", "/sd/back/rules", "/sd/front%20end/rules"):
        reply = ask(registry, path)
        file = os.path.join(tempfile.mkdtemp(dir=directory), "rules.yml")
        with open(file, "wb") as out:
            out.write(reply.body)
        done = subprocess.run(
            [find_program("promtool", "prometheus"), "check", "rules", file],
            capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{reply.text}"
    groups = {group["name"]: group for group in
              yaml.safe_load(ask(registry, "/sd/rules").body)["groups"]}
    assert list(groups) == ["global", "shop » db (30s)", "shop » web (30s)"]
    assert groups["global"]["rules"] == [
        {"record": "job:up:sum", "expr": "sum by (job) (\n  up\n)"},
        {"alert": "down", "expr": "up{job!=\"x\",} == 0"}]
    assert groups["shop » web (30s)"] == {
        "name": "shop » web (30s)", "interval": "30s", "rules": [{
            "alert": "down_web", "expr": "up == 0", "for": "5m",
            "keep_firing_for": "1m",
            "labels": {"project": "web", "service": "shop",
                       "severity": HOSTILE % ""},
            "annotations": {"summary": HOSTILE % "of {{ $value }}"}}]}


def discovered(prometheus, pool):
    """The labels of its targets, by address, or by what is probed. Of what
    it shows as discovered labels may be missing where others are added."""
    return {target["labels"].get("probed") or
            target["discoveredLabels"]["__address__"]:
            {**target["discoveredLabels"], **target["labels"]}
            for target in prometheus.active()
            if target["scrapePool"] == pool}


def expect_discovered(prometheus, pool, groups):
    """All that the groups have, and nothing else."""
    wanted = {target: group["labels"] for group in groups
              for target in group["targets"]}

    def found():
        has = discovered(prometheus, pool)
        return has.keys() == wanted.keys() and all(
            wanted[target].items() <= has[target].items()
            for target in wanted)

    wait_until(found, SEEN_SECONDS, f"{pool} has {sorted(wanted)}")


def sd_failures(prometheus):
    metrics = prometheus.client.ask("GET", "/metrics").text
    return [line for line in metrics.splitlines()
            if line.startswith(("prometheus_sd_http_failures_total",
                                "prometheus_sd_file_read_errors_total"))]


def test_prometheus_discovers(shop, registry, prometheus):
    """By HTTP, with a token; and it follows edits."""
    def scraped(name, kind, authorization, **more):
        return {"job_name": name, "scrape_interval": "1h", **more,
                "http_sd_configs": [{
                    "url": f"{registry.url}/sd/back/{kind}",
                    "refresh_interval": "1s",
                    "authorization": {"credentials": secret("read"),
                                      **authorization}}]}

    # one address is scraped once for each set of labels: of several values
    # of a parameter only one is looked at here
    keep = [{"source_labels": ["__param_target"], "regex": "|a",
             "action": "keep"}]
    probe = [{"source_labels": ["__address__"], "target_label": "probed"},
             {"target_label": "__address__", "replacement": "127.0.0.1:1"}]
    prometheus.discover(
        scraped("hosts", "targets", {}, relabel_configs=keep),
        scraped("urls", "urls", {"type": "Bearer"}, relabel_configs=probe))
    groups = [group for group in ask(registry, "/sd/back/targets").json()
              if group["labels"].get("__param_target") in (None, "a")]
    assert len(groups) == 3
    expect_discovered(prometheus, "hosts", groups)
    urls = ask(registry, "/sd/back/urls").json()
    expect_discovered(prometheus, "urls", urls)

    assert shop.call("PATCH", "/rest/v2/services/1",
                     {"name": "market"}).status == 200
    groups = [group for group in ask(registry, "/sd/back/targets").json()
              if group["labels"].get("__param_target") in (None, "a")]
    assert groups_of(groups, service="market")
    expect_discovered(prometheus, "hosts", groups)
    assert sd_failures(prometheus) == [
        "prometheus_sd_file_read_errors_total 0",
        "prometheus_sd_http_failures_total 0"]


def test_prometheus_reads_files(shop, registry, prometheus, directory):
    """The same bytes as a file."""
    place = tempfile.mkdtemp(dir=directory)
    file = os.path.join(place, "targets.json")
    body = ask(registry, "/sd/targets").body
    with open(file, "wb") as out:
        out.write(body)
    prometheus.discover({
        "job_name": "files", "scrape_interval": "1h",
        "relabel_configs": [{"source_labels": ["__shard", "__param_target"],
                             "regex": "front end;(a|)", "action": "keep"}],
        "file_sd_configs": [{"files": [file]}]})
    expect_discovered(prometheus, "files", [
        group for group in json.loads(body)
        if group["labels"]["__shard"] == "front end"
        and group["labels"].get("__param_target") in (None, "a")])
    assert "prometheus_sd_file_read_errors_total 0" in sd_failures(prometheus)
