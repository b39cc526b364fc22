# SPDX-License-Identifier: Apache-2.0
"""Promgen's first API and its oldest paths, in the shapes of the reference."""

import http.server
import json
import threading
import urllib.parse

import pytest

from daemons.registry import Asker, configuration


@pytest.fixture(name="registry")
def fixture_registry(bouncer, directory):
    return bouncer(configuration(directory))


@pytest.fixture(name="admin")
def fixture_admin(registry):
    return Asker(registry.url)


@pytest.fixture(name="shop")
def fixture_shop(admin):
    """A service with a project of everything."""
    admin.make("/rest/shard/", {"name": "Default"})
    admin.make("/rest/shard/", {"name": "two"})
    admin.make("/rest/service/", {"name": "shop", "owner": "ann",
                                  "description": "sells"})
    admin.make("/rest/project/", {"name": "web", "service": "shop",
                                  "shard": "Default", "owner": "bob"})
    farm = admin.make("/rest/farm/", {"name": "front", "project": "web"})
    hosts = f"/rest/v2/farms/{farm['id']}/hosts"
    admin.make(hosts, {"hosts": ["b.example", "a.example", "2001:db8::1"]})
    admin.make("/rest/v2/projects/1/exporters", {"job": "node", "port": 9100})
    admin.make("/rest/v2/projects/1/exporters", {
        "job": "nginx", "port": 9113, "path": "/x", "scheme": "https"})
    return admin


TARGETS = [{
    "labels": {"__farm_source": "promgen", "__metrics_path__": "/x",
               "__scheme__": "https", "__shard": "Default", "farm": "front",
               "job": "nginx", "project": "web", "service": "shop"},
    "targets": ["[2001:db8::1]:9113", "a.example:9113", "b.example:9113"],
}, {
    "labels": {"__farm_source": "promgen", "__scheme__": "http",
               "__shard": "Default", "farm": "front", "job": "node",
               "project": "web", "service": "shop"},
    "targets": ["[2001:db8::1]:9100", "a.example:9100", "b.example:9100"],
}]


# --- reading ----------------------------------------------------------------

@pytest.mark.parametrize("area", ["/rest", "/api"])
def test_shapes(shop, registry, area):
    base = registry.url
    shards = shop.get(f"{area}/shard/")
    assert shards == [
        {"html": f"{base}/rest/v2/shards/{n}", "name": name, "url": "",
         "proxy": False, "enabled": True, "samples": 5000000,
         "targets": 10000}
        for n, name in ((1, "Default"), (2, "two"))]
    assert shop.get(f"{area}/shard/two/") == shards[1]
    service = {"owner": "ann", "html": f"{base}/rest/v2/services/1",
               "name": "shop", "description": "sells"}
    assert shop.get(f"{area}/service/") == [service]
    assert shop.get(f"{area}/service/shop") == service
    project = {"owner": "bob", "service": "shop", "name": "web",
               "html": f"{base}/rest/v2/projects/1", "description": ""}
    assert shop.get(f"{area}/project/") == [project]
    assert shop.get(f"{area}/project/web/") == project
    assert shop.get(f"{area}/shard/Default/projects/") == [project]
    assert shop.get(f"{area}/shard/two/projects/") == []
    assert shop.get(f"{area}/service/shop/projects/") == [project]
    farm = {"id": 1, "url": f"{base}/rest/v2/farms/1", "name": "front",
            "source": "promgen", "project": 1}
    assert shop.get(f"{area}/farm/") == [farm]
    assert shop.get(f"{area}/farm/1/") == {**farm, "hosts": [
        {"url": f"{base}/rest/v2/hosts/{n}", "name": name}
        for n, name in ((1, "b.example"), (2, "a.example"),
                        (3, "2001:db8::1"))]}


def test_targets(shop):
    for path in ("/rest/all/targets/", "/api/all/targets",
                 "/rest/service/shop/targets/", "/rest/project/web/targets/",
                 "/service/shop/targets", "/service/1/targets/",
                 "/project/web/targets", "/project/1/targets"):
        reply = shop.call("GET", path)
        assert reply.status == 200, path
        assert reply.headers["Content-Type"] == "application/json", path
        assert reply.json() == TARGETS, path
    assert shop.get("/rest/all/urls/") == []


