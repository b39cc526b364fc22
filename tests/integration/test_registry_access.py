# SPDX-License-Identifier: Apache-2.0
"""Who may ask the registry for what: each of its routes, as its own document
lists them, with each scope; the daemon's routes beside them; and the tokens
that are made, listed and revoked."""

import json
import os
import re
import signal
import subprocess
import tempfile

import pytest

from daemons.bouncer import monitor, program, settings
from daemons.http import Client
from daemons.process import Process, find_program, wait_until
from daemons.registry import SCOPES, Asker, configuration

# Which tokens a need admits; the others are refused with 403.
ADMITS = {
    "find": ("read", "write", "admin"),
    "read": ("read", "write", "admin"),
    "alerts": ("alerts", "write", "admin"),
    "write": ("write", "admin"),
    "admin": ("admin",),
}
ROUTES = 150        # more than these there are


@pytest.fixture(name="registry")
def fixture_registry(bouncer, directory):
    return bouncer(configuration(directory))


def routes(registry):
    """(method, path, need) of each in the document, for things that there are
    not."""
    document = Asker(registry.url).get("/openapi.json")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            yield (method.upper(), re.sub(r"{[^}]*}", "999999", path),
                   operation["x-scope"])


def status(url, scope, method, path):
    body = None if method in ("GET", "DELETE") else "{}"
    return Asker(url, scope).call(method, path, body).status


def test_a_large_body_is_only_for_who_has_a_token(registry):
    """Nobody else's is even held."""
    large = json.dumps({"files": [], "name": "x" * 200000})
    assert status_of(registry, None, large) == 401
    assert status_of(registry, "alerts", large) == 403
    assert status_of(registry, "admin", large) == 400


def status_of(registry, scope, body):
    return Asker(registry.url, scope).call("POST", "/registry/apply",
                                           body).status


def test_every_route_with_every_scope(registry):
    n = 0
    for method, path, need in routes(registry):
        if need == "none":
            continue
        n += 1
        assert status(registry.url, None, method, path) == 401, (method, path)
        for scope in SCOPES:
            got = status(registry.url, scope, method, path)
            if scope in ADMITS[need]:
                assert got not in (401, 403), (scope, method, path, got)
            else:
                assert got == 403, (scope, method, path, got)
    assert n > ROUTES


def test_nothing_that_there_is_not_is_told_of_without_a_token(registry):
    for path in ("/nothing", "/rest/v2/nothing", "/api/v1/nothing", "/sd/"):
        assert status(registry.url, None, "GET", path) == 401, path
        assert status(registry.url, "read", "GET", path) == 404, path


# The daemon's own, which are everybody's without a registry.
OWN = [
    ("GET", "/", "read"),
    ("GET", "/metrics", "read"),
    ("GET", "/api/v1/monitors", "read"),
    ("GET", "/api/v1/journal", "read"),
    ("GET", "/api/v1/daemon", "read"),
    ("GET", "/api/v1/health", "read"),
    ("POST", "/api/v1/pause", "admin"),
    ("POST", "/api/v1/resume", "admin"),
    ("POST", "/api/v1/reload", "admin"),
    ("PUT", "/metrics/job/x", "write"),
    ("POST", "/api/v1/alerts", "alerts"),
]


@pytest.mark.parametrize("method,path,need", OWN)
def test_the_daemons_own_routes_need_tokens_too(registry, method, path, need):
    assert status(registry.url, None, method, path) == 401
    for scope in SCOPES:
        got = status(registry.url, scope, method, path)
        assert (got == 403) == (scope not in ADMITS[need]), (scope, got)


def test_health_is_everybodys(registry):
    for path in ("/-/healthy", "/-/ready"):
        assert status(registry.url, None, "GET", path) == 200, path


def test_the_control_socket_may_do_all(registry):
    reply = Client(f"unix:{registry.socket}").call(
        "POST", "/rest/v2/shards", json.dumps({"name": "one"}))
    assert reply.status == 201, reply.text
    log = Asker(registry.url).get("/rest/v2/logs")
    assert [row["user"] for row in log["results"]] == ["control socket"]


def test_the_log_finds_a_token_by_its_name(registry):
    Asker(registry.url, "write").make("/rest/v2/shards", {"name": "one"})
    Asker(registry.url).make("/rest/v2/shards", {"name": "two"})
    for user, done in (("write", ["Created shard one"]),
                       ("token%20write", ["Created shard one"]),
                       ("admin", ["Created shard two"]), ("writ", []),
                       ("token", []), ("control%20socket", [])):
        log = Asker(registry.url).get(f"/rest/v2/logs?user={user}")
        assert [row["log"] for row in log["results"]] == done, user
        assert log["count"] == len(done), user


