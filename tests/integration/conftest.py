# SPDX-License-Identifier: Apache-2.0
"""Fixtures: the program, and the real peers that it watches and acts on.

Peers that are slow to start live for the whole run and are swept after each
test; those that a test stops and starts are its own. A peer that is not here
skips its tests, with the remedy in the summary; one that is here and does not
start fails them.
"""

import collections
import os
import shutil
import signal
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from daemons import bouncer as bouncer_module    # noqa: E402
from daemons.alertmanager import Alertmanager    # noqa: E402
from daemons.bouncer import Bouncer, has_registry    # noqa: E402
from daemons.docker import Docker    # noqa: E402
from daemons.kubernetes import Kubernetes    # noqa: E402
from daemons.lxd import Incus, Lxd    # noqa: E402
from daemons.machine import Here, Trixie    # noqa: E402
from daemons.podman import Podman    # noqa: E402
from daemons.process import NotStarted, Unavailable    # noqa: E402
from daemons.prometheus import Prometheus    # noqa: E402
from daemons.pushgateway import Pushgateway    # noqa: E402
from daemons.receiver import Receiver    # noqa: E402
from daemons.scripted import ScriptedGateway    # noqa: E402
from daemons.scripted_exporter import ScriptedExporter    # noqa: E402
from daemons.tls import Authority    # noqa: E402

_missing = {}   # what is not on this machine: how many tests that skipped

# Asked to end, pytest stops the peers as it does after an interrupt.
signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--share", metavar="K/N",
                     help="only the K-th of N parts of the tests")
    parser.addoption(
        "--trixie", action="store_true",
        help="engines of Debian 13, in a tree of their own: Docker 26, Podman "
             "5, and Incus 6 for LXD")


def pytest_collection_modifyitems(config, items):
    """--share K/N: of the files, whole and by how many tests they have, what
    falls to the K-th of N runs side by side."""
    share = config.getoption("--share")
    if not share:
        return
    which, n_shares = (int(number) for number in share.split("/"))
    sizes = collections.Counter(item.path for item in items)
    loads = [0] * n_shares
    owner = {}
    for path, size in sorted(sizes.items(), key=lambda it: (-it[1], it[0])):
        owner[path] = loads.index(min(loads))
        loads[owner[path]] += size
    config.hook.pytest_deselected(
        items=[item for item in items if owner[item.path] != which - 1])
    items[:] = [item for item in items if owner[item.path] == which - 1]


def pytest_ignore_collect(collection_path, config):
    if (collection_path.match("test_registry_*.py") or
            collection_path.name == "test_worker.py") and not has_registry():
        return True
    if collection_path.name == "test_trixie.py":
        return not config.getoption("--trixie")
    return None


@pytest.fixture(scope="session")
def machine(request):
    """Where the engines run."""
    if not request.config.getoption("--trixie"):
        return Here()
    return _start("Debian 13", Trixie, lambda _: None)


@pytest.fixture(scope="session")
def directory(request):
    """Short, because the path of a unix socket has 108 bytes at most. Kept,
    with all logs, when something failed."""
    path = tempfile.mkdtemp(prefix="bouncer-")
    os.chmod(path, 0o711)   # LXD's mapped users pass through it
    yield path
    if request.session.testsfailed:
        request.config.kept_directory = path
    else:
        shutil.rmtree(path, ignore_errors=True)


def _start(name, make, start):
    peer = None
    try:
        peer = make()
        start(peer)
        return peer
    except Unavailable as reason:
        raise Unavailable(f"{name}: {reason}") from None
    except Exception:
        if hasattr(peer, "stop"):
            peer.stop()
        raise


@pytest.fixture
def pushgateway(directory):
    path = tempfile.mkdtemp(prefix="pushgateway-", dir=directory)
    peer = _start("pushgateway", lambda: Pushgateway(path),
                  lambda gateway: gateway.start())
    yield peer
    peer.stop()


@pytest.fixture
def prometheus_servers(directory):
    """prometheus_servers(n, every="1s"): a list of so many, all started."""
    started = []

    def start(n, every="1s"):
        for _ in range(n):
            path = tempfile.mkdtemp(prefix="prometheus-", dir=directory)
            started.append(_start("prometheus",
                                  lambda path=path: Prometheus(path, every),
                                  lambda server: server.start()))
        return started[-n:]

    yield start
    for peer in started:
        peer.stop()


@pytest.fixture
def prometheus(prometheus_servers):
    return prometheus_servers(1)[0]


