# SPDX-License-Identifier: Apache-2.0
"""Promgen's second API: shapes and status codes as in the reference, and what
could only be done in its admin pages."""

import re

import pytest

from daemons.http import Client
from daemons.process import find_program
from daemons.registry import Asker, configuration

V2 = "/rest/v2/"
NOBODY = 999999


@pytest.fixture(name="registry")
def fixture_registry(bouncer, directory):
    return bouncer(configuration(directory))


@pytest.fixture(name="admin")
def fixture_admin(registry):
    return Asker(registry.url)


@pytest.fixture(name="shop")
def fixture_shop(admin):
    """A service with a project of everything; all ids are 1."""
    admin.make(V2 + "shards", {"name": "Default"})
    admin.make(V2 + "services", {"name": "shop", "owner": "ann"})
    admin.make(V2 + "services/1/project", {"name": "web", "shard": "Default"})
    admin.make(V2 + "projects/1/farms", {"name": "front",
                                         "hosts": ["a.example"]})
    admin.make(V2 + "projects/1/exporters", {"job": "node", "port": 9100})
    admin.make(V2 + "projects/1/urls", {"url": "https://example.org",
                                        "probe": "http_2xx"})
    admin.make(V2 + "sites/1/rules", {
        "name": "Down", "clause": "up{<exclude>} == 0", "duration": "5m"})
    admin.make(V2 + "services/1/notifiers", {
        "sender": "promgen.notification.webhook", "value": "http://h/x",
        "filters": [{"name": "severity", "value": "page"}]})
    return admin


def refused(reply, status, field=None, words=""):
    """{"field": ["words"]}, or {"detail": "words"}."""
    assert reply.status == status, reply.text
    body = reply.json()
    if field is None:
        assert words in body["detail"], body
        return
    assert list(body) == [field], body
    assert len(body[field]) == 1 and words in body[field][0], body


# --- shapes ------------------------------------------------------------------

SHAPES = {
    "exporters/1": {"id", "project", "project_id", "job", "port", "path",
                    "scheme", "enabled"},
    "hosts/1": {"id", "name", "farm"},
    "urls/1": {"id", "project", "probe", "url"},
    "farms/1": {"id", "project", "project_id", "remote", "name", "source"},
    "rules/1": {"id", "content_name", "content_type", "annotations", "labels",
                "name", "clause", "duration", "enabled", "object_id",
                "description", "parent"},
    "projects/1": {"id", "name", "description", "owner", "owner_id",
                   "service", "shard", "farm"},
    "services/1": {"id", "name", "description", "owner"},
    "shards/1": {"id", "name", "url", "proxy", "enabled", "samples",
                 "targets", "samples_count", "targets_count"},
    "probes/1": {"id", "module", "description"},
    "notifiers/1": {"id", "owner", "sender", "value", "alias", "enabled",
                    "content_type", "content_name", "object_id", "filters"},
}


def test_shapes(shop):
    for path, members in SHAPES.items():
        assert members <= set(shop.get(V2 + path)), path
    project = shop.get(V2 + "projects/1")
    assert project["service"]["name"] == "shop"
    assert project["shard"]["name"] == "Default"
    assert project["farm"]["name"] == "front"
    exporter = shop.get(V2 + "exporters/1")
    assert exporter["project"] == "web" and exporter["project_id"] == 1
    assert exporter["scheme"] == "http" and exporter["enabled"] is True
    rule = shop.get(V2 + "rules/1")
    assert rule["content_type"] == "site" and rule["parent"] is None
    assert shop.get(V2 + "farms/1")["remote"] is False
    assert shop.get(V2 + "shards/1")["targets_count"] == 2
    assert shop.get(V2 + "sites/info") == {"id": 1, "domain": "global",
                                           "name": "global"}
    assert shop.get(V2 + "farms/sources") == ["promgen"]


