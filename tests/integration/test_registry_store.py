# SPDX-License-Identifier: Apache-2.0
"""The registry's database: what was acknowledged outlives a kill at any
moment, and the log of what was changed."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import threading

import pytest

from daemons.bouncer import program
from daemons.http import Client
from daemons.process import wait_until

N_KILLS = 24
N_EARLY = 6         # kills while it starts
N_WRITERS = 4
MOST_EDITS = 60     # acknowledged before the kill
SECONDS = 60


def configuration(**registry):
    return json.dumps({
        "global": {"storm_share": 0},
        "registry": {"enabled": True, "promtool": "none", **registry}})


def control(bouncer):
    """Who can open this socket may do all."""
    return Client(f"unix:{bouncer.socket}")


def database(bouncer):
    return os.path.join(bouncer.directory, "state", "registry.db")


def query(bouncer, sql):
    with contextlib.closing(sqlite3.connect(database(bouncer))) as db:
        return db.execute(sql).fetchall()


class Writer(threading.Thread):
    """Makes, renames and deletes services of its own, one after the other,
    and knows what each must be: what was acknowledged, or, of the one edit
    that was not, either."""

    def __init__(self, bouncer, nth, random_, on_acknowledged):
        super().__init__(daemon=True)
        self.client = control(bouncer)
        self.prefix = f"writer-{nth}"
        self.random = random_
        self.on_acknowledged = on_acknowledged
        self.names = {}         # by id
        self.deleted = set()    # ids
        self.doubt = None       # an id
        self.surprise = None

    def run(self):
        while self.edit():
            self.on_acknowledged()

    def edit(self):
        path, body, method = "/rest/v2/services", None, "POST"
        old = None
        if self.names and self.random.random() < 0.5:
            old = self.random.choice(list(self.names))
            path, method = f"{path}/{old}", "DELETE"
        if old and self.random.random() < 0.6:
            method = "PATCH"
        if method != "DELETE":
            body = {"name": f"{self.prefix}-{self.random.getrandbits(60)}"}
        self.doubt = old
        try:
            reply = self.client.call(method, path, body, timeout=SECONDS)
        except OSError:
            return False
        if reply.status >= 300:
            # closing is not what a kill does
            self.surprise = f"{method} {path}: {reply.status} {reply.text}"
            return False
        self.doubt = None
        if method == "DELETE":
            del self.names[old]
            self.deleted.add(old)
        else:
            self.names[reply.json()["id"]] = body["name"]
        return True


def services(bouncer):
    found, page = {}, 1
    while page:
        reply = control(bouncer).ask(
            "GET", "/rest/v2/services?page_size=1000&page_number="
            f"{page}").json()
        found.update((one["id"], one["name"]) for one in reply["results"])
        page = page + 1 if reply["next"] else None
    return found


def check(found, names, deleted, doubts):
    for one, name in names.items():
        if one not in doubts:
            assert found.get(one) == name, f"service {one} was acknowledged"
    for one in deleted:
        assert one not in found, f"service {one} was deleted"


def test_nothing_acknowledged_is_lost_by_kills(bouncer):
    """Between the kills as many edits as it likes; also while it starts."""
    random_ = random.Random(20240607)
    one = bouncer(configuration())
    kept, deleted = {}, set()
    n_acknowledged = 0

    for nth in range(N_KILLS):
        enough = threading.Semaphore(0)
        writers = [Writer(one, f"{nth}-{number}",
                          random.Random(random_.random()), enough.release)
                   for number in range(N_WRITERS)]
        for writer in writers:
            writer.start()
        for _ in range(random_.randint(1, MOST_EDITS)):
            assert enough.acquire(timeout=SECONDS)
        one.kill()
        for writer in writers:
            writer.join(SECONDS)
            assert not writer.is_alive() and not writer.surprise
        if nth < N_EARLY:
            n_said = os.path.getsize(one.log)
            one.start(ready=False)
            wait_until(lambda: os.path.getsize(one.log) > n_said, SECONDS,
                       "a line of its start")
            one.kill()
        one.start()
        found = services(one)
        check(found, kept, deleted, ())
        for writer in writers:
            check(found, writer.names, writer.deleted, {writer.doubt})
            n_acknowledged += len(writer.names) + len(writer.deleted)
        # what is in doubt is settled now
        kept = found
        deleted = deleted.union(*(writer.deleted for writer in writers))
    assert n_acknowledged > N_KILLS
    assert one.end() == 0
    assert query(one, "PRAGMA integrity_check") == [("ok",)]
    assert query(one, "PRAGMA foreign_key_check") == []
    # each has a row that tells who made it
    assert query(one, "SELECT count(*) FROM service WHERE id NOT IN (SELECT"
                 " object_id FROM audit WHERE kind = 'service'"
                 " AND op = 'created' AND actor = 'control socket')"
                 ) == [(0,)]


def test_a_killed_disk_is_told(bouncer):
    """The file goes away under it: edits are refused, with words."""
    one = bouncer(configuration())
    client = control(one)
    assert client.call("POST", "/rest/v2/services",
                       {"name": "first"}).status == 201
    with contextlib.closing(sqlite3.connect(
            database(one), isolation_level=None)) as db:
        db.execute("CREATE TRIGGER no BEFORE INSERT ON service BEGIN"
                   " SELECT raise(ABORT, 'no service today'); END")
        reply = client.call("POST", "/rest/v2/services", {"name": "second"})
        assert reply.status == 503
        assert "no service today" in reply.text
        db.execute("DROP TRIGGER no")
    # it has been read again: the model is what the disk has
    assert list(services(one).values()) == ["first"]
    assert client.call("POST", "/rest/v2/services",
                       {"name": "second"}).status == 201


# --- the log -----------------------------------------------------------------

@pytest.fixture
def edited(bouncer):
    """One with a few edits."""
    one = bouncer(configuration())
    client = control(one)

    def post(path, **body):
        return client.ask("POST", f"/rest/v2/{path}", body).json()["id"]

    shard = client.ask("POST", "/rest/v2/shards",
                       {"name": "paris"}).json()["name"]
    shop = post("services", name="shop")
    other = post("services", name="other")
    web = post(f"services/{shop}/project", name="web", shard=shard)
    exporter = post(f"projects/{web}/exporters", job="node", port=9100)
    post(f"services/{other}/notifiers", sender="slack",
         value="https://example.org/s3cret")
    client.ask("PATCH", f"/rest/v2/exporters/{exporter}", {"enabled": False})
    client.ask("PATCH", f"/rest/v2/services/{shop}", {"name": "store"})
    client.ask("DELETE", f"/rest/v2/services/{other}")
    return one


def logs(bouncer, **asked):
    words = "&".join(f"{name}={value}" for name, value in asked.items())
    return control(bouncer).ask(
        "GET", f"/rest/v2/logs?page_size=100&{words}").json()["results"]


def test_the_log_says_who_changed_what(edited):
    every = logs(edited)
    assert [row["id"] for row in every] == list(range(len(every), 0, -1))
    assert {row["user"] for row in every} == {"control socket"}
    assert every[-1]["log"] == "Created shard paris"
    assert every[-1]["old"] is None
    assert set(every[0]) == {
        "id", "user", "content_type", "object_id", "log", "created", "new",
        "old", "parent_content_type", "parent_object_id"}
    changed = logs(edited, content_type="exporter", object_id=1)[0]
    assert changed["log"].startswith("Updated exporter node:9100")
    assert (changed["old"]["enabled"], changed["new"]["enabled"]) == (
        True, False)
    assert changed["parent_content_type"] == "project"
    assert changed["parent_object_id"] == 1
    assert changed["created"].endswith("Z")
    assert "s3cret" not in json.dumps(every)


def test_the_log_is_filtered(edited):
    def words(**asked):
        return [row["log"] for row in logs(edited, **asked)]

    # by names of today, of before, and of what is gone; or by id
    of_shop = words(service="shop")
    assert len(of_shop) == 5
    assert words(service="store") == of_shop == words(service=1)
    assert "Deleted service other" in words(service="other")
    assert "Created project web of service shop" not in words(service="other")
    assert len(words(project="web")) == 3
    assert len(words(project="web", content_type="project")) == 1
    assert words(user="nobody") == []
    assert words(user="control%20socket") == words()
    assert words(since="2100-01-01T00:00:00Z") == []
    assert words(since=0) == words()
    client = control(edited)
    for bad in ("since=yesterday", "object_id=x", "content_type=thing",
                "page_number=0"):
        reply = client.call("GET", f"/rest/v2/logs?{bad}")
        assert reply.status == 400
        assert bad.split("=", maxsplit=1)[0] in reply.json()


def test_the_log_has_pages(edited):
    client = control(edited)
    first = client.ask("GET", "/rest/v2/logs?page_size=3").json()
    assert first["previous"] is None
    assert len(first["results"]) == 3
    assert "page_number=2" in first["next"]
    second = client.ask("GET",
                        "/rest/v2/logs?page_size=3&page_number=2").json()
    assert second["count"] == first["count"]
    assert (second["results"][0]["id"] ==
            first["results"][-1]["id"] - 1)
    assert client.call("GET", "/rest/v2/logs?page_number=99").status == 404


# --- copies ------------------------------------------------------------------

def backup(path, *whom):
    return subprocess.run(
        [program(), "registry", "backup", path, *whom], capture_output=True,
        text=True, timeout=SECONDS, check=False)


def test_a_copy_is_made_while_it_is_in_use(bouncer):
    one = bouncer(configuration())
    client = control(one)
    path = os.path.join(one.directory, "copy.db")
    enough = threading.Semaphore(0)
    writer = Writer(one, 0, random.Random(1), enough.release)
    writer.start()
    for _ in range(20):
        assert enough.acquire(timeout=SECONDS)
    with open(path + ".tmp", "w+b") as another:
        done = backup(path, "--socket", one.socket)
        # whoever made a file of that name sees none of the secrets
        assert another.read() == b""
    assert (done.returncode, done.stderr) == (0, "")
    assert os.stat(path).st_mode & 0o777 == 0o600
    # the writer was never in its way, and ends with the program
    assert enough.acquire(timeout=SECONDS)
    one.kill()
    writer.join(SECONDS)
    assert not writer.surprise
    # it takes the place of the database
    for name in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(database(one) + name)
    os.rename(path, database(one))
    assert query(one, "PRAGMA integrity_check") == [("ok",)]
    one.start()
    assert len(services(one)) > 0
    assert not [name for name in os.listdir(f"{one.directory}/state")
                if ".copy" in name]
    assert client.call("POST", "/rest/v2/services",
                       {"name": "afterwards"}).status == 201


def test_a_copy_that_cannot_be_kept(bouncer):
    one = bouncer(configuration())
    done = backup("/no/such/directory/copy.db", "--socket", one.socket)
    assert done.returncode != 0
    assert "cannot write /no/such/directory/copy.db.tmp" in done.stderr
    done = backup(os.path.join(one.directory, "copy.db"), "--url", one.url)
    assert done.returncode != 0
    assert "401" in done.stderr or "token" in done.stderr
    assert not [name for name in os.listdir(one.directory)
                if name.startswith("copy.db")]


def test_one_registry_for_one_file(bouncer):
    one = bouncer(configuration())
    other = bouncer(configuration(path=database(one)), ready=False)
    assert other.process.wait(SECONDS) != 0
    assert "another process" in other.log_tail()
    assert one.end(signal.SIGTERM) == 0
