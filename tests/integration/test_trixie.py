# SPDX-License-Identifier: Apache-2.0
"""With --trixie the same tests run against the engines of Debian 13; here is
what only they can show."""

import re

import pytest

from daemons.bouncer import rule, settings


def major(text):
    return int(re.match(r"\d+", text)[0])


def test_these_are_the_engines_of_debian_13(lxd, podman, dockerd):
    assert major(dockerd.version()) >= 26
    assert major(podman.version()) >= 5
    assert lxd.kind == "incus" and major(lxd.version()) >= 6


@pytest.mark.parametrize("kind, api", [("docker", "1.45"),
                                       ("podman", "1.41")])
def test_the_version_that_is_spoken(request, bouncer, kind, api):
    engine = request.getfixturevalue(
        "dockerd" if kind == "docker" else kind)
    running = bouncer(settings(rule(kind, type=kind),
                               **{f"socket_{kind}": engine.socket}))
    running.wait_log("container engine found", f"engine={kind}", f"api={api}")
