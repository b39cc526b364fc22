# SPDX-License-Identifier: Apache-2.0
"""The Debian package: built from this tree, installed in a small Debian of
its own, with and without a running systemd, and gone again."""

import glob
import json
import os
import shutil
import subprocess

import pytest

from daemons.bouncer import ROOT
from daemons.debian import Debian, dependencies
from daemons.process import find_program

BUILD_SECONDS = 1200    # beside other tests, and other builds
LINT_SECONDS = 300
CONFIG = "/etc/bouncer/config.yml"
OF_SYSTEMD = ["systemd", "dbus"]


@pytest.fixture(scope="module")
def package(directory):
    """The path of the .deb; the tests it could run are run elsewhere."""
    find_program("dpkg-buildpackage", "dpkg-dev")
    find_program("dh", "debhelper")
    out = os.path.join(directory, "deb")
    done = subprocess.run(
        [os.path.join(ROOT, "packaging/deb/build.sh"), out],
        env={**os.environ, "DEB_BUILD_OPTIONS":
             f"nocheck parallel={os.cpu_count()}"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=BUILD_SECONDS)
    assert done.returncode == 0, done.stdout[-4000:]
    found = glob.glob(os.path.join(out, "bouncer_*.deb"))
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="module")
def bootstrapped(package, directory):
    one = None
    one = Debian(os.path.join(directory, "debian"),
                 dependencies(package) + OF_SYSTEMD)
    one.run("groupadd", "--system", "docker")
    yield one
    one.remove()


@pytest.fixture
def debian(bootstrapped, package):
    """With the package in /root, and not yet installed."""
    with open(package, "rb") as data, \
            open(bootstrapped.path("/root/bouncer.deb"), "wb") as out:
        out.write(data.read())
    yield bootstrapped
    bootstrapped.run("dpkg", "--purge", "bouncer", check=False)
    bootstrapped.halt()


@pytest.fixture
def booted(debian):
    debian.boot()
    return debian


def install(debian):
    return debian.run("dpkg", "--install", "/root/bouncer.deb")


def add_line(debian):
    """As an administrator does."""
    with open(debian.path(CONFIG), "a", encoding="utf-8") as config:
        config.write("# a line of mine\n")


def assert_purges(debian, before):
    debian.run("dpkg", "--purge", "bouncer")
    after = debian.snapshot()
    left = {path: (before.get(path), after.get(path))
            for path in before.keys() | after.keys()
            if before.get(path) != after.get(path)}
    assert left == {}
    known = debian.run("dpkg-query", "--list", "bouncer", check=False)
    assert "no packages found" in known
    for database in ("passwd", "group"):
        assert "bouncer" not in debian.run("getent", database)


def test_lintian_finds_no_error(package):
    lintian = find_program("lintian", "lintian")
    done = subprocess.run(
        [lintian, "--allow-root", "--fail-on", "error",
         glob.glob(os.path.dirname(package) + "/bouncer_*.changes")[0]],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=LINT_SECONDS)
    assert done.returncode == 0, done.stdout


def test_where_no_systemd_runs(debian):
    before = debian.snapshot()
    install(debian)
    assert debian.run("bouncer", "version", user="bouncer").startswith(
        "bouncer ")
    assert debian.run("bouncer", "check", CONFIG, user="bouncer").rstrip() \
        == f"{CONFIG}: ok, 1 monitor"
    assert "docker" in debian.run("id", "--name", "--groups",
                                  "bouncer").split()
    # It may write its state and nothing of its configuration.
    debian.run("touch", "/var/lib/bouncer/probe", user="bouncer")
    with pytest.raises(AssertionError, match="ermission denied"):
        debian.run("touch", CONFIG, user="bouncer")

    # Over itself: what the administrator did is kept.
    add_line(debian)
    debian.run("gpasswd", "--delete", "bouncer", "docker")
    install(debian)
    with open(debian.path(CONFIG), encoding="utf-8") as config:
        assert config.read().endswith("# a line of mine\n")
    assert "docker" not in debian.run("id", "--name", "--groups",
                                      "bouncer").split()
    assert_purges(debian, before)


def shown(debian, *properties):
    text = debian.run("systemctl", "show", "bouncer",
                      "--property=" + ",".join(properties))
    return dict(line.split("=", 1) for line in text.splitlines())


def main_pid(debian):
    return shown(debian, "MainPID")["MainPID"]


def status_of(debian, pid):
    text = debian.run("cat", f"/proc/{pid}/status")
    return dict(line.split(":\t", 1) for line in text.splitlines())


def wait_shown(debian, **expected):
    debian.wait(lambda: shown(debian, *expected) == expected, str(expected))


def wait_logged(debian, words):
    debian.wait(lambda: words in debian.run(
        "journalctl", "--unit=bouncer", "--no-pager"), words)


