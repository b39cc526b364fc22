# SPDX-License-Identifier: Apache-2.0
"""In the place of other tools: containers with their labels, our program
under their names, told what they were told. Against a real dockerd."""

import http.server
import json
import os
import re
import tempfile
import threading

import pytest

from daemons.bouncer import ROOT, program
from daemons.compose import Compose
from daemons.container import IMAGE, build_image
from daemons.process import Process, free_port, wait_until
from daemons.http import Client

READY_SECONDS = 20
ACT_SECONDS = 15


class Door:
    """A run under another name; looked into over HTTP, which the original
    has not and BOUNCER_ADDR switches on."""

    def __init__(self, directory, name):
        self.directory = tempfile.mkdtemp(prefix="door-", dir=directory)
        self.path = os.path.join(self.directory, name)
        os.symlink(program(), self.path)
        self.log = os.path.join(self.directory, "log")
        self.port = free_port()
        self.client = Client(f"http://127.0.0.1:{self.port}")
        self.process = None

    def start(self, *args, **env):
        self.process = Process(
            [self.path, *args], self.log, cwd=self.directory,
            env={"STATE_DIRECTORY": f"{self.directory}/state",
                 "RUNTIME_DIRECTORY": self.directory,
                 "BOUNCER_ADDR": f"127.0.0.1:{self.port}", **env})
        self.process.wait_ready(lambda: self.client.answers("/-/ready"),
                                READY_SECONDS)

    def members(self):
        reply = self.client.ask("GET", "/api/v1/monitors").json()
        return {one["name"]: one for one in reply["monitors"]}

    def wait_member(self, name):
        wait_until(lambda: name in self.members(), ACT_SECONDS, name)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as lines:
            return lines.read()


@pytest.fixture
def door(directory):
    """door(name) makes one; it is ended with the test."""
    made = []

    def make(name):
        made.append(Door(directory, name))
        return made[-1]

    yield make
    for one in made:
        if one.process:
            one.process.kill()


def wait_restart(dockerd, name, before):
    wait_until(lambda: dockerd.started_at(name) != before, ACT_SECONDS,
               f"a restart of {name}")


# --- docker-mon ---------------------------------------------------------------

OBSERVED = {"mon.observe": "1", "mon.checks.health": "1"}


def test_mon_restarts(dockerd, door):
    dockerd.run_checked("web", Labels=OBSERVED)
    dockerd.run_checked("half", Labels={"mon.checks.health": "1"})
    dockerd.run_checked("other", Labels=OBSERVED)
    before = {name: dockerd.started_at(name)
              for name in ("web", "half", "other")}
    one = door("mon")
    one.start("-control", f"unix://{dockerd.socket}", "-interval", "1000",
              MON_PREFIX="web")
    one.wait_member("health/web")
    assert "health/half" not in one.members()
    assert "health/other" not in one.members()
    for name in ("half", "other", "web"):
        dockerd.make_sick(name)
    wait_restart(dockerd, "web", before["web"])
    dockerd.wait_health("half", "unhealthy")
    dockerd.wait_health("other", "unhealthy")
    assert dockerd.started_at("half") == before["half"]
    assert dockerd.started_at("other") == before["other"]


def test_mon_stops_as_long_as_the_label_says(dockerd, door):
    """It ignores SIGTERM: a stop takes the whole time."""
    dockerd.run_checked("web", stubborn=True, Labels={
        **OBSERVED, "mon.checks.health.timeout": "1000"})
    before = dockerd.started_at("web")
    one = door("mon")
    one.start("-control", f"unix://{dockerd.socket}")
    one.wait_member("health/web")
    dockerd.make_sick("web")
    wait_restart(dockerd, "web", before)
    wait_until(lambda: "step ended" in one.said(), ACT_SECONDS, "its end")
    took = re.search(r"step=restart result=ok took=(\S+)", one.said())
    assert took, one.said()
    # the default is ten seconds
    assert re.fullmatch(r"[1-9](\.\d+)?s", took.group(1)), took.group(1)