def test_paths(shop, registry):
    """With a '/' at the end, with %XX, asked for the head alone."""
    assert shop.get(V2 + "projects/1/") == shop.get(V2 + "projects/1")
    assert shop.get("/rest/%76%32/projects/1") == shop.get(V2 + "projects/1")
    head = shop.call("HEAD", V2 + "projects/1")
    assert head.status == 200 and head.body == b""
    refused(shop.call("GET", V2 + "nothing"), 404)
    refused(shop.call("GET", "/rest//v2/projects"), 404)
    refused(shop.call("GET", V2 + "services/1/projects"), 404)
    reply = shop.call("POST", V2 + "projects")
    refused(reply, 405)
    assert reply.headers["Allow"] == "GET, HEAD"
    # paths of the daemon's own are still its own
    assert shop.get("/api/v1/daemon")["version"]
    assert Client(registry.url).call("GET", "/-/healthy").status == 200


def test_a_path_that_cannot_be_decoded(admin):
    assert admin.call("GET", V2 + "projects/%zz").status == 400
    assert admin.call("GET", V2 + "projects/%00").status in (400, 404)


@pytest.mark.parametrize("scope, status", [
    (None, {"GET": 401, "POST": 401, "DELETE": 401}),
    ("read", {"GET": 200, "POST": 403, "DELETE": 403}),
    ("write", {"GET": 200, "POST": 201, "DELETE": 204}),
    ("alerts", {"GET": 403, "POST": 403, "DELETE": 403}),
])
@pytest.mark.parametrize("scheme", ["Bearer", "Token", "Basic"])
def test_who_may(shop, registry, scope, status, scheme):
    asker = Asker(registry.url, scope, scheme)
    url = {"url": "https://b", "probe": "http_2xx"}
    assert asker.call("GET", V2 + "urls").status == status["GET"]
    assert asker.call("POST", V2 + "projects/1/urls",
                      url).status == status["POST"]
    assert asker.call("DELETE", V2 + "urls/1").status == status["DELETE"]
    tokens = asker.call("GET", V2 + "tokens").status
    assert tokens == (401 if scope is None else 403)
    assert shop.get(V2 + "tokens")["count"] >= 0


def test_all_of_nobody(shop):
    for plural in ("shards", "servers", "services", "projects", "farms",
                   "hosts", "exporters", "default-exporters", "probes", "urls",
                   "nodes", "rules", "notifiers", "tokens"):
        refused(shop.call("GET", f"{V2}{plural}/{NOBODY}"), 404)
        refused(shop.call("GET", f"{V2}{plural}/x"), 404)
        if plural == "hosts":
            continue
        refused(shop.call("PATCH", f"{V2}{plural}/{NOBODY}", {}), 404)
        if plural != "tokens":
            refused(shop.call("DELETE", f"{V2}{plural}/{NOBODY}"), 404)


# --- pages and filters -------------------------------------------------------

def test_pages(shop):
    for n in range(25):
        shop.make(V2 + "probes", {"module": f"module{n:02}"})
    page = shop.get(V2 + "probes")
    assert set(page) == {"count", "next", "previous", "results"}
    assert page["count"] == 26 and len(page["results"]) == 10
    assert page["previous"] is None
    seen = [probe["id"] for probe in page["results"]]
    while page["next"]:
        path = page["next"].split("/", 3)[3]
        page = shop.get("/" + path)
        seen += [probe["id"] for probe in page["results"]]
    assert len(seen) == len(set(seen)) == 26
    assert "page_number=2" in page["previous"]
    one = shop.get(V2 + "probes?page_size=1000&module=module0")
    assert one["count"] == len(one["results"]) == 10
    follow = shop.get(V2 + "probes?module=module0&page_size=3")["next"]
    assert "module=module0" in follow and "page_size=3" in follow
    refused(shop.call("GET", V2 + "probes?page_number=4"), 404)
    refused(shop.call("GET", V2 + "probes?page_number=0"), 400, "page_number")
    refused(shop.call("GET", V2 + "probes?page_size=x"), 400, "page_size")
    assert len(shop.get(V2 + "probes?page_size=5000")["results"]) == 26


def test_pages_of_what_belongs_to_one(shop):
    """Pages under an owner have its own alone, as the filter has them."""
    shop.make(V2 + "services/1/project", {"name": "api", "shard": "Default"})
    shop.make(V2 + "projects/2/farms", {"name": "back"})
    for n in range(30):
        shop.make(f"{V2}farms/{1 + n % 2}/hosts", {"hosts": [f"h{n:02}"]})
    for path in ("farms/2/hosts?page_size=4", "hosts?farm_id=2&page_size=4"):
        names = []
        page = shop.get(V2 + path)
        while True:
            assert page["count"] == 15, path
            names += [host["name"] for host in page["results"]]
            if not page["next"]:
                break
            page = shop.get("/" + page["next"].split("/", 3)[3])
        assert names == [f"h{n:02}" for n in range(1, 30, 2)], path
    one = shop.get(V2 + "farms/2/hosts?name=h1")
    assert one["count"] == 5 and len(one["results"]) == 5
    refused(shop.call("GET", V2 + "farms/2/hosts?page_number=3"), 404)