def test_urls(shop):
    shop.call("POST", "/rest/v2/probes", {"module": "http_2xx"})
    shop.make("/rest/v2/projects/1/urls", {"url": "https://shop.example/",
                                           "probe": "http_2xx"})
    urls = [{"labels": {"__param_module": "http_2xx", "__shard": "Default",
                        "job": "http_2xx", "project": "web",
                        "service": "shop"},
             "targets": ["https://shop.example/"]}]
    for path in ("/rest/all/urls/", "/rest/service/shop/urls",
                 "/rest/project/web/urls", "/project/1/urls"):
        assert shop.get(path) == urls, path


def test_rules(shop):
    """Of one service or project also those that are disabled."""
    shop.make("/rest/v2/projects/1/rules", {
        "name": "one_down", "clause": "up == 0", "duration": "5m"})
    shop.make("/rest/v2/projects/1/rules", {
        "name": "off", "clause": "up == 0", "duration": "5m",
        "enabled": False})
    for path, names in (("/rest/all/rules/", ["one_down"]),
                        ("/rest/project/web/rules/", ["off", "one_down"]),
                        ("/project/web/rules", ["off", "one_down"]),
                        ("/rest/service/shop/rules/", None)):
        reply = shop.call("GET", path)
        assert reply.status == 200, path
        assert reply.headers["Content-Type"] == "application/x-yaml", path
        for name in names or ():
            assert f'alert: "{name}"' in reply.text, path
        if names == ["one_down"]:
            assert 'alert: "off"' not in reply.text


def test_notifiers(shop):
    notifier = shop.make("/rest/v2/projects/1/notifiers", {
        "sender": "promgen.notification.slack", "alias": "chat",
        "value": "https://hooks.example/secret"})
    assert shop.get("/rest/project/web/notifiers/") == [{
        "id": notifier["id"], "owner": "", "label": "chat",
        "sender": "promgen.notification.slack", "value": None,
        "alias": "chat", "object_id": 1, "enabled": True,
        "content_type": "project"}]
    assert shop.get("/rest/service/shop/notifiers/") == []


def test_filters(shop):
    def names(path):
        return [item["name"] for item in shop.get(path)]

    assert names("/rest/shard/?name=wo") == ["two"]
    assert names("/rest/shard/?name=TWO") == []
    assert names("/rest/service/?name=x") == []
    assert names("/rest/project/?service=ho&shard=Def") == ["web"]
    assert names("/rest/project/?shard=two") == []
    assert names("/rest/project/?service_id=1&shard_id=1") == ["web"]
    assert names("/rest/project/?shard_id=2") == []
    assert names("/rest/project/?shard_id=x") == []
    assert names("/rest/farm/?source=promgen&name=ron") == ["front"]
    reply = shop.call("GET", "/rest/farm/?source=nobody")
    assert reply.status == 400
    assert list(reply.json()) == ["source"]


# --- editing ----------------------------------------------------------------

def test_put_and_patch(shop):
    """What was read can be sent back."""
    shard = shop.get("/rest/shard/two")
    assert shop.call("PUT", "/rest/shard/two/", shard).json() == shard
    reply = shop.call("PATCH", "/rest/shard/two/",
                      {"url": "http://prom.example:9090", "proxy": True})
    assert reply.status == 200
    assert reply.json() == {**shard, "url": "http://prom.example:9090",
                            "proxy": True}
    reply = shop.call("PUT", "/rest/shard/two", {"samples": 1})
    assert reply.status == 400
    assert list(reply.json()) == ["name"]
    project = shop.call("PATCH", "/rest/project/web", {
        "name": "site", "shard": "two"}).json()
    assert project["name"] == "site"
    assert shop.call("GET", "/rest/project/web").status == 404
    assert shop.get("/rest/shard/two/projects") == [project]
    targets = shop.get("/rest/project/site/targets")
    assert {group["labels"]["project"] for group in targets} == {"site"}
    assert {group["labels"]["__shard"] for group in targets} == {"two"}
    farm = shop.call("PATCH", "/rest/farm/1", {"name": "back"}).json()
    assert farm["name"] == "back" and len(farm["hosts"]) == 3


def test_delete(shop):
    assert shop.call("DELETE", "/rest/shard/two/").status == 204
    assert shop.call("DELETE", "/rest/shard/two/").status == 404
    preview = shop.call("DELETE", "/rest/service/shop/?dry_run=true").json()
    assert {change["kind"] for change in preview["changes"]} == {
        "service", "project", "farm", "host", "exporter"}
    assert shop.call("DELETE", "/rest/service/shop").status == 204
    assert shop.get("/rest/project/") == []
    assert shop.get("/rest/farm/") == []
    assert shop.get("/rest/all/targets/") == []


