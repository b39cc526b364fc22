# SPDX-License-Identifier: Apache-2.0
"""What the registry says of its own API: is it a good document, and is it
true? Validators of others look at the document, and every route is asked what
it really answers."""

import gzip
import json
import os
import re
import subprocess

import jsonschema
import pytest

from daemons.http import Client
from daemons.process import Unavailable, find_program, wait_until
from daemons.registry import Asker, configuration

NPM_SECONDS = 240
INSTALL_ATTEMPTS = 3
LINT_SECONDS = 120
RELOAD_SECONDS = 20
VALIDATORS = ["@seriousme/openapi-schema-validator@2", "@redocly/cli@2"]
# Of Promgen's own paths two are alike until a router prefers what has a name.
SKIPPED_RULES = ["no-ambiguous-paths"]

VALIDATE = """
import { readFileSync } from 'fs';
import { Validator } from '@seriousme/openapi-schema-validator';
const validator = new Validator();
const text = readFileSync(process.argv[2], 'utf8');
const result = await validator.validate(JSON.parse(text));
console.log(JSON.stringify({ version: validator.version, ...result }));
"""

# Routes that do not end by themselves, or ask somebody else.
NOT_ASKED = {"/worker/watch", "/rest/shard/{name}/usages",
             "/api/shard/{name}/usages"}

VALUES = {"ip": "10.0.0.1", "source": "promgen", "id_or_name": "1",
          "host_id": "1", "filter_id": "1", "shard": "Default",
          "server": "prom1:9090", "address": "a.example:9100",
          "metric": "exporters", "revision": "0"}
NAMES = {"shard": "Default", "service": "shop", "project": "web"}


@pytest.fixture(name="registry", scope="module")
def fixture_registry(directory):
    """One for all that only look."""
    from daemons.bouncer import Bouncer
    one = Bouncer(os.path.join(directory, "openapi"))
    one.start(configuration(directory))
    populate(Asker(one.url))
    yield one
    one.end()


def populate(admin):
    """One of each kind, with what can be said of it."""
    v2 = "/rest/v2/"
    admin.make(v2 + "shards", {"name": "Default", "url": "http://prom1:9090",
                               "authorization": "Bearer x"})
    admin.make(v2 + "servers", {"shard": "Default", "host": "prom1",
                                "port": 9090})
    admin.make(v2 + "services", {"name": "shop", "owner": "ann",
                                 "labels": {"team": "red"}})
    admin.make(v2 + "services/1/project", {"name": "web", "shard": "Default"})
    admin.make(v2 + "projects/1/farms", {
        "name": "front",
        "hosts": ["a.example", {"name": "::1", "labels": {"rack": "1"}}]})
    admin.make(v2 + "projects/1/exporters", {
        "job": "node", "port": 9100, "params": {"a": ["1", "2"], "b": "3"},
        "scrape_interval": "30s"})
    admin.make(v2 + "default-exporters", {"job": "node", "port": 9100})
    admin.make(v2 + "projects/1/urls", {"url": "https://example.org",
                                        "probe": "http_2xx"})
    admin.make(v2 + "sites/1/rules", {
        "name": "Down", "clause": "up{<exclude>} == 0", "duration": "5m",
        "labels": {"severity": "page"}, "annotations": {"summary": "down"}})
    admin.make(v2 + "projects/1/rules/override", {"original_rule_id": 1})
    admin.make(v2 + "services/1/notifiers", {
        "sender": "promgen.notification.webhook",
        "value": "http://127.0.0.1:9/x",
        "filters": [{"name": "severity", "value": "page"}]})
    admin.make(v2 + "projects/1/notifiers", {
        "sender": "promgen.notification.slack", "alias": "ours",
        "value": "http://127.0.0.1:9/y"})
    admin.make(v2 + "nodes", {"ip": "10.0.0.1"})
    admin.make(v2 + "tokens", {"name": "deploy", "scope": "write"})


@pytest.fixture(name="admin", scope="module")
def fixture_admin(registry):
    return Asker(registry.url)


def once(pairs):
    """An object none of whose names stands there twice."""
    found = dict(pairs)
    assert len(found) == len(pairs), [name for name, _ in pairs]
    return found


@pytest.fixture(name="document", scope="module")
def fixture_document(admin):
    return json.loads(admin.call("GET", "/openapi.json").text,
                      object_pairs_hook=once)


def operations(document):
    """(method, path, operation) of all."""
    return [(method.upper(), path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()]


# --- is it a good one? -------------------------------------------------------

@pytest.fixture(name="node_modules", scope="module")
def fixture_node_modules(directory):
    """A private directory with the validators in it."""
    find_program("node", "nodejs")
    npm = find_program("npm", "npm")
    for attempt in range(INSTALL_ATTEMPTS):
        path = os.path.join(directory, f"validators-{attempt}")
        os.makedirs(path)
        result = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts",
             "--prefix", path, *VALIDATORS],
            cwd=path, capture_output=True, text=True, timeout=NPM_SECONDS,
            check=False)
        # npm may lose files of a package and not know it
        if result.returncode == 0 and "TAR_ENTRY_ERROR" not in result.stderr:
            return path
    raise Unavailable("npm cannot install the validators of OpenAPI documents "
                      "(is its registry reached?): "
                      + result.stderr.strip()[-300:])


