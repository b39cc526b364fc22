# SPDX-License-Identifier: Apache-2.0
"""What the README says of limits of values, against a real Prometheus: which of
several series counts, no series, servers that ask who we are, what people may
say of them, and the program in the place of metric-reader."""

import http.server
import json
import os
import signal
import subprocess
import tempfile
import threading
import urllib.request

from daemons.bouncer import program, settings
from daemons.process import Process, free_port, wait_until
from test_control import Control
from test_metrics import (bounced, metric, notes, show, start, stays,
                          watched)  # pylint: disable=unused-import

import pytest


def explained(running, name):
    """What `bouncer explain` prints."""
    return subprocess.run(
        [program(), "explain", "--socket", running.socket, name],
        capture_output=True, text=True, timeout=20, check=True).stdout


# --- which counts ------------------------------------------------------------

def test_one_of_several(bouncer, watched, notes):
    show(watched, "load", 10, disk="a")
    show(watched, "load", 30, disk="b")
    judged = [
        ("any", ">25", "b 30"), ("any", "<15", "a 10"),
        ("all", ">5", "a 10"), ("all", "< 40", "b 30"),
        ("min", "<=10", "a 10"), ("max", ">=30", "b 30"),
        ("sum", "==40", " 40"), ("avg", "!= 21", " 20"),
    ]
    start(bouncer, watched, *[
        metric(f"{series}{number}", query="load", series=series,
               threshold=threshold,
               steps=[notes.step(str(number), "{{ labels.disk }}",
                                 "{{ value }}")])
        for number, (series, threshold, _) in enumerate(judged)])
    notes.wait(*[f"{number} {said}"
                 for number, (_, _, said) in enumerate(judged)])


def test_one_of_several_is_not_enough(bouncer, watched):
    show(watched, "load", 10, disk="a")
    show(watched, "load", 30, disk="b")
    limits = {"all": ">25", "min": ">25", "max": "<15", "sum": ">41",
              "avg": ">21"}
    running = start(bouncer, watched, *[
        metric(series, query="load", series=series, threshold=limit,
               steps=[{"type": "log"}]) for series, limit in limits.items()])
    for series in limits:
        running.wait_state(series, "good")
    stays(running, "all", "good")
    assert not any(bounced(running, series) for series in limits)


def test_a_scalar_and_label_filters(bouncer, watched, notes):
    show(watched, "load", 110, disk="a", host="x")
    show(watched, "load", 900, disk="b", host="x")
    start(bouncer, watched,
          metric("scalar", query='scalar(load{disk="a"})',
                 steps=[notes.step("scalar", "{{ value }}")]),
          metric("filters", metric_name="load",
                 label_filters='disk=~"a|c", host!="y"',
                 steps=[notes.step("filters", "{{ value }}")]))
    notes.wait("scalar 110", "filters 110")


def test_other_names_of_the_keys(bouncer, watched, notes):
    """metric-reader's."""
    show(watched, "load", 110)
    running = start(bouncer, watched, metric(
        "load", query="load", missing="assume_breached",
        soft={"threshold": "> 100", "duration": "300ms",
              "backoff_delay": "400ms",
              "steps": [notes.step("{{ level }}")]}))
    wait_until(lambda: len(notes.lines()) >= 3, 20, "three of them")
    assert set(notes.lines()) == {"soft"}
    show(watched, "load", 10)
    running.wait_state("load", "good")


def test_soft_leaves_hard_its_budget(bouncer, watched, notes):
    show(watched, "load", 90)
    running = start(bouncer, watched, metric(
        "load", query="load", max_bounces=1, window="1h",
        soft={"threshold": ">80", "backoff": "300ms",
              "steps": [notes.step("soft")]},
        hard={"threshold": ">100", "backoff": "300ms",
              "steps": [notes.step("hard")]}))
    running.wait_state("load", "gave_up")
    notes.wait("soft")
    show(watched, "load", 110)
    notes.wait("soft", "hard")
    running.wait_state("load", "gave_up")
    stays(running, "load", "gave_up")


# --- no series ---------------------------------------------------------------

@pytest.mark.parametrize("missing, threshold", [
    ("last_value", ">100"), ("zero", "<1"), ("assume_breached", ">100")])
def test_no_series_counts_as(bouncer, watched, notes, missing, threshold):
    """The breach begins with the reading of 104, if it began, and is held
    for longer than that series is there."""
    prometheus, exporter = watched
    show(watched, "load", 104)
    running = start(bouncer, watched, metric(
        "load", query="load", missing=missing, threshold=threshold,
        for_="2s", steps=[notes.step("bounced")]))
    running.wait_state("load", "breached" if missing == "last_value"
                       else "good" if missing == "zero" else "breached")
    exporter.remove("load")
    wait_until(lambda: not prometheus.query("load"), 20, "it is gone")
    notes.wait("bounced")
    assert running.monitors()["load"]["observation"] == "missing"
    assert "No series at the source" in explained(running, "load")