def test_mon_cleans_up(dockerd, door):
    cleaned = {"mon.observe": "1", "mon.checks.cleanup": "1"}
    for name, code, labels in (
            ("done", 0, cleaned), ("failed", 3, cleaned),
            ("three", 3, {**cleaned, "mon.checks.cleanup.code": "3"}),
            ("zero", 0, {**cleaned, "mon.checks.cleanup.code": "3"}),
            ("kept", 0, {"mon.observe": "1"})):
        dockerd.run(name, ["/bin/sh", "-c", f"exit {code}"], Labels=labels)
        dockerd.wait_ended(name)
    one = door("mon")
    one.start(MON_CONTROL=f"unix://{dockerd.socket}")
    wait_until(lambda: set(dockerd.names()) == {"failed", "zero", "kept"},
               ACT_SECONDS, "the clean-up")
    # and one that ends now
    dockerd.run("late", ["/bin/sh", "-c", "exit 0"], Labels=cleaned)
    wait_until(lambda: "late" not in dockerd.names(), ACT_SECONDS, "late")
    assert set(dockerd.names()) == {"failed", "zero", "kept"}


def test_mon_says_what_has_no_meaning(dockerd, door):
    one = door("mon")
    one.start("-control", f"unix://{dockerd.socket}", "-retries=3",
              MON_INTERVALL="1")
    assert "-retries: has no effect" in one.said()
    assert "did you mean MON_INTERVAL?" in one.said()


# --- docker-autoheal and its kin ----------------------------------------------

@pytest.mark.parametrize("labels", [
    {"autoheal": "true"}, {"autoheal": "TRUE"},
    {"deunhealth.restart.on.unhealthy": "true"},
    {"autoheal.monitor.enable": "true"}])
def test_autoheal_restarts(dockerd, door, labels):
    dockerd.run_checked("web", Labels=labels)
    before = dockerd.started_at("web")
    one = door("autoheal")
    one.start("autoheal", DOCKER_SOCK=dockerd.socket)
    one.wait_member("autoheal/web")
    dockerd.make_sick("web")
    wait_restart(dockerd, "web", before)


def test_autoheal_all_and_who_opts_out(dockerd, door):
    dockerd.run_checked("web")
    for name, labels in (("False", {"autoheal": "False"}),
                         ("false", {"autoheal": "false"}),
                         ("disabled", {"autoheal.restart.enable": "FALSE"}),
                         ("unwatched", {"autoheal.monitor.enable": "0"}),
                         ("ignored", {"bouncer.ignore": "yes"})):
        dockerd.run_checked(name, Labels=labels)
    one = door("autoheal")
    one.start(DOCKER_SOCK=dockerd.socket, AUTOHEAL_CONTAINER_LABEL="all")
    one.wait_member("autoheal/web")
    assert list(one.members()) == ["autoheal/web"]


def test_autoheal_other_label(dockerd, door):
    dockerd.run_checked("web", Labels={"heal.me": "true"})
    dockerd.run_checked("other", Labels={"autoheal": "true"})
    one = door("autoheal")
    one.start(DOCKER_SOCK=dockerd.socket, AUTOHEAL_CONTAINER_LABEL="heal.me")
    one.wait_member("autoheal/web")
    assert list(one.members()) == ["autoheal/web"]


@pytest.mark.parametrize("labels, env, at_least, below", [
    # the label of the container, before the default of the environment
    ({"autoheal.stop.timeout": "2"}, {}, 1.5, 7),
    ({"autoheal.stop.timeout": "1"}, {"AUTOHEAL_DEFAULT_STOP_TIMEOUT": "15"},
     0.7, 7),
    ({}, {"AUTOHEAL_DEFAULT_STOP_TIMEOUT": "1"}, 0.7, 7),
])
def test_autoheal_stops_as_long_as_it_is_told(dockerd, door, labels, env,
                                              at_least, below):
    """It ignores SIGTERM: a stop takes the whole time."""
    dockerd.run_checked("web", stubborn=True, StopTimeout=20,
                        Labels={"autoheal": "true", **labels})
    one = door("autoheal")
    one.start(DOCKER_SOCK=dockerd.socket, **env)
    one.wait_member("autoheal/web")
    dockerd.make_sick("web")

    def ended():
        return [entry for entry in
                one.client.ask("GET", "/api/v1/journal").json()["entries"]
                if entry["event"] == "step"]

    wait_until(ended, 30, "its step")
    assert ended()[0]["result"] == "ok"
    took = re.search(r"step=restart result=ok took=([\d.]+)s", one.said())
    assert took and at_least <= float(took.group(1)) < below, one.said()


