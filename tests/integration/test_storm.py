# SPDX-License-Identifier: Apache-2.0
"""Two hundred containers that all go quiet at once: nothing happens while the
storm guard holds; without it all are restarted, and in parallel."""

import concurrent.futures
import time

from daemons.bouncer import monitor, settings
from daemons.exporter import pushes

import pytest

N_CONTAINERS = 200
N_HANDS = 16            # threads of the test that create and remove
STOP_SECONDS = 3        # every container ignores SIGTERM
SLACK_SECONDS = 10      # beyond what the engine itself needs
PUSH_SECONDS = 4
LIMIT = "20s"
# Last pushes are seconds apart on a busy machine; who acts at the first sight
# of the first one has not seen the storm yet.
PATIENCE = "8s"
ENGINE_SECONDS = 120    # for all of them; by itself it takes a tenth of that


def name_of(i):
    return f"crowd{i:03}"


NAMES = [name_of(i) for i in range(N_CONTAINERS)]


def each(function, names, n_hands=N_HANDS):
    with concurrent.futures.ThreadPoolExecutor(n_hands) as pool:
        list(pool.map(function, names))


@pytest.fixture
def crowd(dockerd, pushgateway):
    each(lambda name: dockerd.run(
        name, pushes(pushgateway, name, stubborn=True, every=PUSH_SECONDS),
        network="host", StopTimeout=STOP_SECONDS), NAMES)
    yield dockerd
    try:
        each(dockerd.remove, NAMES)
    except TimeoutError:
        dockerd.restart_daemon(hard=True)
        each(dockerd.remove, NAMES)


def engine_seconds(dockerd):
    """How long the engine itself takes to restart them all at once. Now and
    then it loses the end of a container and waits for it for ever."""
    for _ in range(2):
        began = time.monotonic()
        try:
            each(lambda name: dockerd.api(
                "POST", f"/containers/{name}/restart",
                timeout=ENGINE_SECONDS), NAMES, N_CONTAINERS)
            return time.monotonic() - began
        except TimeoutError:
            dockerd.restart_daemon(hard=True)
    pytest.fail(f"docker: without any bouncer it cannot restart "
                f"{N_CONTAINERS} containers in {ENGINE_SECONDS} s, twice")


def test_storm(crowd, pushgateway, bouncer):
    """The guard is lifted by a reload, so that the same crowd serves both."""
    own = engine_seconds(crowd)
    before = {name: crowd.started_at(name) for name in NAMES}
    monitors = [monitor(name, type="docker", container_name=name,
                        max_age=LIMIT, for_=PATIENCE, verify_within="60s",
                        restart_type="container") for name in NAMES]
    keys = {"push_gw": pushgateway.url, "socket_docker": crowd.socket,
            "check_interval": "1s", "max_parallel": N_CONTAINERS}
    running = bouncer(settings(*monitors, **{**keys, "storm_share": 50}))

    def states(b):
        return {shown["state"] for shown in b.monitors().values()}

    running.wait_for(lambda b: states(b) == {"good"}, 60, "all good")
    each(lambda name: crowd.kill(name, "USR1"), NAMES)
    running.wait_for(lambda b: states(b) == {"waiting"}, 90,
                     "all held by the storm guard")
    assert any(entry["event"] == "storm" for entry in running.journal())
    assert all(crowd.started_at(name) == before[name] for name in NAMES)

    began = time.monotonic()
    running.reload(settings(*monitors, **{**keys, "storm_share": 0}))
    running.wait_for(lambda b: states(b) == {"good"}, own + 60,
                     "all recovered")
    took = time.monotonic() - began
    print(f"the engine alone: {own:.1f} s; with the bouncer: {took:.1f} s")
    assert all(crowd.started_at(name) != before[name] for name in NAMES)
    assert running.metric("bouncer_steps_total", result="ok") == N_CONTAINERS
    assert took < 1.25 * own + SLACK_SECONDS
