# SPDX-License-Identifier: Apache-2.0
"""Rules that remove what has ended, against a real dockerd."""

from daemons.bouncer import rule, settings
from test_health import compose, watching


def cleanup(**keys):
    return rule("cleanup", "exited", steps=[{"type": "remove"}], **keys)


def end_with(dockerd, name, code, **options):
    dockerd.run(name, ["/bin/sh", "-c", f"exit {code}"], **options)
    dockerd.wait_ended(name)


def test_removes_at_its_age(dockerd, bouncer):
    """Of a project, by a label, at an age that comes only later."""
    labels = {**compose("shop", "batch"), "batch": "true"}
    dockerd.run("web", ["/bin/sleep", "1000"], Labels=compose("shop", "web"))
    running = bouncer(watching(dockerd, cleanup(
        select={"label": ["batch?"]}, max_age="10s")))
    end_with(dockerd, "shop-batch-1", 0, Labels=labels)
    running.wait_for(lambda b: "shop-batch-1" not in dockerd.names(), 25,
                     "removal")
    assert "web" in dockerd.names()