def test_filters(shop):
    shop.make(V2 + "projects/1/exporters", {
        "job": "nginx", "port": 9113, "scheme": "https", "enabled": False})
    shop.make(V2 + "services", {"name": "other", "owner": "bob"})

    def ids(path):
        return [row["id"] for row in shop.get(V2 + path)["results"]]
    assert ids("exporters?job=ngi") == [2]
    assert ids("exporters?scheme=http") == [1]
    assert ids("exporters?enabled=false") == [2]
    assert ids("exporters?project=we&port=9100") == [1]
    assert ids("exporters?project=other") == []
    assert ids("exporters?project_id=1") == [1, 2]
    assert ids("services?owner=bob") == [2]
    assert ids("services?owner=bo") == []
    assert ids("projects?service=sho&shard=Def") == [1]
    assert ids("rules?content_type=site&object_id=1") == [1]
    assert ids("rules?content_type=service") == []
    assert ids("notifiers?content_type=service&object_id=1") == [1]
    assert ids("farms?source=promgen") == [1]
    refused(shop.call("GET", V2 + "exporters?enabled=perhaps"), 400,
            "enabled")
    refused(shop.call("GET", V2 + "exporters?port=x"), 400, "port")


# --- making ------------------------------------------------------------------

@pytest.mark.parametrize("path, body", [
    ("shards", {"name": "Default"}),
    ("services", {"name": "shop", "owner": "ann"}),
    ("services/1/project", {"name": "web", "shard": "Default"}),
    ("projects/1/farms", {"name": "front", "hosts": ["a.example"]}),
    ("projects/1/exporters", {"job": "node", "port": 9100}),
    ("projects/1/urls", {"url": "https://example.org", "probe": "http_2xx"}),
    ("sites/1/rules", {"name": "Down", "clause": "up{<exclude>} == 0",
                       "duration": "5m"}),
    ("services/1/notifiers", {
        "sender": "promgen.notification.webhook", "value": "http://h/x",
        "filters": [{"name": "severity", "value": "page"}]}),
    ("probes", {"module": "http_2xx"}),
])
def test_the_same_again_is_what_there_is(shop, path, body):
    before = shop.get(V2 + "logs")["count"]
    made = shop.make(V2 + path, body)
    assert made["id"] == 1
    assert shop.get(V2 + "logs")["count"] == before


@pytest.mark.parametrize("path, body, again", [
    ("servers", {"shard": "Default", "host": "2001:db8::1", "port": 9090},
     {"shard": "Default", "host": "[2001:DB8::1]", "port": 9090}),
    ("projects/1/exporters", {"job": "b", "port": 9200},
     {"job": "b", "port": 9200, "scheme": ""}),
])
def test_the_same_written_otherwise(shop, path, body, again):
    made = shop.make(V2 + path, body)
    before = shop.get(V2 + "logs")["count"]
    assert shop.make(V2 + path, again)["id"] == made["id"]
    assert shop.get(V2 + "logs")["count"] == before


