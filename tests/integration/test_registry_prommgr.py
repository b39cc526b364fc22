# SPDX-License-Identifier: Apache-2.0
"""prommgr's paths: its keys, its words, Basic auth, soft deletion; and what
it lacks: IPv6, and an address that comes back."""

import re

import pytest

from daemons.registry import Asker, configuration

KEYS = ["comment", "created_at", "deleted", "id", "server_ip", "server_port",
        "updated_at"]
MOMENT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
EXISTS = ["A server with this IP already exists."
          "Please delete the old one first."]


@pytest.fixture(name="registry")
def fixture_registry(bouncer, directory):
    return bouncer(configuration(directory))


@pytest.fixture(name="admin")
def fixture_admin(registry):
    return Asker(registry.url, "write", "Basic")


def add(admin, ip, **keys):
    return admin.make("/api/servers", {"server_ip": ip, **keys})


def test_shape(admin):
    server = add(admin, "192.0.2.1", comment="first")
    assert list(server) == KEYS
    assert MOMENT.fullmatch(server["created_at"])
    assert MOMENT.fullmatch(server["updated_at"])
    assert {**server, "created_at": 0, "updated_at": 0} == {
        "comment": "first", "created_at": 0, "deleted": False, "id": 1,
        "server_ip": "192.0.2.1", "server_port": 9100, "updated_at": 0}
    for path in ("/api/servers/1", "/api/servers/1/", "/api/servers/1.json",
                 "/api/server-by-ip/192.0.2.1/",
                 "/api/server-by-ip/192.0.2.1.json"):
        assert admin.get(path) == server, path
    for path in ("/api/servers", "/api/servers/", "/api/servers.json"):
        assert admin.get(path) == [server], path


def test_latest_first(admin):
    for n in range(3):
        add(admin, f"192.0.2.{n}", server_port=9100 + n)
    assert [server["id"] for server in admin.get("/api/servers")] == [3, 2, 1]
    added = admin.make("/api/servers.json", {"server_ip": "192.0.2.9"})
    assert admin.get("/api/servers")[0] == added


def test_twice(admin):
    add(admin, "192.0.2.1")
    reply = admin.call("POST", "/api/servers", {"server_ip": "192.0.2.1"})
    assert reply.status == 400 and reply.json() == EXISTS


def test_deleted_comes_back(admin):
    """It is kept, and can be read, but is not in the list; its address is
    free again."""
    old = add(admin, "192.0.2.1")
    assert admin.call("DELETE", "/api/servers/1/").status == 204
    assert admin.get("/api/servers") == []
    assert admin.get("/api/servers/1/")["deleted"] is True
    assert admin.get("/api/server-by-ip/192.0.2.1/")["id"] == old["id"]
    assert admin.call("DELETE", "/api/servers/1/").status == 204
    new = add(admin, "192.0.2.1", comment="again")
    assert new["id"] != old["id"]
    assert admin.get("/api/servers") == [new]
    assert admin.get("/api/server-by-ip/192.0.2.1/") == new
    reply = admin.call("POST", "/api/servers", {"server_ip": "192.0.2.1"})
    assert reply.status == 400


def test_ipv6(admin):
    server = add(admin, "[2001:DB8:0::1]", server_port=9200)
    assert server["server_ip"] == "2001:db8::1"
    for written in ("2001:db8::1", "2001:DB8:0:0::1", "%5B2001:db8::1%5D"):
        assert admin.get(f"/api/server-by-ip/{written}/") == server
    reply = admin.call("POST", "/api/servers", {"server_ip": "2001:db8:0::1"})
    assert reply.json() == EXISTS
    groups = admin.get("/sd/Default/targets")
    assert [group["targets"] for group in groups] == [["[2001:db8::1]:9200"]]


@pytest.mark.parametrize("body, field", [
    ({}, "server_ip"),
    ({"server_ip": "web-1"}, "server_ip"),
    ({"server_ip": "192.0.2.256"}, "server_ip"),
    ({"server_ip": "192.0.2.1", "server_port": 0}, "server_port"),
    ({"server_ip": "192.0.2.1", "server_port": 65536}, "server_port"),
    ({"server_ip": "192.0.2.1", "comment": "x" * 251}, "comment"),
    ({"server_ip": "192.0.2.1", "shard": "nobody"}, "shard"),
])
def test_refused(admin, body, field):
    reply = admin.call("POST", "/api/servers", body)
    assert reply.status == 400
    assert list(reply.json()) == [field], reply.text
    assert admin.get("/api/servers") == []
    assert admin.get("/rest/shard") == []   # nothing of it is left


def test_shard(admin):
    """The default one is made when it is needed; another can be named."""
    add(admin, "192.0.2.1")
    assert [shard["name"] for shard in admin.get("/rest/shard")] == ["Default"]
    admin.make("/rest/shard", {"name": "two"})
    add(admin, "192.0.2.2", shard="two")
    assert admin.get("/sd/two/nodes") == [
        {"id": 2, "ip": "192.0.2.2", "port": 9100}]


def test_not_there(admin):
    for path in ("/api/servers/7/", "/api/servers/x/",
                 "/api/server-by-ip/192.0.2.7/", "/api/server-by-ip/web/",
                 "/api/server-by-ip/" + "1" * 300):
        assert admin.call("GET", path).status == 404, path
    assert admin.call("DELETE", "/api/servers/7/").status == 404
    for method in ("PUT", "PATCH"):
        assert admin.call(method, "/api/servers/1/", {}).status == 405


def test_who_may(registry, admin):
    add(admin, "192.0.2.1")
    anybody = Asker(registry.url, None)
    reader = Asker(registry.url, "read", "Basic")
    for path in ("/api/servers", "/api/servers/1/",
                 "/api/server-by-ip/192.0.2.1/"):
        reply = anybody.call("GET", path)
        assert reply.status == 401, path
        asked = reply.headers.get_all("WWW-Authenticate")
        assert any(scheme.startswith("Basic ") for scheme in asked)
        assert reader.call("GET", path).status == 200
    assert reader.call("DELETE", "/api/servers/1/").status == 403
    assert reader.call("POST", "/api/servers",
                       {"server_ip": "192.0.2.2"}).status == 403
