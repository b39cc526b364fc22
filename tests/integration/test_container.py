# SPDX-License-Identifier: Apache-2.0
"""The container image: made from this tree, run by a real dockerd."""

import os
import signal
import tempfile
import time

import pytest

from daemons.bouncer import ROOT, monitor, settings
from daemons.container import (BouncerContainer, build_image,
                               static_busybox)
from daemons.exporter import pushes
from daemons.images import libraries
from daemons.nameserver import Nameserver
from daemons.process import find_program, wait_until

MAX_IMAGE_BYTES = 5500000    # SQLite is more than a third of it
STOP_SECONDS = 1
REFUSED = 4     # the exit status of a command that is told no


@pytest.fixture(scope="module")
def image(dockerd_of_session):
    return build_image(dockerd_of_session)


@pytest.fixture
def contained(dockerd, image, directory, request):
    """contained(yaml, …) starts the program in its image."""
    one = BouncerContainer(tempfile.mkdtemp(prefix="run-", dir=directory),
                           dockerd)

    def start(yaml, **options):
        one.start(yaml, **options)
        return one

    request.node.bouncers = [one]
    return start


@pytest.fixture
def nameserver():
    server = Nameserver({"gateway.test": "127.0.0.1"})
    yield server
    server.stop()


def test_image_is_small_and_harmless(dockerd, image):
    described = dockerd.api("GET", f"/images/{image}/json")
    assert described["Size"] <= MAX_IMAGE_BYTES
    config = described["Config"]
    user = config["User"].split(":")[0]
    assert user.isdigit() and int(user) > 0
    assert config["Healthcheck"]["Test"] == ["CMD", "/bouncer", "healthcheck"]
    assert config["Entrypoint"] == ["/bouncer"]


def test_restarts_a_sibling(dockerd, pushgateway, contained, nameserver):
    """Through the mounted socket, as a user that is not root; the gateway is
    a name that only the DNS knows."""
    dockerd.run("quiet", pushes(pushgateway, "quiet"), network="host")
    wait_until(lambda: 'job="quiet"' in pushgateway.metrics(), 20, "a push")
    before = dockerd.started_at("quiet")
    running = contained(
        settings(monitor("quiet", type="docker", container_name="quiet",
                         restart_type="container"),
                 push_gw=f"http://gateway.test:{pushgateway.port}"),
        Dns=[nameserver.address])
    running.wait_state("quiet", "good")
    assert "gateway.test" in nameserver.asked
    with open(f"/proc/{running.pid}/status", encoding="utf-8") as status:
        lines = dict(line.rstrip("\n").split(":", 1) for line in status)
    assert "0" not in lines["Uid"].split()
    assert int(lines["CapEff"], 16) == 0

    dockerd.kill("quiet", "USR1")
    running.wait_recovered("quiet")
    assert dockerd.started_at("quiet") != before
    # What it owes survives it: the state's directory is its own.
    root = f"/proc/{running.pid}/root"
    wait_until(lambda: os.path.exists(f"{root}/var/lib/bouncer/state.json"),
               20, "a state file")


def test_name_of_the_hosts_file(pushgateway, contained):
    pushgateway.push("quiet")
    running = contained(
        settings(monitor("quiet", max_age="1h", type="docker",
                         container_name="quiet", restart_type="container"),
                 push_gw=f"http://gateway.example:{pushgateway.port}"),
        ExtraHosts=["gateway.example:127.0.0.1"])
    running.wait_state("quiet", "good")


def test_becomes_healthy(dockerd, pushgateway, contained):
    pushgateway.push("quiet")
    running = contained(
        settings(monitor("quiet", max_age="1h", type="docker",
                         container_name="quiet", restart_type="container"),
                 push_gw=pushgateway.url))

    def wait_health(expected, timeout):
        def now():
            return dockerd.state(running.name)["Health"]

        try:
            wait_until(lambda: now()["Status"] == expected, timeout, expected)
        except TimeoutError as late:
            pytest.fail(f"{late}: {now()}")

    wait_health("healthy", 30)
    # A loop that does not turn is not healthy; nor is it killed for it here.
    os.kill(running.pid, signal.SIGSTOP)
    try:
        wait_health("unhealthy", 60)
    finally:
        os.kill(running.pid, signal.SIGCONT)
    wait_health("healthy", 30)