@pytest.mark.parametrize("path, body, field, words", [
    ("shards", {}, "name", "required"),
    ("shards", {"name": "Default", "url": "http://other"}, "name", "already"),
    ("shards", {"name": "a/b"}, "name", ""),
    ("services", {"name": "x", "bogus": 1}, None, "bogus"),
    ("services/1/project", {"name": "b"}, "shard", "required"),
    ("services/1/project", {"name": "b", "shard": "nope"}, "shard", "nope"),
    ("projects/1/exporters", {"job": "node", "port": 0}, "port", "65535"),
    ("projects/1/exporters", {"job": "n", "port": 1, "scheme": "ftp"},
     "scheme", "https"),
    ("projects/1/exporters", {"job": "n", "port": "x"}, "port", "number"),
    ("projects/1/exporters", {"job": "n", "port": 1, "enabled": "x"},
     "enabled", "true or false"),
    ("projects/1/exporters", {"job": "n", "port": 1, "labels": []},
     "labels", ""),
    ("projects/1/exporters", {"job": "n", "port": 1,
                              "labels": {"job": "x"}}, "labels", "job"),
    ("projects/1/urls", {"url": "ftp://x", "probe": "http_2xx"}, "url", ""),
    ("projects/1/urls", {"url": "http://x", "probe": "nope"}, "probe", "nope"),
    ("projects/1/farms", {"name": "another"}, None, ""),
    ("sites/1/rules", {"name": "a b", "clause": "up"}, "name", ""),
    ("sites/1/rules", {"name": "A", "clause": "up", "duration": "x5mzz"},
     "duration", ""),
    ("services/1/notifiers", {"sender": "slack"}, "value", "required"),
    ("services/1/notifiers", {"sender": "slack", "value": "https://h/y",
                              "filters": [{"value": "x"}]}, "filters", ""),
    ("nodes", {"ip": "10.0.0"}, "ip", ""),
    ("tokens", {"name": "t", "scope": "all"}, "scope", ""),
    ("tokens", {"name": "t", "scope": "read", "expires_in": -1},
     "expires_in", ""),
])
def test_what_is_wrong_is_said_of_its_field(shop, path, body, field, words):
    before = shop.get(V2 + "logs")["count"]
    reply = shop.call("POST", V2 + path, body)
    assert reply.status == 400, reply.text
    if field:
        assert list(reply.json()) == [field], reply.text
    assert words in reply.text
    assert shop.get(V2 + "logs")["count"] == before


@pytest.mark.parametrize("body, words", [
    (b"{", "JSON"), (b"[]", "object"), (b'"x"', "object")])
def test_bodies_that_are_none(admin, body, words):
    refused(admin.call("POST", V2 + "services", body), 400, None, words)


def test_hosts_come_all_or_none(shop):
    reply = shop.call("POST", V2 + "farms/1/hosts",
                      {"hosts": ["ok", "not ok", "http://x"]})
    assert reply.status == 400
    assert reply.json() == {
        "detail": "Invalid hostnames.",
        "extras": {"invalid_hosts": ["not ok", "http://x"]}}
    assert shop.get(V2 + "farms/1/hosts")["count"] == 1
    hosts = shop.make(V2 + "farms/1/hosts",
                      {"hosts": ["a.example", "[::1]", {
                          "name": "b", "labels": {"rack": "1"}}]})
    assert [host["name"] for host in hosts] == ["a.example", "::1", "b"]
    assert hosts[0]["id"] == 1 and hosts[2]["labels"] == {"rack": "1"}
    assert shop.call("DELETE", V2 + "farms/1/hosts/2").status == 204
    refused(shop.call("DELETE", V2 + "farms/1/hosts/2"), 404)
    changed = shop.call("PATCH", V2 + "farms/1/hosts/3",
                        {"labels": {"rack": "2"}})
    assert changed.json()["labels"] == {"rack": "2"}
    refused(shop.call("POST", V2 + "farms/1/hosts", {}), 400, "hosts")
    for hosts in ("c", {"name": "c"}, 1):
        refused(shop.call("POST", V2 + "projects/1/farms",
                          {"name": "front", "hosts": hosts}), 400, "hosts")


def test_what_belongs_to_another_is_not_there(shop):
    shop.make(V2 + "services/1/project", {"name": "two", "shard": "Default"})
    shop.make(V2 + "projects/2/farms", {"name": "back", "hosts": ["c"]})
    shop.make(V2 + "projects/2/notifiers", {
        "sender": "slack", "value": "https://h/z",
        "filters": [{"name": "a", "value": "b"}]})
    refused(shop.call("DELETE", V2 + "farms/1/hosts/2"), 404)
    refused(shop.call("DELETE", V2 + "notifiers/1/filters/2"), 404)
    assert shop.call("DELETE", V2 + "notifiers/2/filters/2").status == 204
    assert shop.get(V2 + "notifiers/2")["filters"] == []


# --- changing ----------------------------------------------------------------

