# SPDX-License-Identifier: Apache-2.0
"""Steps that are filled in with what an alert says, as nobody would want it to
be said; how often, how many at once, and what is interrupted."""

import json
import os

import pytest

from daemons.bouncer import settings
from daemons.process import wait_until

SECONDS = 30
SHOW = ("import json,os,sys; "
        "json.dump([sys.argv[2:], dict(os.environ)], "
        "open(sys.argv[1] + '.new', 'w')); "
        "os.rename(sys.argv[1] + '.new', sys.argv[1])")


def configuration(*monitors, alerts=None):
    text = json.loads(settings(*monitors))
    if alerts:
        text["alerts"] = alerts
    return json.dumps(text)


def watch(*steps, **keys):
    return {"name": "disk", "watch": "alert", "cooldown": "10m",
            "steps": list(steps), **keys}


def show(path, *arguments, **keys):
    """A command that leaves its arguments and its environment behind."""
    return {"type": "run", "timeout": "20s", "command":
            ["/usr/bin/python3", "-c", SHOW, str(path), *arguments], **keys}


def shell(text, *arguments, **keys):
    return {"type": "run", "timeout": "20s",
            "command": ["/bin/sh", "-c", text, "sh", *arguments], **keys}


def alert(name="A", status="firing", annotations=None, **labels):
    return {"status": status, "labels": {"alertname": name, **labels},
            "annotations": annotations or {},
            "startsAt": "2026-11-21T10:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prom/g", "fingerprint": ""}


def post(one, *alerts, **keys):
    body = {"receiver": "hook", "status": "firing", "alerts": list(alerts),
            "groupLabels": {"alertname": "A"}, "commonLabels": {"job": "j"},
            "commonAnnotations": {"summary": "s"},
            "externalURL": "http://am:9093", "version": "4",
            "groupKey": "g", **keys}
    answer = one.client.call("POST", "/api/v1/alerts",
                             json.dumps(body).encode())
    assert answer.status == 200


def read(path):
    wait_until(lambda: os.path.exists(path), SECONDS, f"{path} is there")
    with open(path, encoding="utf-8") as shown:
        return json.load(shown)


@pytest.mark.parametrize("value", [
    "$(touch {0}/pwned)", "`touch {0}/pwned`", "; touch {0}/pwned #",
    "' ; touch {0}/pwned ; '", '" && touch {0}/pwned && "',
    "a\nb\ttouch {0}/pwned", "--help", "{{{{ monitor }}}}", "ümläut 𝄞",
    "x" * 4096])
def test_stays_within_its_argument(bouncer, tmp_path, value):
    value = value.format(tmp_path)
    one = bouncer(configuration(watch(show(
        tmp_path / "shown", "{{ labels.instance }}",
        "a {{ annotations.summary }} b", "{{ labels.none }}"))))
    post(one, alert(instance=value, annotations={"summary": value}))
    arguments, environment = read(tmp_path / "shown")
    assert arguments == [value, f"a {value} b", ""]
    assert environment["BOUNCER_LABEL_instance"] == value
    assert environment["BOUNCER_ANNOTATION_summary"] == value
    assert environment["BOUNCER_STATUS"] == "firing"
    assert not os.path.exists(tmp_path / "pwned")


def test_nul(bouncer, tmp_path):
    """It would end the argument; a space stands for it."""
    one = bouncer(configuration(watch(show(
        tmp_path / "shown", "{{ labels.instance }}!"))))
    post(one, alert(instance="a\0b"))
    arguments, environment = read(tmp_path / "shown")
    assert arguments == ["a b!"]
    assert environment["BOUNCER_LABEL_instance"] == "a b"


def test_amx(bouncer, tmp_path):
    one = bouncer(configuration(watch(
        show(tmp_path / "shown", environment="amx"), per="group")))
    post(one, alert(instance="web-1", annotations={"a": "b"}),
         alert(instance="web-2"))
    _, environment = read(tmp_path / "shown")
    amx = {name: value for name, value in environment.items()
           if name.startswith("AMX_") and "FINGERPRINT" not in name}
    expected = {
        "AMX_RECEIVER": "hook", "AMX_STATUS": "firing",
        "AMX_EXTERNAL_URL": "http://am:9093", "AMX_ALERT_LEN": "2",
        "AMX_LABEL_job": "j", "AMX_GLABEL_alertname": "A",
        "AMX_ANNOTATION_summary": "s", "AMX_ALERT_1_ANNOTATION_a": "b"}
    for number in "12":
        expected.update({
            f"AMX_ALERT_{number}_STATUS": "firing",
            f"AMX_ALERT_{number}_START": "1795255200",
            f"AMX_ALERT_{number}_END": "0",
            f"AMX_ALERT_{number}_URL": "http://prom/g",
            f"AMX_ALERT_{number}_LABEL_alertname": "A",
            f"AMX_ALERT_{number}_LABEL_instance": f"web-{number}"})
    assert amx == expected


