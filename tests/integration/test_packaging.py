# SPDX-License-Identifier: Apache-2.0
"""What packaging/ hands to Prometheus and Grafana, against the real promtool,
the real Prometheus, and the metrics that the program really shows."""

import json
import os
import re
import subprocess

from daemons.bouncer import ROOT, monitor, samples, settings
from daemons.process import find_program, wait_until

import pytest
import yaml

RULES = os.path.join(ROOT, "packaging/prometheus/bouncer.rules.yml")
RULES_TEST = os.path.join(ROOT, "packaging/prometheus/bouncer.rules.test.yml")
DASHBOARD = os.path.join(ROOT, "packaging/grafana/bouncer.json")

COLUMNS = 24            # of Grafana's grid
SCHEMA_VERSIONS = range(36, 40)     # Grafana 9 and 10
PROMTOOL_SECONDS = 180

# What Grafana puts in, by what could stand there.
VARIABLES = {"$__rate_interval": "1m", "$__range": "6h", "$job": ".*",
             "$instance": ".*", "$monitor": ".*", "$source": ".*"}

# Prometheus itself makes these of every scrape.
OF_PROMETHEUS = {"up", "scrape_duration_seconds"}

SERIES = re.compile(r"\b([a-z]\w*_\w+|up)\b\s*(\{[^}]*\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"')
ADDED_BY_SCRAPE = {"job", "instance"}


def promtool(*args):
    program = find_program("promtool", "prometheus")
    done = subprocess.run([program, *args], text=True, capture_output=True,
                          check=False, timeout=PROMTOOL_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def load(path):
    with open(path, encoding="utf-8") as text:
        return yaml.safe_load(text)


def rules():
    return [rule for group in load(RULES)["groups"]
            for rule in group["rules"]]


def dashboard():
    with open(DASHBOARD, encoding="utf-8") as text:
        return json.load(text)


def panels():
    return dashboard()["panels"]


def filled_in(text):
    for name in sorted(VARIABLES, key=len, reverse=True):
        text = text.replace(name, VARIABLES[name])
    assert "$" not in text, f"a variable that the test does not know: {text}"
    return text


def expressions():
    """(where, PromQL) of all panels, annotations and variables."""
    shown = [(panel["title"], target["expr"]) for panel in panels()
             for target in panel.get("targets", [])]
    shown += [(note["name"], note["expr"])
              for note in dashboard()["annotations"]["list"]]
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            series = re.fullmatch(r"label_values\((.*), *(\w+)\)",
                                  variable["query"]["query"])
            assert series, variable
            shown.append((variable["name"],
                          f"group by ({series[2]}) ({series[1]})"))
    return [(where, filled_in(expr)) for where, expr in shown]


# --- alert rules -------------------------------------------------------------

def test_promtool_accepts_the_rules():
    assert f"{len(rules())} rules found" in promtool("check", "rules", RULES)


def test_alerts_fire_when_they_should():
    promtool("test", "rules", RULES_TEST)


def test_every_alert_is_shown_firing_and_not_firing():
    """In a case of its own, beside the one where nothing fires."""
    names = {rule["alert"] for rule in rules()}
    fires, quiet = set(), set()
    for case in load(RULES_TEST)["tests"]:
        name = case["name"].split(":")[0]
        for query in case.get("promql_expr_test", []):
            for sample in query["exp_samples"]:
                assert sample["labels"] == f'{{alertname="{name}"}}'
                fires.add(name)
            if not query["exp_samples"]:
                quiet.add(name)
    assert fires == names
    assert quiet >= names


def test_every_alert_says_what_to_do():
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule
        assert set(rule["annotations"]) == {"summary", "description"}, rule
        assert len(rule["annotations"]["description"].split()) > 12, rule
        assert rule["alert"].startswith("Bouncer")


# --- dashboard ---------------------------------------------------------------

def test_dashboard_is_one_for_grafana():
    board = dashboard()
    assert board["schemaVersion"] in SCHEMA_VERSIONS
    assert board["uid"] and board["title"]
    variables = {one["name"]: one for one in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    assert variables["monitor"]["multi"]
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board)))
    assert {name for name in used if not name.startswith("__")} <= set(
        variables)


def test_panels_have_all_that_grafana_needs():
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    for panel in panels():
        assert panel["title"] and panel["type"] in (
            "row", "stat", "timeseries", "state-timeline"), panel["title"]
        if panel["type"] == "row":
            continue
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["targets"], panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references), panel["title"]
        assert {"defaults", "overrides"} <= set(panel["fieldConfig"])