def test_put_writes_anew_and_patch_changes_some(shop):
    shop.call("PATCH", V2 + "services/1", {"description": "sells",
                                           "labels": {"team": "red"}})
    service = shop.get(V2 + "services/1")
    assert service["owner"] == "ann" and service["description"] == "sells"
    reply = shop.call("PUT", V2 + "services/1", {"name": "shop"})
    assert reply.status == 200
    assert reply.json() == {"id": 1, "name": "shop", "description": "",
                            "owner": "", "labels": {}}
    refused(shop.call("PUT", V2 + "services/1", {"owner": "x"}), 400, "name")
    refused(shop.call("PATCH", V2 + "exporters/1", {"project": "nope"}), 400,
            "project")


@pytest.mark.parametrize("path", SHAPES)
def test_what_was_read_can_be_sent_back(shop, path):
    before = shop.get(V2 + "logs")["count"]
    document = shop.get(V2 + path)
    reply = shop.call("PUT", V2 + path.replace("hosts/1", "farms/1/hosts/1"),
                      document)
    assert reply.status == 200, reply.text
    assert reply.json() == document
    assert shop.get(V2 + "logs")["count"] == before


@pytest.mark.parametrize("path", ["exporters/1", "notifiers/1"])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_switch_is_enough(shop, path, method):
    """Promgen lets nothing else of these be changed."""
    before = shop.get(V2 + path)
    reply = shop.call(method, V2 + path, {"enabled": False})
    assert reply.status == 200, reply.text
    assert reply.json() == {**before, "enabled": False}


def test_an_exporter_can_be_more_than_in_the_reference(shop):
    reply = shop.call("PATCH", V2 + "exporters/1", {
        "params": {"module": ["a", "b"], "x": "1"}, "labels": {"tier": "1"},
        "scrape_interval": "30s", "scrape_timeout": "10s", "port": 9200})
    assert reply.status == 200, reply.text
    exporter = reply.json()
    assert exporter["params"] == {"module": ["a", "b"], "x": "1"}
    assert exporter["port"] == 9200
    groups = shop.get("/sd/targets")
    assert sorted(group["labels"]["__param_module"] for group in groups
                  if group["labels"]["job"] == "node") == ["a", "b"]


def test_a_farm_of_another_source(shop):
    shop.make(V2 + "services/1/project", {"name": "two", "shard": "Default"})
    farm = shop.make(V2 + "projects/2/farms",
                     {"name": "far", "source": "pmc", "hosts": ["x"]})
    path = f"{V2}farms/{farm['id']}"
    assert farm["remote"] is True
    refused(shop.call("PATCH", path, {"name": "near"}), 400)
    refused(shop.call("POST", path + "/hosts", {"hosts": ["y"]}), 400)
    refused(shop.call("POST", path + "/sync"), 400)
    reply = shop.call("POST", path + "/convert-to-local")
    assert reply.status == 200 and reply.json()["remote"] is False
    assert shop.call("PATCH", path, {"name": "near"}).json()["name"] == "near"
    assert shop.call("DELETE", path).status == 204
    assert shop.get(V2 + "projects/2")["farm"] is None


# --- rules -------------------------------------------------------------------

def test_overrides(shop):
    override = shop.make(V2 + "services/1/rules/override",
                         {"original_rule_id": 1})
    assert override["name"] == "Down_shop" and override["parent"] == 1
    assert override["clause"] == 'up{service="shop",<exclude>} == 0'
    assert override["content_type"] == "service"
    assert override["enabled"] is True and override["duration"] == "5m"
    again = shop.make(V2 + "services/1/rules/override",
                      {"original_rule_id": 1})
    assert again["id"] == override["id"]
    third = shop.make(V2 + "projects/1/rules/override", {
        "original_rule_id": override["id"],
        "overrides": {"duration": "1m", "labels": {"severity": "page"}}})
    assert third["clause"] == \
        'up{service="shop",project="web",<exclude>} == 0'
    assert third["duration"] == "1m"
    refused(shop.call("POST", V2 + "projects/1/rules/override",
                      {"original_rule_id": NOBODY}), 400, "original_rule_id")
    shop.make(V2 + "services", {"name": "other"})
    reply = shop.call("POST", V2 + "services/2/rules/override",
                      {"original_rule_id": override["id"]})
    assert reply.status == 400, reply.text
    # two names may make one word
    for nth, name in enumerate(("日本", "中国"), 1):
        service = shop.make(V2 + "services", {"name": name})["id"]
        named = shop.make(f"{V2}services/{service}/rules/override",
                          {"original_rule_id": 1})
        assert named["name"] == ("Down_", "Down__2")[nth - 1]
    # as Django's slugify() has it, but for '-'
    for name, slug in (("Web - EU", "web_eu"), ("_a_b-", "a_b"),
                       ("v1.2 - x", "v12_x")):
        service = shop.make(V2 + "services", {"name": name})["id"]
        named = shop.make(f"{V2}services/{service}/rules/override",
                          {"original_rule_id": 1})
        assert named["name"] == f"Down_{slug}"