def children(pid):
    """{process id: name} of the children of a process, dead ones too."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8") as stat:
                head, tail = stat.read().rsplit(")", 1)
        except OSError:
            continue
        if int(tail.split()[1]) == pid:
            found[int(entry)] = head.split("(", 1)[1]
    return found


def test_reaps_as_process_one(scripted_gateway, contained):
    """A command leaves three behind; they become ours, and no zombies."""
    scripted_gateway.say_ages({"quiet": 3600})
    running = contained(
        settings(monitor("quiet", type="host", max_bounces=1, steps=[{
            "type": "run", "command": [
                "/busybox", "sh", "-c", "for i in 1 2 3; do "
                "/busybox sleep 1000 >/dev/null 2>&1 & done; exit 0"]}]),
            push_gw=scripted_gateway.url),
        binds=[f"{static_busybox()}:/busybox:ro"])
    running.wait_step("quiet", "ok")
    pid = running.pid
    orphans = children(pid)
    assert list(orphans.values()) == ["busybox"] * 3
    for orphan in orphans:
        os.kill(orphan, signal.SIGKILL)
    wait_until(lambda: not children(pid), 5, "no child, dead or alive")
    assert running.alive


def test_stops_soon(dockerd, scripted_gateway, contained):
    scripted_gateway.say_ages({"quiet": 1})
    running = contained(
        settings(monitor("quiet", max_age="1h", type="docker",
                         container_name="quiet", restart_type="container"),
                 push_gw=scripted_gateway.url))
    begun = time.monotonic()
    dockerd.kill(running.name, "TERM")
    wait_until(lambda: not running.alive, 20, "stopped", every=0.01)
    assert time.monotonic() - begun <= STOP_SECONDS
    assert running.exit_code == 0


RULES = """\
rules: [{alert: Down, expr: %s}]
"""


def test_registry(dockerd, contained, directory):
    """SQLite is in it, and its directory is the user's; whoever brings a
    promtool has it asked."""
    promtool = find_program("promtool", "prometheus")
    own = tempfile.mkdtemp(prefix="rules-", dir=directory)
    os.chmod(own, 0o755)
    for name, expr in (("good", "up == 0"), ("bad", "up ==")):
        with open(os.path.join(own, f"{name}.yml"), "w",
                  encoding="utf-8") as out:
            out.write(RULES % expr)
    binds = [f"{os.path.realpath(path)}:{path}:ro"
             for path in libraries(promtool)]
    running = contained(
        "registry: {enabled: true, promtool: /promtool}\n",
        binds=[f"{own}:/rules:ro", f"{promtool}:/promtool:ro", *binds])

    def apply(name):
        return dockerd.exec(running.name, "/bouncer", "registry", "apply",
                            f"/rules/{name}.yml")

    assert apply("bad") == REFUSED
    assert apply("good") == 0
    root = f"/proc/{running.pid}/root"
    assert os.path.exists(f"{root}/var/lib/bouncer/registry.db")


def test_is_built_without_what_is_not_in_the_tree():
    """FROM scratch, and nothing is fetched or run while it is built; its
    other names are the same image with other defaults."""
    path = os.path.join(ROOT, "packaging/container/Dockerfile")
    with open(path, encoding="utf-8") as lines:
        lines = [line.split() for line in lines if line[0].isupper()]
    bases = [line[1] for line in lines if line[0] == "FROM"]
    assert lines[0][:2] == ["FROM", "scratch"]
    assert bases == ["scratch", "program", "program", "program"]
    assert not {"RUN", "ADD"} & {line[0] for line in lines}