def test_dry_run_says_it(bouncer, tmp_path):
    one = bouncer(configuration(watch(shell(
        "true", "{{ labels.instance }}"), dry_run=True)))
    post(one, alert(instance="a b"))
    wait_until(lambda: any("'a b'" in step["detail"] for step in
                           steps(one, "dry_run")), SECONDS, "it is said")


def steps(one, result):
    found = []
    for name in one.monitors():
        found += one.steps(name, result)
    return found


def test_throttle(bouncer, tmp_path):
    """Three alerts, two of which want the same: that is done once."""
    one = bouncer(configuration(watch(
        shell(f"echo \"$1\" >>{tmp_path}/ran", "{{ labels.rack }}"),
        throttle="1h")))
    post(one, alert(instance="1", rack="a"), alert(instance="2", rack="a"),
         alert(instance="3", rack="b"))
    wait_until(lambda: len(steps(one, "throttled")) == 1
               and len(steps(one, "ok")) == 2, SECONDS, "one is throttled")
    with open(tmp_path / "ran", encoding="utf-8") as ran:
        assert sorted(ran.read().split()) == ["a", "b"]


def test_max_parallel(bouncer, tmp_path):
    """Two at once; who waits holds up nobody of another rule."""
    slow = watch(shell(f"echo x >>{tmp_path}/on; "
                       f"while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; "
                       f"echo x >>{tmp_path}/off"),
                 max_parallel=2, match_labels={"alertname": "A"})
    other = watch(shell(f"echo x >>{tmp_path}/other"), name="other",
                  match_labels={"alertname": "B"})
    other["name"] = "other"
    one = bouncer(configuration(slow, other))
    post(one, *(alert(instance=str(n)) for n in range(5)), alert("B"))

    def lines(name):
        try:
            with open(tmp_path / name, encoding="utf-8") as text:
                return len(text.read().split())
        except FileNotFoundError:
            return 0

    wait_until(lambda: lines("other") == 1 and lines("on") == 2, SECONDS,
               "two run, and the other one has")
    assert one.metric("bouncer_bounces_running") == 5
    assert lines("on") == 2
    (tmp_path / "go").touch()
    wait_until(lambda: lines("off") == 5, SECONDS, "all have run")


def test_interrupt(bouncer, tmp_path):
    """The alert is over: the whole group of its command is told, and killed
    if it does not listen."""
    deaf = shell(f"trap '' TERM; (trap '' TERM; echo $$ >{tmp_path}/pid; "
                 "sleep 60) & wait; sleep 60")
    one = bouncer(configuration(
        watch(deaf, on_resolved_signal="SIGTERM", kill_after="200ms",
              on_resolved=[shell(f"touch {tmp_path}/resolved")]),
        alerts={"amx_metrics": True}))
    post(one, alert(instance="1"))
    wait_until(lambda: os.path.exists(tmp_path / "pid"), SECONDS, "it runs")
    assert one.metric("am_executor_processes_current") == 1
    post(one, alert(instance="1", status="resolved"), status="resolved")
    wait_until(lambda: os.path.exists(tmp_path / "resolved"), SECONDS,
               "the steps for its end have run")
    step = steps(one, "cancelled")[0]
    assert "interrupted by SIGTERM" in step["detail"]
    assert one.metric("am_executor_signalled_total", result="ok") == 1
    assert one.metric("bouncer_bounces_total", monitor=step["monitor"],
                      result="failed") == 0
    wait_until(lambda: one.metric("am_executor_processes_current") == 0,
               SECONDS, "none is left")


def test_ignore_resolved(bouncer, tmp_path):
    """Without a signal what runs, runs to its end."""
    one = bouncer(configuration(watch(
        shell(f"touch {tmp_path}/on; sleep 1; touch {tmp_path}/off"))))
    post(one, alert(instance="1"))
    wait_until(lambda: os.path.exists(tmp_path / "on"), SECONDS, "it runs")
    post(one, alert(instance="1", status="resolved"), status="resolved")
    wait_until(lambda: os.path.exists(tmp_path / "off"), SECONDS,
               "it has ended by itself")
    wait_until(lambda: steps(one, "ok"), SECONDS, "it is good")