def test_panels_do_not_overlap():
    taken = {}
    for panel in panels():
        at = panel["gridPos"]
        assert at["x"] >= 0 and at["x"] + at["w"] <= COLUMNS, panel["title"]
        assert at["w"] > 0 and at["h"] > 0, panel["title"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert (x, y) not in taken, (panel["title"], taken[x, y])
                taken[x, y] = panel["title"]


def test_the_rows_are_there():
    titles = [panel["title"] for panel in panels() if panel["type"] == "row"]
    assert titles == ["Overview", "Ages against limits", "Sources",
                      "Containers", "Built-in gateway", "Process"]


def test_state_timeline_knows_every_state(bouncer):
    """Its numbers are the places in the list of states."""
    running = bouncer(settings(monitor("m", type="host",
                                       restart_type="command",
                                       restart_command=["/bin/true"])))
    states = [labels["state"] for name, labels, _ in samples(running.metrics())
              if name == "bouncer_monitor_state"]
    timeline, = [panel for panel in panels()
                 if panel["type"] == "state-timeline"]
    mapping, = timeline["fieldConfig"]["defaults"]["mappings"]
    assert [value["text"] for _, value in sorted(
        mapping["options"].items(), key=lambda item: int(item[0]))] == states
    for number, state in enumerate(states):
        assert re.search(rf'state="{state}"\}} == 1\)' + (
            "" if number == 1 else rf" \* {number}\b"),
            timeline["targets"][0]["expr"]), state


def test_promtool_parses_every_expression(tmp_path):
    """It has no parser for a lone expression: each becomes a rule."""
    wrapped = tmp_path / "rules.yml"
    wrapped.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": [
        {"record": f"dashboard:expression{number}", "expr": expr}
        for number, (_, expr) in enumerate(expressions())]}]}))
    assert f"{len(expressions())} rules found" in promtool("check", "rules",
                                                           str(wrapped))


# --- against the program -----------------------------------------------------

def everything_watched():
    """The built-in gateway, which writes down at once what is pushed to it,
    a source that it has to ask, and an engine; both are away."""
    here = monitor("here", type="host", restart_type="command",
                   restart_command=["/bin/true"], push_gw="builtin")
    there = monitor("there", type="host", restart_type="command",
                    restart_command=["/bin/true"],
                    push_gw="http://127.0.0.1:1")
    rule = {"name": "health", "watch": "health", "type": "docker",
            "endpoints": ["unix:///nowhere/docker.sock"]}
    return json.dumps({**json.loads(settings(here, there, rule)),
                       "notifications": [{"name": "ops",
                                          "url": "http://127.0.0.1:1/"}],
                       "gateway": {"snapshot_interval": "100ms"}})


def push(running):
    """And until it was written down."""
    running.client.ask("PUT", "/metrics/job/here", "pushed 1\n")
    running.wait_for(lambda b: b.metric(
        "bouncer_gateway_snapshot_last_success_time_seconds"),
        what="a snapshot")


def series_of(expr):
    """(metric, its matchers) as written in the expression."""
    for name, matchers in SERIES.findall(re.sub(r'by \([^)]*\)', "", expr)):
        if name.startswith(("bouncer_", "process_")) or name in OF_PROMETHEUS:
            yield name, [(label, sort, value) for label, sort, value
                         in MATCHER.findall(matchers)
                         if label not in ADDED_BY_SCRAPE]


def admits(matchers, labels):
    for label, sort, value in matchers:
        has = labels.get(label, "")
        same = (re.fullmatch(value, has) is not None if "~" in sort
                else has == value)
        if same != (not sort.startswith("!")):
            return False
    return True


@pytest.mark.parametrize("where, expr", [
    (rule["alert"], rule["expr"]) for rule in rules()] + expressions())
def test_names_only_what_the_program_shows(where, expr, shown):
    named = list(series_of(expr))
    assert named, where
    for name, matchers in named:
        assert name in OF_PROMETHEUS or any(
            name == sample and admits(matchers, labels)
            for sample, labels, _ in shown), (where, name, matchers)


@pytest.fixture(scope="module")
def shown_once():
    return {}


@pytest.fixture
def shown(bouncer, shown_once):
    """The samples of one run, for all tests of the module."""
    if not shown_once:
        running = bouncer(everything_watched())
        push(running)
        shown_once["samples"] = list(samples(running.metrics()))
    return shown_once["samples"]


def scraped(prometheus, running):
    prometheus.scrape(f"127.0.0.1:{running.port}", job="bouncer")
    # Twice, so that there is a rate.
    wait_until(lambda: prometheus.query(
        "count_over_time(bouncer_monitors[1m]) > 2"), 20, "scrapes")


def test_prometheus_answers_every_expression(bouncer, prometheus):
    running = bouncer(everything_watched())
    push(running)
    scraped(prometheus, running)
    asked = [(rule["alert"], rule["expr"]) for rule in rules()] + expressions()
    # What it refuses is raised.
    answered = {where for where, expr in asked if prometheus.query(expr)}
    # What counts from nothing is there before anything happened.
    assert {"Monitors", "Bad now", "States", "Age of the snapshot", "Groups",
            "Memory", "File descriptors", "Up", "BouncerSourceDown"
            } <= answered


def test_nothing_fires_when_nothing_is_wrong(bouncer, prometheus):
    """Whatever `for` would wait for: not one of them is even pending."""
    running = bouncer(settings(monitor(
        "here", type="host", restart_type="command", max_age="1h",
        restart_command=["/bin/true"], push_gw="builtin")))
    scraped(prometheus, running)
    assert [rule["alert"] for rule in rules()
            if prometheus.query(rule["expr"])] == []