@pytest.mark.parametrize("path, body, field", [
    ("/rest/service/", {}, "name"),
    ("/rest/service/", {"name": "a/b"}, "name"),
    ("/rest/service/", {"name": "shop"}, "name"),
    ("/rest/project/", {"name": "x", "service": "nobody",
                        "shard": "Default"}, "service"),
    ("/rest/project/", {"name": "x", "service": "shop"}, "shard"),
    ("/rest/project/", {"name": "web", "service": "shop",
                        "shard": "Default"}, "name"),
    ("/rest/farm/", {"name": "second", "project": "web"}, "project"),
    ("/rest/shard/", {"name": "x", "samples": "many"}, "samples"),
    ("/rest/shard/", {"name": "x", "url": "ftp://x"}, "url"),
])
def test_refused(shop, path, body, field):
    reply = shop.call("POST", path, body)
    assert reply.status == 400
    assert list(reply.json()) == [field], reply.text


def test_not_there(shop):
    for path in ("/rest/shard/x", "/rest/service/x/targets",
                 "/rest/service/x/rules", "/rest/project/1/targets",
                 "/project/7/targets", "/rest/farm/7", "/rest/farm/front"):
        assert shop.call("GET", path).status == 404, path
    for method in ("PUT", "PATCH"):
        assert shop.call(method, "/rest/service/x",
                         {"name": "y"}).status == 404
    reply = shop.call("POST", "/rest/service/", "{")
    assert reply.status == 400 and "JSON" in reply.json()["detail"]


def test_numbers_as_names(shop):
    """Of a name that is a number the id counts."""
    shop.make("/rest/service/", {"name": "77"})
    shop.make("/rest/service/", {"name": "1"})
    assert shop.get("/service/77/targets") == []
    assert shop.get("/service/1/targets") == TARGETS


def test_scopes(shop, registry):
    reader = Asker(registry.url, "read", "Token")
    anybody = Asker(registry.url, None)
    for path in ("/rest/all/targets", "/rest/shard", "/api/service/shop",
                 "/service/1/targets", "/rest/farm/1"):
        assert anybody.call("GET", path).status == 401, path
        assert reader.call("GET", path).status == 200, path
    for method, path in (("POST", "/rest/shard/"),
                         ("PUT", "/rest/shard/two"),
                         ("PATCH", "/api/service/shop"),
                         ("DELETE", "/rest/farm/1")):
        body = {"name": "y"}
        assert anybody.call(method, path, body).status == 401, path
        assert reader.call(method, path, body).status == 403, path
    assert shop.get("/rest/farm/1")["name"] == "front"


# --- what a shard has -------------------------------------------------------

class _Prometheus(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path)
        body = json.dumps({
            "status": "success", "path": parts.path,
            "query": urllib.parse.parse_qs(parts.query)["query"],
            "who": self.headers["Authorization"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


@pytest.fixture(name="prometheus_url")
def fixture_prometheus_url():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Prometheus)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_usages(shop, prometheus_url):
    shop.call("PATCH", "/rest/shard/two", {"url": prometheus_url})
    shard = shop.get("/rest/v2/shards/2")
    shop.call("PATCH", "/rest/v2/shards/2", {"authorization": "Bearer x"})
    assert "authorization" not in shop.get("/rest/shard/two"), shard
    assert shop.get("/rest/shard/two/usages/?metric=samples") == {
        "status": "success", "path": "/api/v1/query", "who": "Bearer x",
        "query": ["sum(scrape_samples_scraped)"]}
    assert shop.get("/rest/shard/two/usages/?metric=exporters")["query"] == [
        "count(up)"]
    for query in ("", "?metric=x"):
        reply = shop.call("GET", f"/rest/shard/two/usages/{query}")
        assert reply.status == 400


def test_usages_out_of_reach(shop):
    assert shop.call("GET", "/rest/shard/two/usages/?metric=samples"
                     ).status == 502     # it has no URL
    shop.call("PATCH", "/rest/shard/two", {"url": "http://127.0.0.1:1"})
    reply = shop.call("GET", "/rest/shard/two/usages/?metric=samples")
    assert reply.status == 502
    assert "127.0.0.1:1" in reply.json()["detail"]