def test_a_shard_that_is_not_enabled_takes_nothing_new(shop):
    off = shop.make(V2 + "shards", {"name": "off", "enabled": False})
    new = {"name": "new", "shard": "off"}
    for path, body in ((V2 + "services/1/project", new),
                       ("/rest/project/", {**new, "service": "shop"})):
        refused(shop.call("POST", path, body), 400, "shard", "not enabled")
    refused(shop.call("PATCH", V2 + "projects/1", {"shard": "off"}), 400,
            "shard", "not enabled")
    # what it has it keeps, and files say how all is to be
    reply = shop.call("POST", "/registry/apply", {"services": [
        {"name": "shop", "projects": [new]}]})
    assert reply.status == 200, reply.text
    project = reply.json()["changes"][-1]["id"]
    reply = shop.call("PATCH", f"{V2}projects/{project}", {"owner": "ann"})
    assert reply.status == 200, reply.text
    assert shop.get(f"{V2}shards/{off['id']}")["enabled"] is False


def test_overrides_follow_names(shop):
    """Else nobody would watch over who has a new one."""
    rule = shop.make(V2 + "services/1/rules/override",
                     {"original_rule_id": 1})["id"]
    shop.make(V2 + "projects/1/rules/override", {"original_rule_id": rule})
    for path in ("services/1", "projects/1"):
        reply = shop.call("PATCH", V2 + path, {"name": path[:3]})
        assert reply.status == 200, reply.text
    exprs = set(re.findall(r"expr: (.*)", shop.call("GET", "/sd/rules").text))
    assert {r'"up{service!~\"ser\"} == 0"',
            r'"up{service=\"ser\",project!~\"pro\"} == 0"',
            r'"up{service=\"ser\",project=\"pro\",} == 0"'} <= exprs
    log = shop.get(V2 + "logs?content_type=rule&page_size=3")["results"]
    assert [row["log"].split(" ")[0] for row in log] == ["Updated"] * 3


def test_promtool_is_asked(bouncer, directory):
    registry = bouncer(configuration(
        directory, promtool=find_program("promtool", "prometheus")))
    admin = Asker(registry.url)
    good = {"name": "Down", "clause": "up == 0", "duration": "5m"}
    rule = admin.make(V2 + "sites/1/rules", good)
    reply = admin.call("POST", V2 + "sites/1/rules",
                       {**good, "name": "Bad", "clause": "up{"})
    assert reply.status == 422
    assert "parse error" in reply.json()["promtool"]
    assert admin.get(V2 + "rules")["count"] == 1
    reply = admin.call("PATCH", f"{V2}rules/{rule['id']}", {"clause": "up{"})
    assert reply.status == 422
    assert admin.get(V2 + "rules/1")["clause"] == "up == 0"


def test_the_link_of_an_alert_leads_to_its_rule(bouncer, directory):
    origin = "https://registry.example"
    admin = Asker(bouncer(configuration(directory,
                                        external_url=origin)).url)
    made = admin.make(V2 + "sites/1/rules", {
        "name": "Down", "clause": "up == 0", "duration": "5m"})
    link = re.search(r'"rule": "(.*)"',
                     admin.call("GET", "/sd/rules").text).group(1)
    assert link.startswith(origin)
    assert admin.get(link[len(origin):]) == made


def test_recording_rules(shop):
    rule = shop.make(V2 + "services/1/rules", {
        "name": "job:up:sum", "clause": "sum by (job) (up)",
        "recording": True, "interval": "30s"})
    assert rule["recording"] is True and rule["interval"] == "30s"
    refused(shop.call("POST", V2 + "sites/2/rules", {}), 404)