# --- who we are --------------------------------------------------------------

class Guard(http.server.BaseHTTPRequestHandler):
    """Asks for a header and a password, and knows no POST if so told."""

    protocol_version = "HTTP/1.1"

    def reply(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def ask(self, body=None):
        asked = (self.command, self.headers.get("Authorization"),
                 self.headers.get("X-Scope-OrgID"))
        self.server.asked.append(asked)
        if asked[1:] != self.server.wanted:
            self.reply(401)
            return
        request = urllib.request.Request(self.server.behind + self.path, body)
        with urllib.request.urlopen(request, timeout=10) as answer:
            self.reply(answer.status, answer.read())

    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.knows_post:
            self.ask(body)
        else:
            self.server.asked.append((self.command, None, None))
            self.reply(405)

    def do_GET(self):  # pylint: disable=invalid-name
        self.ask()

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


@pytest.fixture
def guard(watched):
    """Stands before that Prometheus."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guard)
    server.daemon_threads = True
    server.behind = watched[0].url
    server.asked = []
    server.knows_post = True
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def secret(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


@pytest.mark.parametrize("kind, text, sent", [
    ("token_file", "abc\n", "Bearer abc"),
    ("basic_auth_file", "me:pass\n", "Basic bWU6cGFzcw=="),
])
def test_headers_and_secrets_of_files(bouncer, watched, notes, guard,
                                      directory, kind, text, sent):
    """A secret that was wrong is read again, and is right then."""
    guard.wanted = (sent, "team")
    path = secret(directory, f"secret-{kind}", "no:body\n")
    show(watched, "load", 110)
    config = json.loads(settings(
        metric("load", query="load", steps=[notes.step("bounced")]),
        prometheus=guard.url))
    config["prometheus"] = {kind: path, "headers": {"X-Scope-OrgID": "team"}}
    running = bouncer(json.dumps(config))
    running.wait_state("load", "unknown")
    assert "401" in explained(running, "load")
    secret(directory, f"secret-{kind}", text)
    notes.wait("bounced")
    assert guard.asked[-1] == ("POST", sent, "team")


def test_a_server_without_post(bouncer, watched, notes, guard):
    """Is asked with GET, and is not asked otherwise again."""
    guard.wanted = (None, None)
    guard.knows_post = False
    show(watched, "load", 110)
    start(bouncer, [guard], metric("load", query="load", steps=[
        notes.step("bounced")]))
    notes.wait("bounced")
    methods = [asked[0] for asked in guard.asked]
    assert methods[:2] == ["POST", "GET"]
    assert methods.count("POST") == 1, methods


# --- what holds it back, and what people order -------------------------------

def test_a_command_may_veto(bouncer, watched, notes, directory):
    allowed = os.path.join(directory, "allowed")
    show(watched, "load", 110)
    running = start(bouncer, watched, metric(
        "load", query="load", backoff="500ms",
        before=["/bin/sh", "-c", f"test -e {allowed}"],
        steps=[notes.step("bounced")]))
    running.wait_for(lambda b: b.metric(
        "bouncer_bounces_total", monitor="load", result="vetoed") > 0,
        what="a veto")
    assert notes.lines() == []
    with open(allowed, "w", encoding="utf-8"):
        pass
    wait_until(notes.lines, 20, "it is allowed")


def test_quiet_paused_and_ordered(bouncer, watched, notes):
    show(watched, "load", 110)
    quiet = ["Mon-Sun 00:00-12:00", "Mon-Sun 12:00-24:00"]
    running = start(
        bouncer, watched,
        metric("quiet", query="load", quiet=quiet,
               steps=[notes.step("quiet")]),
        metric("paused", query="load", steps=[notes.step("paused")],
               paused=True))
    running.wait_for(lambda b: b.held_by("quiet", "quiet"),
                     what="held by the quiet window")
    running.wait_state("paused", "paused")
    stays(running, "quiet", "waiting")
    assert "quiet" in explained(running, "quiet")
    assert "Value 110, threshold >100" in explained(running, "quiet")
    assert "Value 110" in explained(running, "paused")
    control = Control("--unix-socket", running.socket, "http://bouncer")
    status, reply = control.post("/api/v1/monitors/quiet/bounce",
                                 {"dry_run": True})
    assert status in (200, 202), reply
    assert notes.lines() == []
    assert control.post("/api/v1/monitors/quiet/bounce", {})[0] in (200, 202)
    notes.wait("quiet")


def test_status_says_values(bouncer, watched):
    show(watched, "load", 110)
    running = start(
        bouncer, watched,
        metric("load", query="load", steps=[{"type": "log"}]),
        metric("two", query="load", soft={
            "threshold": ">80", "steps": [{"type": "log", "message": "m"}]}))
    running.wait_state("load", "verifying", "cooling")
    running.wait_state("two", "verifying", "cooling")
    shown = subprocess.run(
        [program(), "status", "--socket", running.socket],
        capture_output=True, text=True, timeout=20, check=True).stdout
    assert "VALUE / LIMIT" in shown
    assert "110 / >100" in shown
    assert "soft" not in explained(running, "load")
    assert "threshold >80 (soft)" in explained(running, "two")
    assert not [line for line in running.log_lines()
                if "monitor=load" in line and "soft" in line]
    assert [line for line in running.log_lines()
            if "monitor=two" in line and "level=soft" in line]
    assert any('query=load' in line for line in running.log_lines()
               if "source can be read" in line)


# --- the original's machine --------------------------------------------------

def test_compat(bouncer, watched, notes):
    """Hard alone is never reached there (G10); ours acts."""
    show(watched, "load", 110)
    keys = {"query": "load"}
    running = start(
        bouncer, watched,
        {"name": "theirs", "watch": "metric", "compat": "metric-reader",
         "soft": {"threshold": ">100", "backoff": "0s",
                  "steps": [notes.step("theirs")]}, **keys},
        {"name": "ours", "watch": "metric",
         "hard": {"threshold": ">100", "backoff": "0s",
                  "steps": [notes.step("ours")]}, **keys})
    notes.wait("theirs", "ours")
    show(watched, "load", 10)
    running.wait_state("theirs", "good")
    running.wait_state("ours", "good")


# --- in the place of metric-reader -------------------------------------------

@pytest.fixture
def reader(directory, watched):
    """Starts it; nothing but the environment."""
    started = []
    link = os.path.join(directory, "metric-reader")
    if not os.path.lexists(link):
        os.symlink(program(), link)

    def run(*args, **environment):
        place = tempfile.mkdtemp(dir=directory)
        script = os.path.join(place, "act.sh")
        with open(script, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\ncat >>{place}/told; echo >>{place}/told\n")
        os.chmod(script, 0o755)
        process = Process([link, *args], f"{place}/log", cwd=place, env={
            "PATH": os.environ["PATH"], "POLLING_INTERVAL": "200ms",
            "METRIC_NAME": "load", "PROMETHEUS_ENDPOINT": watched[0].url,
            "BOUNCER_STATE_DIR": place, "BOUNCER_CONTROL_SOCKET": "none",
            "LEADER_ELECTION_ENABLED": "false",
            **{key: value.replace("ACT", f"exec:{script}")
               for key, value in environment.items()}})
        started.append(process)
        return process, lambda: told(f"{place}/told")

    yield run
    for process in started:
        process.stop()


def told(path):
    try:
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.strip()]
    except FileNotFoundError:
        return []


def test_reader_of_the_first_form(watched, reader):
    show(watched, "load", 50, disk="a")
    show(watched, "load", 900, disk="b")
    process, acted = reader(
        LABEL_FILTERS='disk="a"', THRESHOLD=">100", THRESHOLD_DURATION="300ms",
        BACKOFF_DELAY="400ms", ACTION_PLUGIN="ACT")
    show(watched, "load", 104.5, disk="a")
    wait_until(lambda: len(acted()) >= 3, 20, "three of them")
    first = acted()[0]
    assert (first["value"], first["threshold"]) == ("104.5", ">100")
    assert first["labels"]["disk"] == "a"
    process.signal(signal.SIGTERM)
    assert process.wait(20) == 0


@pytest.mark.parametrize("args", [(), ("--compat",)])
def test_reader_of_the_later_form(watched, reader, args):
    show(watched, "load", 90)
    process, acted = reader(
        *args, THRESHOLD_OPERATOR="greater_than", SOFT_THRESHOLD="80",
        SOFT_PLUGIN="ACT", SOFT_DURATION="200ms", HARD_THRESHOLD="100",
        HARD_PLUGIN="ACT", HARD_BACKOFF_DELAY="300ms",
        BOUNCER_ADDR=f"127.0.0.1:{free_port()}")
    wait_until(acted, 20, "soft")
    assert [(one["level"], one["value"]) for one in acted()] == [
        ("soft", "90")]
    show(watched, "load", 110)
    wait_until(lambda: len(acted()) >= 3, 20, "hard, and hard again")
    assert {one["level"] for one in acted()[1:]} == {"hard"}
    process.signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_reader_of_nothing(watched, reader):
    """zero is the later form's default: less_than is crossed by nothing."""
    process, acted = reader(
        THRESHOLD_OPERATOR="less_than", SOFT_THRESHOLD="1",
        SOFT_PLUGIN="ACT")
    wait_until(acted, 20, "soft")
    assert acted()[0]["level"] == "soft"
    process.signal(signal.SIGTERM)
    assert process.wait(20) == 0