@pytest.fixture(name="file", scope="module")
def fixture_file(node_modules, document):
    path = os.path.join(node_modules, "openapi.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump(document, out)
    return path


def test_a_validator_finds_it_valid(node_modules, file):
    script = os.path.join(node_modules, "validate.mjs")
    with open(script, "w", encoding="utf-8") as out:
        out.write(VALIDATE)
    result = subprocess.run(["node", script, file], cwd=node_modules,
                            capture_output=True, text=True,
                            timeout=LINT_SECONDS, check=False)
    assert result.returncode == 0, result.stderr
    said = json.loads(result.stdout)
    assert said["valid"], said
    assert said["version"] == "3.1"


def test_a_linter_has_nothing_to_say(node_modules, file):
    program = os.path.join(node_modules, "node_modules", ".bin", "redocly")
    skipped = [word for rule in SKIPPED_RULES
               for word in ("--skip-rule", rule)]
    result = subprocess.run(
        [program, "lint", file, "--format=json", *skipped],
        cwd=node_modules, capture_output=True, text=True,
        timeout=LINT_SECONDS, check=False,
        env={**os.environ, "REDOCLY_TELEMETRY": "off", "CI": "true",
             "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"})
    said = json.loads(result.stdout[result.stdout.index("{"):])
    assert [(problem["ruleId"], problem["message"],
             problem["location"][0].get("pointer"))
            for problem in said["problems"]] == []
    assert result.returncode == 0, result.stderr


def test_all_is_described(document):
    schemas = document["components"]["schemas"]
    assert [name for name, schema in schemas.items()
            if schema.get("description") == "Not described."] == []
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    names = [operation["operationId"] for _, _, operation
             in operations(document)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        in_path = [parameter["name"] for parameter
                   in operation.get("parameters", ())
                   if parameter["in"] == "path"]
        assert in_path == re.findall(r"{(\w+)}", path), path
        assert [parameter["name"] for parameter
                in operation.get("parameters", ())
                if not parameter.get("description")] == [], (method, path)


# --- is it true? -------------------------------------------------------------

def validator(document, schema):
    whole = {**schema, "components": document["components"]}
    return jsonschema.Draft202012Validator(whole)


def fill(path, operation):
    """A path and query of what is really there."""
    def value(name):
        if name == "name":
            kind = path.split("/")[2]
            return NAMES.get(kind, "Default")
        return VALUES.get(name, "1")
    filled = re.sub(r"{(\w+)}", lambda found: value(found[1]), path)
    needed = [parameter["name"] for parameter
              in operation.get("parameters", ())
              if parameter["in"] == "query" and
              parameter["name"] in ("server", "address")]
    query = "&".join(f"{name}={VALUES[name]}" for name in needed)
    if path == "/registry/export":
        query = "format=json"
    return filled + ("?" + query if query else "")


def test_answers_are_as_the_document_says(admin, document):
    """Each GET of a populated registry, against its schema."""
    problems = []
    asked = 0
    for method, path, operation in operations(document):
        if method != "GET" or path in NOT_ASKED:
            continue
        target = fill(path, operation)
        reply = admin.call("GET", target)
        asked += 1
        if reply.status == 404 and path.startswith("/registry/alerts/{id}"):
            continue    # none has come back
        told = operation["responses"].get(str(reply.status))
        if told is None or reply.status >= 400:
            problems.append(f"{target}: {reply.status} {reply.text[:200]}")
            continue
        if "content" not in told:
            continue
        media = reply.headers["Content-Type"].split(";")[0]
        wanted = list(told["content"])
        if media not in wanted:
            problems.append(f"{target}: {media}, not {wanted}")
            continue
        body = reply.json() if media.endswith("json") else reply.text
        schema = told["content"][wanted[0]]["schema"]
        for error in validator(document, schema).iter_errors(body):
            problems.append(f"{target}: {error.message[:200]} at "
                            f"{list(error.absolute_path)}")
    assert not problems, "\n".join(problems)
    assert asked > 80


def test_documents_come_and_go_as_yaml_and_json(admin, document):
    paths = document["paths"]
    known = {"application/yaml", "application/json"}
    told = paths["/registry/export"]["get"]["responses"]["200"]["content"]
    taken = paths["/registry/apply"]["post"]["requestBody"]["content"]
    assert set(told) == set(taken) == known
    assert {admin.call("GET", f"/registry/export{query}").headers[
        "Content-Type"] for query in ("", "?format=json")} == known


def test_what_is_not_there_is_documented(admin, document):
    """What a query names, and pages behind the last."""
    asked = 0
    for method, path, operation in operations(document):
        names = [parameter["name"] for parameter
                 in operation.get("parameters", ())
                 if parameter["in"] == "query"]
        for name, value in (("page_number", "100000"), ("shard", "nobody"),
                            ("server", "nobody:1")):
            if method != "GET" or name not in names:
                continue
            target = fill(path, operation).split("?")[0]
            reply = admin.call("GET", f"{target}?{name}={value}")
            assert str(reply.status) in operation["responses"], (
                path, name, reply.text)
            asked += reply.status == 404
    assert asked > 20


def test_lists_are_populated(admin, document):
    """Else the test before says nothing."""
    for _, path, operation in operations(document):
        if path.startswith("/rest/v2/") and "{" not in path and any(
                parameter["name"] == "page_size" for parameter
                in operation.get("parameters", ())):
            assert admin.get(path)["count"] > 0, path


def test_each_documented_route_is_there(admin, registry, document):
    """What is known, and not asked for so, names the methods that it knows."""
    plain = Client(registry.url)
    for path, methods in document["paths"].items():
        target = re.sub(r"{\w+}", "1", path)
        reply = admin.call("OPTIONS", target)
        assert reply.status == 405, (path, reply.status, reply.text)
        allowed = {word.strip() for word in reply.headers["Allow"].split(",")}
        assert allowed - {"HEAD"} == {method.upper() for method in methods}, \
            path
        assert plain.call("OPTIONS", target).status in (401, 405), path


def routes_in_source():
    """Rows of the tables, as far as they are written out."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__))))
    place = os.path.join(root, "src", "registry", "http")
    for name in sorted(os.listdir(place)):
        if not name.endswith(".c"):
            continue
        with open(os.path.join(place, name), encoding="utf-8") as source:
            text = source.read()
        yield from re.findall(
            r'\.method = "([A-Z]+)",\s*\.pattern = "([^"]+)"', text)


def test_each_route_is_documented(document):
    known = {(method, re.sub(r"{\w+}", "{}", path).rstrip("/"))
             for method, path, _ in operations(document)}
    rows = list(routes_in_source())
    assert len(rows) > 60
    for method, pattern in rows:
        assert (method,
                re.sub(r"{\w+}", "{}", pattern).rstrip("/")) in known, pattern


def test_bodies_that_the_document_forbids_are_refused(admin, document):
    """And what it demands is demanded: each POST of the second API, with
    nothing in it, and with something unknown."""
    asked = 0
    for method, path, operation in operations(document):
        if not path.startswith("/rest/v2/") or "requestBody" not in operation:
            continue
        content = operation["requestBody"]["content"]["application/json"]
        name = content["schema"]["$ref"].rsplit("/", 1)[1]
        schema = document["components"]["schemas"][name]
        target = fill(path, operation) + "?dry_run=true"
        if schema.get("required"):
            reply = admin.call(method, target, {})
            assert reply.status == 400, (method, path, reply.text)
            field = next(iter(reply.json()))
            assert field in schema["required"], (path, reply.text)
            asked += 1
        if name != "HostList" and name != "RuleOverride":
            reply = admin.call(method, target, {"not_a_field": 1})
            assert reply.status == 400, (method, path, reply.text)
    assert asked > 15


# --- the page ----------------------------------------------------------------

def test_the_page_has_every_route_and_nothing_from_elsewhere(admin, document):
    reply = admin.call("GET", "/docs")
    page = reply.text
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "<script" not in page
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)
    assert "prefers-color-scheme" in page
    for method, path, operation in operations(document):
        assert f'id="{method} {path}"' in page, (method, path)
        assert operation["summary"].replace("&", "&amp;")[:20] in page
    for name in document["components"]["schemas"]:
        assert f'<h3 id="{name}">' in page
    for anchor in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{anchor}"' in page, anchor
    assert admin.call("GET", "/rest/v2/docs").text == page
    assert admin.get("/rest/v2/schema") == document


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_the_reference_is_lent(admin, path):
    """The same each time: who has it already is not sent it again."""
    first = admin.call("GET", path)
    packed = admin.client.call("GET", path, None, {
        **admin.headers, "Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.body) == first.body
    assert len(packed.body) < len(first.body) / 4
    again = admin.client.call("GET", path, None, {
        **admin.headers, "If-None-Match": first.headers["ETag"]})
    assert again.status == 304 and again.body == b""


def test_the_reference_says_where_we_are_reached(bouncer, directory):
    one = bouncer(configuration(directory, external_url="http://a.example"))
    asker = Asker(one.url)
    first = asker.call("GET", "/openapi.json")
    assert first.json()["servers"] == [{"url": "http://a.example"}]
    one.reload(configuration(directory, external_url="http://b.example"))
    wait_until(lambda: asker.get("/openapi.json")["servers"] ==
               [{"url": "http://b.example"}], RELOAD_SECONDS,
               "the other address in the reference")
    assert asker.call("GET", "/openapi.json").headers["ETag"] != \
        first.headers["ETag"]
