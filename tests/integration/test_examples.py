# SPDX-License-Identifier: Apache-2.0
"""Every example runs as its README says, against the real peers; only images,
addresses and times are those of a test."""

import os
import shutil

from daemons.bouncer import ROOT, Bouncer, program
from daemons.compose import Compose
from daemons.docker import IMAGE
from daemons.http import Client
from daemons.images import import_program
from daemons.lxd import GRACEFUL
from daemons.process import Unavailable, find_program, free_port, wait_until

import pytest
import yaml

EXAMPLES = os.path.join(ROOT, "examples")

# Times of the examples are for people; a test is in a hurry.
HURRY = {"check_interval": "200ms", "start_grace": "0s"}
LIMITS = {"max_age": "3s", "verify_within": "20s", "stop_timeout": "1s"}


def hurried(path, limits=None, **global_keys):
    """The example's configuration with other times and these keys."""
    with open(path, encoding="utf-8") as text:
        config = yaml.safe_load(text)
    config["global"].update({**HURRY, **global_keys})
    for one in config["monitors"]:
        one.update({**LIMITS, **(limits or {})})
    return yaml.safe_dump(config)


def example(name):
    return os.path.join(EXAMPLES, name)


def copied(name, directory):
    """The example in a directory of the test's; everybody may read it, as
    users of containers must."""
    copy = os.path.join(directory, name)
    shutil.copytree(example(name), copy)
    os.chmod(directory, 0o755)
    return copy


def test_every_example_has_a_readme_that_names_its_files():
    for name in sorted(os.listdir(EXAMPLES)):
        with open(os.path.join(EXAMPLES, name, "README.md"),
                  encoding="utf-8") as text:
            readme = text.read()
        for file in os.listdir(os.path.join(EXAMPLES, name)):
            assert file == "README.md" or f"`{file}`" in readme or (
                file in readme), (name, file)


# --- compose -----------------------------------------------------------------

@pytest.fixture
def project(dockerd, tmp_path_factory):
    """project(example, **variables) starts one that is stopped again."""
    started = []

    def start(example, config, **variables):
        directory = str(tmp_path_factory.mktemp(f"project{len(started)}"))
        copy = copied(example, directory)
        with open(os.path.join(copy, "config.yml"), "w",
                  encoding="utf-8") as out:
            out.write(config)
        try:
            compose = Compose(dockerd, copy, {
                "DOCKER_SOCKET": dockerd.socket,
                "DOCKER_GID": str(os.stat(dockerd.socket).st_gid),
                "BOUNCER_IMAGE": "bouncer", "BUSYBOX_IMAGE": IMAGE,
                "PUSHGATEWAY_IMAGE": "pushgateway", **variables})
        except Unavailable as reason:
            pytest.skip(str(reason))
        started.append(compose)
        compose.up()
        return compose

    import_program(dockerd, "bouncer", program(), "bouncer",
                   ["var/lib/bouncer", "run/bouncer"])
    yield start
    for compose in started:
        print(compose.log_tail())
        compose.down()


def reached(port):
    """The bouncer of a project, asked over its published port."""
    running = Reached(port)
    wait_until(lambda: running.client.answers("/-/ready"), 30, "ready")
    return running


class Reached(Bouncer):
    """One that somebody else started."""

    def __init__(self, port):
        self.client = Client(f"http://127.0.0.1:{port}")

    alive = True

    def log_tail(self):
        return "(it is in a container)"


def hangs_and_comes_back(dockerd, running, name, container):
    running.wait_state(name, "good")
    before = dockerd.started_at(container)
    dockerd.kill(container, "USR1")
    running.wait_step(name, "ok")
    running.wait_recovered(name)
    assert dockerd.started_at(container) != before
    assert dockerd.state(container)["Running"]


def test_compose(dockerd, project):
    try:
        gateway = find_program("prometheus-pushgateway",
                               "prometheus-pushgateway")
    except Unavailable as reason:
        pytest.skip(str(reason))
    import_program(dockerd, "pushgateway", gateway, "pushgateway")
    port = free_port()
    project("compose", hurried(example("compose/config.yml")),
            BOUNCER_PORT=str(port))
    hangs_and_comes_back(dockerd, reached(port), "Importer", "importer")


# --- LXD ---------------------------------------------------------------------

def test_lxd(lxd, pushgateway, bouncer):
    """The service's restart is tried first, and the instance's second."""
    lxd.add_project("mail")
    lxd.launch("weewx", config=GRACEFUL)
    lxd.launch("archive", project="mail", config=GRACEFUL)
    before = lxd.pid("weewx"), lxd.pid("archive", project="mail")
    pushgateway.push("weewx")
    pushgateway.push("archive")
    running = bouncer(hurried(example("lxd/config.yml"),
                              {"verify_within": "3s"}, push_gw=pushgateway.url, storm_share=0,
                              socket_lxd=lxd.socket, state_dir="none"))
    running.wait_for(lambda b: len(b.steps("WeeWX", "ok")) > 1,
                     what="two steps of WeeWX")
    running.wait_step("Mail archive", "ok")
    assert [step["step"] for step in running.steps("WeeWX")[:2]] == [
        "exec", "restart"]
    pushgateway.push("weewx")
    pushgateway.push("archive")
    running.wait_recovered("WeeWX")
    running.wait_recovered("Mail archive")
    assert lxd.pid("weewx") not in (0, before[0])
    assert lxd.pid("archive", project="mail") not in (0, before[1])


def test_lxd_drop_in_names_the_group():
    """systemd reads it; the unit itself must not name the group."""
    with open(example("lxd/bouncer.service.conf"), encoding="utf-8") as text:
        lines = text.read().splitlines()
    assert "[Service]" in lines and "SupplementaryGroups=lxd" in lines


# --- sidecar -----------------------------------------------------------------

def test_sidecar(dockerd, project):
    """Nothing but the bouncer and its neighbour, who share a network."""
    port = free_port()
    project("sidecar", hurried(example("sidecar/config.yml")),
            BOUNCER_PORT=str(port))
    running = reached(port)
    hangs_and_comes_back(dockerd, running, "Sensor", "sensor")
    assert running.metric("sensor_load", job="sensor") is not None