# --- notifiers ---------------------------------------------------------------

def test_notifiers(shop):
    aliased = shop.make(V2 + "projects/1/notifiers", {
        "sender": "promgen.notification.slack", "value": "https://hook/secret",
        "alias": "ours"})
    assert aliased["value"] is None and aliased["alias"] == "ours"
    assert "secret" not in shop.call("GET", V2 + "logs?page_size=1000").text
    grown = shop.make(V2 + "notifiers/1/filters",
                      {"name": "team", "operator": "=~", "value": "a|b"})
    assert [(row["name"], row["operator"], row["value"])
            for row in grown["filters"]] == [
                ("severity", "=", "page"), ("team", "=~", "a|b")]
    assert shop.get(V2 + "notifiers/1/filters")["count"] == 2
    everybody = shop.make(V2 + "sites/1/notifiers", {
        "sender": "slack", "value": "https://hook/all"})
    assert everybody["content_type"] == "site"


def test_addresses_are_for_those_who_may_change_them(shop, registry):
    secret = "https://hook/secret"
    made = shop.make(V2 + "projects/1/notifiers",
                     {"sender": "slack", "value": secret})
    path = f"{V2}notifiers/{made['id']}"
    seen = {scope: Asker(registry.url, scope).get(path)["value"]
            for scope in ("read", "write", "admin")}
    assert seen == {"read": "******", "write": secret, "admin": secret}
    assert made["value"] == secret
    read = Asker(registry.url, "read")
    write = Asker(registry.url, "write")
    for place in (V2 + "notifiers", "/rest/project/web/notifiers/"):
        assert secret not in read.call("GET", place).text
        assert secret in write.call("GET", place).text
    # what those who may only read were shown changes nothing
    for shown in ("******", secret):
        assert shop.call("PATCH", path, {"value": shown}).status == 200
        assert write.get(path)["value"] == secret
    # an alias hides it from all, and what comes back is no address
    aliased = shop.call("PATCH", path, {"alias": "ours"}).json()
    assert aliased["value"] is None
    assert shop.call("PUT", path, {
        "sender": "slack", "value": None, "alias": ""}).json()["value"] \
        == secret
    assert secret not in shop.call("GET", V2 + "logs?page_size=1000").text
    assert secret not in shop.call("DELETE", path + "?dry_run=1").text


def test_how_we_log_in_is_for_those_who_may_do_all(shop, registry):
    path = V2 + "shards/1"
    body = {"authorization": "Bearer secret"}
    write = Asker(registry.url, "write")
    assert write.call("PATCH", path,
                      body).json()["authorization"] == "******"
    assert shop.get(path)["authorization"] == "Bearer secret"
    assert shop.get(V2 + "projects/1")["shard"]["authorization"] == \
        "Bearer secret"
    for scope in ("read", "write"):
        asker = Asker(registry.url, scope)
        for place in (path, V2 + "shards", V2 + "projects/1",
                      "/rest/shard/"):
            assert "secret" not in asker.call("GET", place).text, place
    # what was shown can be sent back, also when the counts are other ones
    whole = write.get(path)
    shop.make(V2 + "projects/1/exporters", {"job": "more", "port": 9101})
    assert write.call("PUT", path, whole).status == 200
    assert shop.get(path)["authorization"] == "Bearer secret"


# --- what Promgen has only in its admin pages --------------------------------

def test_servers_and_templates(shop):
    server = shop.make(V2 + "servers", {"shard": "Default", "host": "prom1",
                                        "port": 9090})
    shop.make(V2 + "shards", {"name": "two"})
    path = f"{V2}servers/{server['id']}"
    moved = shop.call("PATCH", path, {"shard": "two"}).json()
    assert moved["shard"] == "two" and moved["shard_id"] == 2
    moved = shop.call("PATCH", path, {"shard_id": 1}).json()
    assert moved["shard"] == "Default"
    # how far it is, as GET /worker/servers tells it
    assert moved["status"] is None
    before = shop.get(path)
    assert before["status"]["sync"] == "unknown"
    assert shop.call("POST", "/worker/report", {
        "server": "prom1:9090", "revision": 1, "loaded": True,
        "written": {"rules": "\"x\""}, "version": "1"}).status == 204
    told = shop.get("/worker/servers")["servers"][0]
    assert {**shop.get(path)["status"], "age_seconds": 0} == {
        name: value for name, value in {**told, "age_seconds": 0}.items()
        if name not in ("id", "server", "shard")}
    assert shop.get(V2 + "servers")["results"][0]["status"]["sync"] == "lost"
    assert shop.call("PUT", path, before).status == 200
    assert shop.call("DELETE", path).status == 204
    template = shop.make(V2 + "default-exporters",
                         {"job": "mysqld", "port": 9104})
    assert shop.get(f"{V2}default-exporters/{template['id']}") == template


