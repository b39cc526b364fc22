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
from daemons.process import Unavailable, find_program, free_port, wait_until

import pytest
import yaml

EXAMPLES = os.path.join(ROOT, "examples")

# Times of the examples are for people; a test is in a hurry.
HURRY = {"check_interval": "200ms", "start_grace": "0s"}
LIMIT = {"max_age": "3s", "verify_within": "20s", "stop_timeout": "1s"}


def hurried(path, **global_keys):
    """The example's configuration with other times and these keys."""
    with open(path, encoding="utf-8") as text:
        config = yaml.safe_load(text)
    config["global"].update({**HURRY, **global_keys})
    for one in config["monitors"]:
        one.update(LIMIT)
    return yaml.safe_dump(config)


def copied(name, directory):
    """The example in a directory of the test's; everybody may read it, as
    users of containers must."""
    copy = os.path.join(directory, name)
    shutil.copytree(os.path.join(EXAMPLES, name), copy)
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
    project("compose", hurried(os.path.join(EXAMPLES, "compose/config.yml")),
            BOUNCER_PORT=str(port))
    hangs_and_comes_back(dockerd, reached(port), "Importer", "importer")