def test_discovery_may_be_open(bouncer, directory):
    one = bouncer(configuration(directory, open_discovery=True))
    for method, path, need in routes(one):
        got = status(one.url, None, method, path)
        if need == "find":
            assert got != 401, path
        elif need != "none":
            assert got == 401, (method, path)


# --- tokens -----------------------------------------------------------------


def bearer(registry, secret, path="/metrics"):
    return Client(registry.url).call(
        "GET", path, None, {"Authorization": f"Bearer {secret}"}).status


def test_a_token_lives_until_it_is_revoked(registry):
    def token(*words, code=0):
        done = subprocess.run(
            [program(), "registry", "token", *words, "--socket",
             registry.socket], capture_output=True, text=True, check=False,
            timeout=60)
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    secret = token("create", "deploy", "--scope", "read").strip()
    assert re.fullmatch(r"bnc_[0-9A-Za-z]{40}", secret)
    assert bearer(registry, secret) == 200
    assert "there is already" in token("create", "deploy", code=4)
    assert "deploy  read" in token("list")
    assert secret not in token("list", "--json")
    assert "revoked" in token("revoke", "deploy")
    assert bearer(registry, secret) == 401
    assert "there is no token deploy" in token("revoke", "deploy", code=4)
    # neither the log of edits nor the database has it
    log = Asker(registry.url).call("GET", "/rest/v2/logs").text
    assert "deploy" in log and secret not in log


def test_a_token_expires(registry):
    admin = Asker(registry.url)
    soon, late = (admin.make("/rest/v2/tokens", {
        "name": f"of {seconds} s", "scope": "read",
        "expires_in": seconds})["token"] for seconds in (2, 3600))
    wait_until(lambda: bearer(registry, soon) == 401, 30,
               "the token does not expire")
    assert bearer(registry, late) == 200


def test_tokens_outlive_a_restart(registry):
    made = Asker(registry.url).make("/rest/v2/tokens", {"name": "kept",
                                                        "scope": "read"})
    assert registry.end() == 0
    registry.start()
    assert bearer(registry, made["token"]) == 200


# --- reload -----------------------------------------------------------------


def test_it_is_switched_off_and_on_by_a_reload(registry, directory):
    Asker(registry.url).make("/rest/v2/shards", {"name": "one"})
    with open(registry.config, encoding="utf-8") as file:
        on = file.read()
    registry.reload(settings(monitor("a", type="docker", container_name="c",
                                     restart_type="container")))
    wait_until(lambda: status(registry.url, None, "GET", "/metrics") == 200,
               30, "the registry is not off")
    assert status(registry.url, None, "GET", "/rest/v2/shards") == 404
    registry.wait_log("configuration reloaded")

    def on_again():
        """Refused as long as the one of before is being closed."""
        registry.reload(on)
        return status(registry.url, None, "GET", "/metrics") == 401

    wait_until(on_again, 30, "the registry is not on", every=0.2)
    shards = Asker(registry.url).get("/rest/v2/shards")
    assert [shard["name"] for shard in shards["results"]] == ["one"]


# --- the command ------------------------------------------------------------


def test_it_needs_neither_file_nor_monitors(directory):
    """`bouncer registry` alone, where there is no configuration."""
    place = tempfile.mkdtemp(prefix="alone-", dir=directory)
    control = os.path.join(place, "c.sock")
    process = Process(
        [program(), "registry", "--addr", "none", "--state-dir",
         os.path.join(place, "state"), "--control-socket", control],
        os.path.join(place, "log"), cwd=place)
    client = Client(f"unix:{control}")
    try:
        process.wait_ready(lambda: client.answers("/-/ready"), 30)
        assert client.call("GET", "/rest/v2/shards").json()["count"] == 0
        process.signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
    assert os.path.exists(os.path.join(place, "state", "registry.db"))


# --- promtool ---------------------------------------------------------------


def test_rules_that_prometheus_would_not_take(bouncer, directory):
    one = bouncer(configuration(
        directory, promtool=find_program("promtool", "prometheus")))
    admin = Asker(one.url)
    reply = admin.call("POST", "/rest/v2/sites/1/rules", json.dumps(
        {"name": "broken", "clause": "sum(up"}))
    assert reply.status == 422, reply.text
    assert "could not parse expression" in reply.text
    assert "/tmp" not in reply.text and "Checking" not in reply.text
    assert admin.get("/rest/v2/rules")["count"] == 0
    admin.make("/rest/v2/sites/1/rules",
               {"name": "fine", "clause": "up == 0"})
    metrics = admin.call("GET", "/metrics").text
    assert 'bouncer_registry_checks_total{result="bad"} 1' in metrics
    assert 'bouncer_registry_checks_total{result="good"} 1' in metrics