def test_autoheal_keeps_trying(dockerd, door):
    """There is no budget, and pauses do not grow."""
    dockerd.run_checked("web", Labels={"autoheal": "true",
                                       "autoheal.stop.timeout": "0"})
    dockerd.make_sick("web", for_ever=True)
    one = door("autoheal")
    one.start(DOCKER_SOCK=dockerd.socket, AUTOHEAL_INTERVAL="0.5")

    def restarts():
        reply = one.client.ask("GET", "/api/v1/journal").json()
        return sum(entry["event"] == "step" for entry in reply["entries"])

    wait_until(lambda: restarts() >= 7, 60, "seven restarts")


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append((self.path, json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


@pytest.fixture
def receiver():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.bodies = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_autoheal_tells(dockerd, door, receiver):
    url = f"http://127.0.0.1:{receiver.server_port}"
    dockerd.run_checked("web", Labels={"autoheal": "true"})
    one = door("autoheal")
    one.start(DOCKER_SOCK=dockerd.socket, WEBHOOK_URL=f"{url}/hook?a=b",
              WEBHOOK_JSON_KEY="content", APPRISE_URL=f"{url}/notify/k")
    one.wait_member("autoheal/web")
    dockerd.make_sick("web")
    wait_until(lambda: len(receiver.bodies) >= 2, ACT_SECONDS, "both")
    bodies = dict(receiver.bodies)
    assert "web" in bodies["/hook?a=b"]["content"]
    assert bodies["/notify/k"]["title"] == "Autoheal"
    assert "web" in bodies["/notify/k"]["body"]


def test_autoheal_runs_the_script(dockerd, door, directory):
    place = tempfile.mkdtemp(dir=directory)
    script = os.path.join(place, "Script.sh")
    told = os.path.join(place, "told")
    with open(script, "w", encoding="utf-8") as out:
        out.write(f'#!/bin/sh\necho "$@" >>{told}\nexit 1\n')
    os.chmod(script, 0o755)
    dockerd.run_checked("web", Labels={"autoheal": "true",
                                       "autoheal.stop.timeout": "3"})
    identity = dockerd.inspect("web")["Id"]
    one = door("autoheal")
    one.start(DOCKER_SOCK=dockerd.socket, POST_RESTART_SCRIPT=script)
    one.wait_member("autoheal/web")
    dockerd.make_sick("web")
    wait_until(lambda: os.path.exists(told) and os.path.getsize(told) > 0,
               ACT_SECONDS, "the script")
    with open(told, encoding="utf-8") as lines:
        assert lines.read() == f"/web {identity[:12]} running 3\n"
    # its failure changes nothing
    wait_until(lambda: one.members()["autoheal/web"]["state"] == "good",
               ACT_SECONDS, "its recovery")


# --- only the image's name is changed -----------------------------------------

@pytest.fixture(scope="module")
def image(dockerd_of_session):
    return build_image(dockerd_of_session)


@pytest.fixture
def composed(dockerd, image, directory):
    """composed(name) starts the compose file of an original; its project is
    taken down with the test."""
    assert image == IMAGE
    projects = []

    def up(name):
        place = tempfile.mkdtemp(prefix=name, dir=directory)
        with open(os.path.join(ROOT, "examples", "front-doors",
                               f"{name}.yml"), encoding="utf-8") as file:
            text = file.read()
        changed = text.replace(f"image: bouncer-{name}\n",
                               f"image: bouncer-test-{name}\n")
        assert changed != text
        with open(os.path.join(place, "docker-compose.yml"), "w",
                  encoding="utf-8") as out:
            out.write(changed)
        projects.append(Compose(dockerd, place,
                                {"DOCKER_SOCKET": dockerd.socket}))
        projects[-1].up()
        return projects[-1]

    yield up
    for project in projects:
        project.down()


@pytest.mark.parametrize("name, labels", [
    ("mon", OBSERVED), ("autoheal", {"autoheal": "true"})])
def test_image_takes_the_place(dockerd, composed, name, labels):
    dockerd.run_checked("web", Labels=labels)
    before = dockerd.started_at("web")
    project = composed(name)
    wait_until(lambda: "containers are watched" in project.log_tail(),
               ACT_SECONDS, "its watching")
    dockerd.make_sick("web")
    wait_restart(dockerd, "web", before)