def test_under_systemd(booted):
    """The unit as it is: it starts, tells how it is, is cut off from what it
    does not need, reloads, is restarted when it hangs, and stops."""
    before = booted.snapshot()
    install(booted)
    assert shown(booted, "ActiveState", "Type") == {
        "ActiveState": "active", "Type": "notify"}
    wait_shown(booted, StatusText="1 monitor, 0 bad, source down")
    pid = main_pid(booted)
    status = status_of(booted, pid)
    ids = booted.run("id", "--user", "bouncer").strip()
    group = booted.run("getent", "group", "docker").split(":")[2]
    assert set(status["Uid"].split()) == {ids}
    assert group in status["Groups"].split()
    assert int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"

    add_line(booted)
    booted.run("systemctl", "reload", "bouncer")
    assert main_pid(booted) == pid
    wait_logged(booted, "configuration reloaded")

    # Who is in the group may steer it: the cage lets the socket have it.
    with open(booted.path(CONFIG), encoding="utf-8") as config:
        text = config.read()
    with open(booted.path(CONFIG), "w", encoding="utf-8") as config:
        config.write(text.replace(
            "global:\n", "global:\n  control_group: docker\n"))
    booted.run("systemctl", "restart", "bouncer")
    assert booted.run("stat", "--format=%a %U %G",
                      "/run/bouncer/control.sock") == "660 bouncer docker\n"
    pid = main_pid(booted)
    booted.run("bouncer", "reload")
    assert "example" in booted.run("bouncer", "status")

    # Over itself: another process, with the administrator's file.
    install(booted)
    wait_shown(booted, ActiveState="active", SubState="running")
    assert main_pid(booted) != pid

    hang(booted)
    booted.run("systemctl", "stop", "bouncer")
    assert shown(booted, "Result", "ExecMainStatus") == {
        "Result": "success", "ExecMainStatus": "0"}
    booted.run("systemctl", "start", "bouncer")
    assert_purges(booted, before)
    assert not os.path.exists(booted.path("/var/lib/bouncer"))
    booted.run("test", "!", "-e", "/run/bouncer")


def hang(booted):
    """With less patience than the unit's, and only until it was seen."""
    drop_in = "/run/systemd/system/bouncer.service.d"
    booted.run("mkdir", "-p", drop_in)
    booted.run("sh", "-c", "printf '[Service]\\nWatchdogSec=1s\\n' "
                           f">{drop_in}/watchdog.conf")
    booted.run("systemctl", "daemon-reload")
    booted.run("systemctl", "restart", "bouncer")
    pid = main_pid(booted)
    booted.run("sh", "-c", f"kill -STOP {pid}")
    wait_shown(booted, NRestarts="1", SubState="running")
    assert main_pid(booted) != pid
    wait_logged(booted, "Watchdog timeout")
    booted.run("rm", "-r", drop_in)
    booted.run("systemctl", "daemon-reload")


# --- the registry ------------------------------------------------------------

PROMTOOL = "/usr/local/bin/promtool"
REGISTRY = """
registry:
  enabled: true
"""
WORKER = """\
BOUNCER_REGISTRY=http://127.0.0.1:9090
BOUNCER_SERVER=127.0.0.1:9091
BOUNCER_TOKEN_FILE=/etc/bouncer/worker.token
"""
SHOP = """\
shards: [{name: here, servers: ["127.0.0.1:9091"]}]
services:
  - name: shop
    projects:
      - name: web
        shard: here
        farm: {name: web, hosts: [web-1]}
        exporters: [{job: node, port: 9100}]
        rules: [{alert: WebDown, expr: up == 0}]
"""


def write(debian, path, text, mode="a"):
    with open(debian.path(path), mode, encoding="utf-8") as out:
        out.write(text)


@pytest.fixture
def with_promtool(booted):
    """The machine's own, which needs but libc, in a place of the PATH."""
    promtool = find_program("promtool", "prometheus")
    shutil.copy(promtool, booted.path(PROMTOOL))
    yield booted
    os.remove(booted.path(PROMTOOL))


def test_registry_under_systemd(with_promtool):
    """As the README says: switched on in the file, first token over the control
    socket; promtool works in the cage, and the worker's unit in its own."""
    booted = with_promtool
    before = booted.snapshot()
    install(booted)
    write(booted, CONFIG, REGISTRY)
    booted.run("systemctl", "restart", "bouncer")
    assert booted.run("stat", "--format=%a %U", "/var/lib/bouncer/registry.db"
                      ) == "600 bouncer\n"
    write(booted, "/root/shop.yml", SHOP.replace("up == 0", "up =="))
    refused = booted.run("bouncer", "registry", "apply", "/root/shop.yml",
                         check=False)
    assert "promtool" in refused and "parse error" in refused
    write(booted, "/root/shop.yml", SHOP, "w")
    assert "0 deleted" in booted.run("bouncer", "registry", "apply",
                                     "/root/shop.yml")

    # It needs its settings first, and does not start without.
    worker = booted.run("systemctl", "show", "bouncer-worker",
                        "--property=UnitFileState,ActiveState")
    assert worker == "ActiveState=inactive\nUnitFileState=disabled\n"
    write(booted, "/etc/bouncer/worker.env", WORKER)
    booted.run("sh", "-c", "umask 027 && bouncer registry token create worker "
                           "> /etc/bouncer/worker.token")
    booted.run("chgrp", "bouncer", "/etc/bouncer/worker.token")
    booted.run("systemctl", "enable", "--now", "bouncer-worker")
    targets = booted.path("/var/lib/bouncer-worker/targets.json")
    booted.wait(lambda: os.path.exists(targets), "the worker has written")
    with open(targets, encoding="utf-8") as text:
        assert json.load(text)[0]["targets"] == ["web-1:9100"]
    # No Prometheus is here to be reloaded, and the worker says so.
    booted.wait(lambda: "connection refused" in booted.run(
        "bouncer", "registry", "servers", check=False),
        "the worker has reported")

    # Both go on after an update.
    install(booted)
    wait_shown(booted, ActiveState="active", SubState="running")
    booted.run("systemctl", "is-active", "bouncer-worker")
    assert "WebDown" in booted.run("bouncer", "export")
    assert_purges(booted, before)