def test_nodes(shop):
    node = shop.make(V2 + "nodes", {"ip": "2001:DB8::1", "comment": "x"})
    assert node["ip"] == "2001:db8::1" and node["port"] == 9100
    assert node["shard"] == "Default" and node["deleted"] is False
    assert shop.call("DELETE", f"{V2}nodes/{node['id']}").status == 204
    assert shop.get(V2 + "nodes")["count"] == 0
    assert shop.get(V2 + "nodes?deleted=true")["count"] == 1
    again = shop.make(V2 + "nodes", {"ip": "2001:db8::1"})
    assert again["deleted"] is False


def test_tokens(shop, registry):
    made = shop.make(V2 + "tokens", {"name": "deploy", "scope": "write",
                                     "expires_in": 3600})
    assert len(made["token"]) == 44 and made["token"].startswith("bnc_")
    assert made["expires_at"] and "hash" not in made
    other = Asker(registry.url)
    other.headers = {"Authorization": f"Bearer {made['token']}"}
    me = other.get(V2 + "users/me")
    assert me["username"] == "deploy" and me["scope"] == "write"
    assert me["is_superuser"] is False
    refused(other.call("GET", V2 + "tokens"), 403)
    rows = shop.get(V2 + "tokens?name=deploy")["results"]
    assert len(rows) == 1 and "token" not in rows[0]
    assert made["token"] not in shop.call(
        "GET", V2 + "logs?page_size=1000").text
    refused(shop.call("POST", V2 + "tokens",
                      {"name": "deploy", "scope": "write"}), 400, "name")
    path = f"{V2}tokens/{made['id']}"
    assert shop.call("PATCH", path, {"scope": "read"}).json()["scope"] == \
        "read"
    refused(other.call("POST", V2 + "services", {"name": "b"}), 403)
    assert shop.call("DELETE", path).status == 204
    refused(other.call("GET", V2 + "users/me"), 401)


# --- what would happen -------------------------------------------------------

def test_a_dry_run_says_what_would_go_and_keeps_it(shop):
    reply = shop.call("DELETE", V2 + "shards/1?dry_run=true")
    assert reply.status == 200
    said = reply.json()
    assert said["dry_run"] is True
    kinds = [change["kind"] for change in said["changes"]]
    assert set(kinds) == {"shard", "project", "farm", "host", "exporter",
                          "url"}
    assert kinds[-1] == "shard"
    assert all(change["op"] == "deleted" and change["new"] is None
               and change["old"] for change in said["changes"])
    assert shop.get(V2 + "shards")["count"] == 1
    assert shop.call("DELETE", V2 + "shards/1").status == 204
    assert shop.get(V2 + "hosts")["count"] == 0
    assert shop.get(V2 + "services")["count"] == 1


def test_dry_runs_of_other_edits(shop):
    reply = shop.call("POST", V2 + "services?dry_run=1", {"name": "new"})
    assert reply.status == 200
    change, = reply.json()["changes"]
    assert change["op"] == "created" and change["new"]["name"] == "new"
    assert change["title"] == "service new" and change["old"] is None
    reply = shop.call("PATCH", V2 + "services/1?dry_run=true",
                      {"owner": "bob"})
    change, = reply.json()["changes"]
    assert (change["old"]["owner"], change["new"]["owner"]) == ("ann", "bob")
    assert shop.get(V2 + "services")["count"] == 1
    assert shop.get(V2 + "services/1")["owner"] == "ann"
    refused(shop.call("POST", V2 + "services?dry_run=maybe", {"name": "x"}),
            400, "dry_run")
    refused(shop.call("POST", V2 + "services?dry_run=true", {}), 400, "name")
