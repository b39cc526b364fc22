# SPDX-License-Identifier: Apache-2.0
"""The README's tables against the program and its sources."""

import json
import os
import re
import subprocess

from daemons.bouncer import (ROOT, has_registry, monitor, program, rule,
                             settings)
from daemons.http import Client


def text(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def section(title):
    """Down to the next of any level."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)",
                      text("README.md"), re.M | re.S)
    assert found, title
    return found.group(1)


def first_cells(title):
    """What stands in code marks in the first column of its tables."""
    rows = re.findall(r"^\|([^|]*)\|", section(title), re.M)
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row)}


def test_metrics(bouncer, tmp_path):
    config = json.loads(settings(
        monitor("a", type="host", steps=[{"type": "log", "message": "a"}]),
        {"name": "b", "watch": "alert",
         "steps": [{"type": "log", "message": "b"}]},
        rule(), push_gw="builtin",
        socket_docker=f"unix://{tmp_path}/not_there.sock"))
    config["notifications"] = [{"name": "a", "url": "http://127.0.0.1:9"}]
    if has_registry():
        config["registry"] = {"enabled": True}
    one = bouncer(json.dumps(config))
    # over addr it would take a token
    client = Client(f"unix:{one.socket}")
    shown = set(re.findall(r"^# TYPE (bouncer_\w+) ",
                           client.call("GET", "/metrics").text, re.M))
    assert len(shown) > 25
    told = {name for name in first_cells("Metrics")
            if name.startswith("bouncer_")}
    if not has_registry():
        told = {name for name in told
                if not name.startswith("bouncer_registry_")}
    assert told == shown


def test_commands():
    shown = set(re.findall(r"^  (\w+)  ", subprocess.run(
        [program(), "help"], capture_output=True, text=True, check=True,
        timeout=20).stdout, re.M))
    assert "status" in shown
    titles = ["Operating it"] + ["The registry"] * has_registry()
    told = {words.split()[1] for title in titles
            for words in first_cells(title) if words.startswith("bouncer ")}
    assert {word for word in told if "-" not in word} <= shown
    # those are told elsewhere, or tell of themselves
    assert shown - told == {"run", "check", "mon", "autoheal",
                            "version", "help"}


def test_routes():
    """Each of the table, without what may follow."""
    routes = set(re.findall(r'^\t\{ "(/[^"]*)", MATCH',
                            text("src", "api", "routes.c"), re.M))
    assert len(routes) > 15
    routes.remove("/-/quit")    # only says that there is none
    told = section("Over HTTP").replace("`…/resume`", "`/api/v1/resume`")
    told += section("The gateway")
    for route in routes:
        assert re.search(rf"[` ]{re.escape(route.rstrip('/') or '/')}[`/?]",
                         told), route


def test_keys():
    keys = set(re.findall(r"^\.It Ic (\w+)", text("packaging", "man",
                                                  "bouncer.yml.5"), re.M))
    assert len(keys) > 50
    told = "".join(section(title) for title in
                   ("`global`", "`monitors`", "Monitors of metrics",
                    "Monitors of alerts", "`notifications`", "`auth`",
                    "`gateway`", "`leader`", "`registry`"))
    words = set(re.findall(r"\w+", told))
    assert keys - words == set()


def test_configurations(directory):
    """Whatever the README shows as a whole file is one."""
    blocks = [block for block in re.findall(r"^```yaml\n(.*?)^```",
                                            text("README.md"), re.M | re.S)
              if re.search(r"^monitors:", block, re.M)]
    assert len(blocks) >= 4
    for number, block in enumerate(blocks):
        path = os.path.join(directory, f"{number}.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(block)
        done = subprocess.run([program(), "check", path], timeout=20,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, block + done.stderr


def test_what_can_be_added_to_a_rule(directory):
    """Each row of the first table, as it stands."""
    rows = re.findall(r"^\|[^|]*\|(.*)\|$",
                      section("Quick start: restart what is unhealthy"), re.M)
    added = [words for row in rows for words in re.findall(r"`([^`]+)`", row)
             if ": " in words and not words.startswith("watch")]
    assert len(added) >= 6
    path = os.path.join(directory, "rule.yml")
    for words in added:
        with open(path, "w", encoding="utf-8") as file:
            file.write("monitors:\n  - name: health\n    watch: health\n"
                       f"    type: docker\n    {words}\n")
        done = subprocess.run([program(), "check", path], timeout=20,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, words + done.stderr