@pytest.fixture
def scripted_exporter():
    """Whose values a test sets."""
    peer = ScriptedExporter()
    peer.start()
    yield peer
    peer.stop()


@pytest.fixture
def alertmanager(directory):
    path = tempfile.mkdtemp(prefix="alertmanager-", dir=directory)
    peer = _start("alertmanager", lambda: Alertmanager(path),
                  lambda server: server.start())
    yield peer
    peer.stop()


@pytest.fixture
def kubernetes(directory):
    """An API server that knows Leases."""
    def make():
        place = tempfile.mkdtemp(prefix="kubernetes-", dir=directory)
        authority = Authority(place)
        return Kubernetes(place, *authority.issue("api"),
                          authority.certificate)

    peer = _start("openssl", make, lambda _: None)
    yield peer
    peer.stop()


@pytest.fixture
def receiver():
    peer = Receiver()
    yield peer
    peer.stop()


@pytest.fixture(scope="session")
def dockerd_of_session(directory, machine):
    peer = _start("docker",
                  lambda: Docker(os.path.join(directory, "docker"), machine),
                  lambda docker: docker.start_first())
    yield peer
    peer.stop()


@pytest.fixture
def dockerd(dockerd_of_session):
    """One for all tests; its containers are swept after each."""
    yield dockerd_of_session
    if not dockerd_of_session.alive:
        dockerd_of_session.start_daemon()
    dockerd_of_session.remove_all()


@pytest.fixture(scope="session")
def podman_of_session(directory, machine):
    peer = _start("podman",
                  lambda: Podman(os.path.join(directory, "podman"), machine),
                  lambda podman: podman.start_first())
    yield peer
    peer.stop()


@pytest.fixture
def podman(podman_of_session):
    yield podman_of_session
    podman_of_session.remove_all()


@pytest.fixture(scope="session")
def lxd_of_session(directory, machine):
    """LXD, or on Debian 13 Incus, its descendant."""
    kind = Incus if isinstance(machine, Trixie) else Lxd
    peer = _start(kind.kind,
                  lambda: kind(os.path.join(directory, kind.kind), machine),
                  lambda lxd: lxd.start_first())
    yield peer
    peer.stop()


@pytest.fixture
def lxd(lxd_of_session):
    yield lxd_of_session
    lxd_of_session.remove_all()


@pytest.fixture
def scripted_gateway():
    peer = ScriptedGateway()
    peer.start()
    yield peer
    peer.stop()


@pytest.fixture
def bouncer(directory, request):
    """bouncer(yaml, args=(), env=None, ready=True) starts one and returns it.
    What a test leaves running must end well when it is asked to."""
    if not os.access(bouncer_module.program(), os.X_OK):
        pytest.fail(f"{bouncer_module.program()} is not there: "
                    "meson compile -C build, or set BOUNCER", pytrace=False)
    started = []

    def start(yaml, **options):
        one = Bouncer(tempfile.mkdtemp(prefix="run-", dir=directory))
        started.append(one)
        try:
            one.start(yaml, **options)
        except NotStarted as reason:
            pytest.fail(str(reason), pytrace=False)
        return one

    request.node.bouncers = started
    yield start
    failed = []
    for one in started:
        try:
            if one.alive and one.end() != 0:
                failed.append(f"exit {one.process.exit_code}")
        except TimeoutError as late:
            failed.append(str(late))
            one.kill()
    assert not failed, f"bouncer did not end well: {failed}\n" + "\n".join(
        one.log_tail() for one in started)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What is not on this machine skips a test, with its words; a failed test
    shows what the peers said."""
    report = (yield).get_result()
    if call.excinfo and call.excinfo.errisinstance(Unavailable):
        reason = str(call.excinfo.value)
        _missing[reason] = _missing.get(reason, 0) + 1
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, f"Skipped: {reason}")
        return
    if not report.failed:
        return
    for peer in getattr(item, "bouncers", []):
        report.sections.append(("bouncer", peer.log_tail()))
    shown = []
    for name, peer in getattr(item, "funcargs", {}).items():
        if hasattr(peer, "log_tail") and peer not in shown:
            report.sections.append((name, peer.log_tail()))
            shown.append(peer)


def pytest_terminal_summary(terminalreporter, config):
    kept = getattr(config, "kept_directory", None)
    if kept:
        terminalreporter.write_line(f"logs are kept in {kept}")
    for reason, n_tests in _missing.items():
        terminalreporter.section(f"{n_tests} tests cannot run on this machine",
                                 sep="!", yellow=True)
        terminalreporter.write_line(reason)
