# SPDX-License-Identifier: Apache-2.0
"""Alertmanager's webhook: what comes in, from a real Alertmanager and a real
Prometheus with real rules, and what is done about it."""

import base64
import datetime
import hashlib
import hmac
import json
import os
import signal

from daemons.bouncer import settings
from daemons.http import Client
from daemons.process import wait_until

SECONDS = 30
FIRING = "2026-11-21T10:00:00Z"
RULES = """groups:
  - name: test
    interval: 200ms
    rules:
      - alert: QueueFull
        expr: queue_length > 10
        labels: {severity: page}
        annotations: {summary: "{{ $labels.queue }} is full"}
"""


def watch(name, directory, **keys):
    """A monitor whose command leaves a line behind for each run."""
    return {"name": name, "watch": "alert", "cooldown": "10m",
            "steps": [run(directory, "fired")],
            "on_resolved": [run(directory, "resolved")], **keys}


def run(directory, word, before=""):
    return {"type": "run", "timeout": "20s",
            "command": ["/bin/sh", "-c",
                        f"echo {word} >>{directory}/ran; {before}"]}


def ran(directory, word):
    try:
        with open(f"{directory}/ran", encoding="utf-8") as lines:
            return lines.read().split().count(word)
    except FileNotFoundError:
        return 0


def wait_ran(directory, word, n=1):
    wait_until(lambda: ran(directory, word) >= n, SECONDS,
               f"{word} {n} times")
    assert ran(directory, word) == n


def configuration(*monitors, alerts=None, **global_keys):
    text = json.loads(settings(*monitors, **global_keys))
    if alerts:
        text["alerts"] = alerts
    return json.dumps(text)


def alert(name, status="firing", start=FIRING, **labels):
    return {"status": status, "labels": {"alertname": name, **labels},
            "annotations": {}, "startsAt": start,
            "endsAt": "0001-01-01T00:00:00Z", "generatorURL": ""}


def message(*alerts, group="g", **keys):
    return json.dumps({
        "receiver": "hook", "status": "firing", "alerts": list(alerts),
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "", "version": "4", "groupKey": group,
        **keys}).encode()


def post(one, body, path="/api/v1/alerts", **headers):
    """Its answer, whatever that is."""
    return one.client.call("POST", path, body,
                           {key.replace("_", "-"): value
                            for key, value in headers.items()})


def ended(labels):
    """As it is posted to Alertmanager when it is resolved."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return {"labels": labels, "endsAt": now.isoformat()}


def hook(one, path="/api/v1/alerts"):
    return one.url + path


def wait_active(one, n):
    wait_until(lambda: one.metric("bouncer_alerts_active") == n, SECONDS,
               f"{n} alerts fire")


def members(one, rule):
    return sorted(name for name in one.monitors()
                  if name.startswith(rule + "/"))


# --- the real ones -------------------------------------------------------


def test_prometheus_and_alertmanager(bouncer, alertmanager, prometheus,
                                     scripted_exporter, tmp_path):
    """A rule fires, each of the three goes and comes back in the middle, and
    the command has run once; then it is resolved."""
    one = bouncer(configuration(watch("queue", tmp_path, match_labels={
        "alertname": "QueueFull", "severity": "=~page|critical"})))
    alertmanager.tell(hook(one))
    scripted_exporter.set("queue_length", 99, queue="mail")
    scripted_exporter.set("queue_length", 1, queue="print")
    prometheus.scrape(scripted_exporter.address)
    prometheus.rules(RULES, alertmanager.url[len("http://"):])
    wait_ran(tmp_path, "fired")

    prometheus.stop()
    prometheus.start()
    alertmanager.stop()
    alertmanager.start()
    one.end(signal.SIGKILL)
    one.start()
    wait_active(one, 1)
    before = one.metric("bouncer_alerts_requests_total", code="200")
    wait_until(lambda: one.metric("bouncer_alerts_requests_total",
                                  code="200") > before, SECONDS,
               "Alertmanager tells again")
    assert ran(tmp_path, "fired") == 1
    assert ran(tmp_path, "resolved") == 0

    scripted_exporter.set("queue_length", 1, queue="mail")
    wait_ran(tmp_path, "resolved")
    wait_active(one, 0)
    assert ran(tmp_path, "fired") == 1


def test_flapping(bouncer, alertmanager, tmp_path):
    """It fires, is resolved, and fires again: that is two."""
    one = bouncer(configuration(watch("disk", tmp_path, cooldown="100ms",
                                      verify_within="20s")))
    alertmanager.tell(hook(one))
    labels = {"alertname": "DiskFull", "instance": "web-1"}
    alertmanager.post({"labels": labels})
    wait_ran(tmp_path, "fired")
    alertmanager.post(ended(labels))
    wait_ran(tmp_path, "resolved")
    alertmanager.post({"labels": labels})
    wait_ran(tmp_path, "fired", 2)
    assert len(members(one, "disk")) == 1


def test_slow_command_runs_once(bouncer, alertmanager, tmp_path):
    """Alertmanager tells every second; the command takes longer, and no
    answer waits for it."""
    monitor = watch("slow", tmp_path, steps=[run(
        tmp_path, "fired", f"while [ ! -e {tmp_path}/over ]; do sleep 0.1; "
        f"done; echo end >>{tmp_path}/ran")])
    one = bouncer(configuration(monitor))
    alertmanager.tell(hook(one))
    alertmanager.post({"labels": {"alertname": "Slow"}})
    wait_ran(tmp_path, "fired")
    wait_until(lambda: one.metric("bouncer_alerts_duplicates_total") >= 2,
               SECONDS, "the same is told again")
    assert ran(tmp_path, "end") == 0
    (tmp_path / "over").touch()
    wait_ran(tmp_path, "end")
    assert ran(tmp_path, "fired") == 1


def test_mixed_statuses(bouncer, alertmanager, tmp_path):
    """One of a group is resolved while the other fires: each counts by its
    own status."""
    one = bouncer(configuration(watch("disk", tmp_path)))
    alertmanager.tell(hook(one))
    both = [{"labels": {"alertname": "DiskFull", "instance": name}}
            for name in ("web-1", "web-2")]
    alertmanager.post(*both)
    wait_ran(tmp_path, "fired", 2)
    alertmanager.post(ended(both[0]["labels"]))
    wait_ran(tmp_path, "resolved")
    wait_active(one, 1)


def test_group(bouncer, alertmanager, tmp_path):
    """Two alerts of one group are one, until both are resolved."""
    one = bouncer(configuration(watch(
        "disk", tmp_path, per="group",
        match_labels={"alertname": "DiskFull"})))
    alertmanager.tell(hook(one))
    both = [{"labels": {"alertname": "DiskFull", "instance": name}}
            for name in ("web-1", "web-2")]
    alertmanager.post(*both)
    wait_active(one, 2)
    wait_ran(tmp_path, "fired")
    alertmanager.post(ended(both[0]["labels"]))
    wait_active(one, 1)
    assert ran(tmp_path, "resolved") == 0
    alertmanager.post(ended(both[1]["labels"]))
    wait_ran(tmp_path, "resolved")
    assert ran(tmp_path, "fired") == 1


def test_cut_short(bouncer, alertmanager, tmp_path):
    """max_alerts leaves alerts out of the list, which resolves none."""
    one = bouncer(configuration(watch("all", tmp_path)))
    alertmanager.tell(hook(one), group_by=["job"])
    alertmanager.post(*({"labels": {"alertname": f"A{n}", "job": "j"}}
                        for n in range(3)))
    wait_active(one, 3)
    alertmanager.tell(hook(one), group_by=["job"], max_alerts=1)
    before = one.metric("bouncer_alerts_requests_total", code="200")
    wait_until(lambda: one.metric("bouncer_alerts_requests_total",
                                  code="200") >= before + 2, SECONDS,
               "Alertmanager tells again")
    assert one.metric("bouncer_alerts_active") == 3
    assert ran(tmp_path, "resolved") == 0


# --- what is promised -----------------------------------------------------


def test_killed_after_the_answer(bouncer, tmp_path):
    """What was acknowledged is known after SIGKILL, whenever that comes."""
    one = bouncer(configuration(watch("all", tmp_path, dry_run=True)))
    for n in range(5):
        assert post(one, message(alert(f"A{n}"), group=f"g{n}")).status == 200
        one.end(signal.SIGKILL)
        one.start()
        wait_active(one, n + 1)
    assert post(one, message(alert("A1", "resolved"), group="g1")
                ).status == 200
    one.end(signal.SIGKILL)
    one.start()
    wait_active(one, 4)
    assert len(members(one, "all")) == 4


def test_part_of_a_record(bouncer, tmp_path):
    """A record that was cut short is left out, and is in nobody's way."""
    one = bouncer(configuration(watch("all", tmp_path, dry_run=True)))
    assert post(one, message(alert("A"))).status == 200
    one.end(signal.SIGKILL)
    logs = [f"{one.directory}/state/alerts.{n}" for n in range(2)]
    for path in filter(os.path.exists, logs):
        with open(path, "ab") as out:
            out.write(b'9 99999\n{"alerts"')
    one.start()
    wait_active(one, 1)
    assert post(one, message(alert("B"), group="h")).status == 200
    one.end(signal.SIGKILL)
    one.start()
    wait_active(one, 2)


def test_not_kept(bouncer, alertmanager, tmp_path):
    """Where nothing can be written alerts are acted on, and are not
    acknowledged: Alertmanager sends them until they are kept."""
    one = bouncer(configuration(watch("all", tmp_path)))
    blocked = [f"{one.directory}/state/{name}" for name in
               ("alerts.0", "alerts.1", "alerts.tmp")]
    for path in blocked:
        os.makedirs(path)
    reply = post(one, message(alert("A")))
    assert reply.status == 503
    assert int(reply.headers["Retry-After"]) > 0
    wait_ran(tmp_path, "fired")
    assert one.metric("bouncer_alerts_kept") == 0

    alertmanager.tell(hook(one))
    alertmanager.post({"labels": {"alertname": "B"}})
    wait_ran(tmp_path, "fired", 2)
    for path in blocked:
        os.rmdir(path)
    wait_until(lambda: one.metric("bouncer_alerts_kept") == 1, SECONDS,
               "alerts are kept again")
    alertmanager.stop()
    one.end(signal.SIGKILL)
    one.start()
    wait_active(one, 2)
    assert ran(tmp_path, "fired") == 2


def test_reload(bouncer, tmp_path):
    """What fires goes on, also for a rule that comes only then; a rule that
    goes has no members any more."""
    one = bouncer(configuration(watch("a", tmp_path, dry_run=True)))
    assert post(one, message(alert("X"))).status == 200
    wait_until(lambda: len(members(one, "a")) == 1, SECONDS, "a member")
    one.reload(configuration(watch("a", tmp_path, dry_run=True),
                             watch("b", tmp_path, dry_run=True)))
    wait_until(lambda: len(members(one, "b")) == 1, SECONDS, "another")
    assert len(members(one, "a")) == 1
    one.reload(configuration(watch("b", tmp_path, dry_run=True)))
    wait_until(lambda: members(one, "a") == [], SECONDS, "it is gone")
    assert len(members(one, "b")) == 1
    one.reload(configuration({"name": "m", "label_name": "job",
                              "label_value": "x", "max_age": "1h",
                              "push_gw": "builtin", "type": "host",
                              "steps": [run(tmp_path, "no")]}))
    wait_until(lambda: post(one, message(alert("X"))).status == 404, SECONDS,
               "nobody watches alerts")


def test_resolve_after(bouncer, tmp_path):
    """Where it is asked for, what nobody repeats is resolved."""
    one = bouncer(configuration(watch("a", tmp_path),
                                alerts={"resolve_after": "1s"}))
    assert post(one, message(alert("X"))).status == 200
    wait_ran(tmp_path, "fired")
    wait_ran(tmp_path, "resolved")
    assert one.metric("bouncer_alerts_expired_total") == 1


def test_expired_and_killed(bouncer, tmp_path):
    """What was taken for resolved is so after SIGKILL, also where there was
    no room to write all anew."""
    one = bouncer(configuration(watch("a", tmp_path),
                                alerts={"resolve_after": "1s"}))
    os.makedirs(f"{one.directory}/state/alerts.tmp")
    assert post(one, message(alert("X"))).status == 200
    wait_ran(tmp_path, "resolved")
    wait_until(lambda: b"resolved" in kept(one), SECONDS, "a record of it")
    one.end(signal.SIGKILL)
    one.start()
    assert one.metric("bouncer_alerts_active") == 0
    assert ran(tmp_path, "fired") == 1


def kept(one):
    """What the files of alerts hold."""
    text = b""
    for name in ("alerts", "alerts.0", "alerts.1"):
        try:
            with open(f"{one.directory}/state/{name}", "rb") as file:
                text += file.read()
        except FileNotFoundError:
            pass
    return text


def test_words_of_an_alert(bouncer, tmp_path):
    """When it began, and what says more of it, reach a command."""
    said = alert("X")
    said["generatorURL"] = "http://prometheus/graph?g0.expr=up"
    one = bouncer(configuration(watch("a", tmp_path, steps=[{
        "type": "run", "timeout": "20s",
        "command": ["/bin/sh", "-c", 'echo "$1 $2" >"$3"', "sh",
                    "{{ starts_at }}", "{{ generator_url }}",
                    f"{tmp_path}/said"]}])))
    assert post(one, message(said)).status == 200
    path = tmp_path / "said"
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"),
               SECONDS, "it ran")
    began, url = path.read_text().split()
    assert began.startswith("2026-11-21T10:00:00")
    assert url == "http://prometheus/graph?g0.expr=up"


def test_too_many(bouncer, tmp_path):
    """Of a rule, and of all; those left out come when there is room."""
    one = bouncer(configuration(
        watch("few", tmp_path, max_alerts=1, dry_run=True, forget_after="1s"),
        alerts={"max_alerts": 3}))
    reply = post(one, message(*(alert(f"A{n}") for n in range(5))))
    assert reply.status == 200
    wait_active(one, 3)
    assert one.metric("bouncer_alerts_dropped_total") == 2
    wait_until(lambda: members(one, "few"), SECONDS, "one member")
    assert len(members(one, "few")) == 1
    first = members(one, "few")
    name = first[0].split("/")[1]
    assert post(one, message(alert(name, "resolved"))).status == 200
    wait_until(lambda: members(one, "few") not in ([], first), SECONDS,
               "another one")


# --- who may, and what ----------------------------------------------------


def secret(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


def signed(body, key):
    return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


def check_rows(one, body, rows):
    for status, headers in rows:
        assert post(one, body, **headers).status == status, headers
    for status in (200, 401, 403):
        assert one.metric("bouncer_alerts_requests_total",
                          code=str(status)) == sum(
            row[0] == status for row in rows)


def test_token_signature_and_address(bouncer, tmp_path):
    """All that are given must agree."""
    one = bouncer(configuration(watch("a", tmp_path, dry_run=True), alerts={
        "token_file": secret(tmp_path, "tokens", "first\nsecond\n"),
        "hmac_file": secret(tmp_path, "keys", "old\nnew\n"),
        "hmac_header": "X-Sign", "allow": ["127.0.0.0/8", "::1"]}))
    body = message(alert("X"))
    good = {"Authorization": "Bearer second", "X_Sign": signed(body, b"new")}
    check_rows(one, body, [
        (200, good),
        (200, {**good, "X_Sign": signed(body, b"old")}),
        (200, {**good, "X_Sign": signed(body, b"old")[7:].upper()}),
        (401, {"X_Sign": good["X_Sign"]}),
        (401, {**good, "Authorization": "Bearer third"}),
        (401, {**good, "Authorization": basic("second:")}),
        (403, {"Authorization": good["Authorization"]}),
        (403, {**good, "X_Sign": signed(body + b" ", b"new")}),
        (403, {**good, "X_Sign": signed(body, b"other")}),
        (403, {**good, "X_Sign": good["X_Sign"][:-1]}),
        (403, {**good, "X_Sign": ""}),
    ])


def test_users(bouncer, tmp_path):
    one = bouncer(configuration(watch("a", tmp_path, dry_run=True), alerts={
        "basic_auth_file": secret(tmp_path, "users", "am:pass word\n")}))
    check_rows(one, message(alert("X")), [
        (200, {"Authorization": basic("am:pass word")}),
        (401, {"Authorization": basic("am:password")}),
        (401, {"Authorization": "Bearer am:pass word"}),
        (401, {}),
    ])


def test_address(bouncer, tmp_path):
    """From elsewhere it is refused; on the control socket everybody who can
    open it may."""
    one = bouncer(configuration(watch("a", tmp_path, dry_run=True), alerts={
        "allow": ["10.0.0.0/8", "::2"]}))
    assert post(one, message(alert("X"))).status == 403
    assert one.metric("bouncer_alerts_active") == 0
    control = Client(f"unix:{one.socket}")
    assert control.call("POST", "/api/v1/alerts",
                        message(alert("X"))).status == 200
    one.reload(configuration(watch("a", tmp_path, dry_run=True), alerts={
        "allow": ["127.0.0.1"]}))
    wait_until(lambda: post(one, message(alert("X"))).status == 200, SECONDS,
               "it is taken")


def test_requests(bouncer, tmp_path):
    """What is no message, and where one may be posted."""
    one = bouncer(configuration(
        watch("a", tmp_path, dry_run=True),
        alerts={"paths": ["/", "/hooks/*"], "max_body": "1KiB"}))
    body = message(alert("X"))
    rows = [
        (200, "/api/v1/alerts", body, {}),
        (200, "/", body, {}),
        (200, "/hooks/any/thing", body, {}),
        (404, "/other", body, {}),
        (400, "/", b"{", {}),
        (400, "/", b"", {}),
        (400, "/", b'{"alerts": [{"startsAt": "x"}]}', {}),
        (413, "/", message(alert("X", job="j" * 1000)), {}),
        (415, "/", body, {"Content_Encoding": "zstd"}),
    ]
    for status, path, text, headers in rows:
        assert post(one, text, path, **headers).status == status, (path, text)
    reply = post(one, b'{"alerts": [{"startsAt": "x"}]}')
    assert "alerts[0].startsAt is no time" in reply.text
    assert one.client.call("GET", "/").status == 200
    assert one.client.call("GET", "/metrics").status == 200
    reply = one.client.call("DELETE", "/hooks/x")
    assert reply.status == 405 and "POST" in reply.headers["Allow"]


def test_old_and_new(bouncer, tmp_path):
    """A number for the group, no fingerprints; fields that are yet to come."""
    one = bouncer(configuration(watch("a", tmp_path, dry_run=True)))
    old = message(alert("Old"), version="3", group=14695981039346656037)
    assert post(one, old).status == 200
    new = message({**alert("New"), "mood": {"alerts": [1]}}, version="5",
                  notification_reason="x", routeLabels={"a": "b"})
    assert post(one, new).status == 200
    wait_active(one, 2)


def test_metrics_of_am_executor(bouncer, tmp_path):
    one = bouncer(configuration(watch("a", tmp_path, dry_run=True),
                                alerts={"amx_metrics": True}))
    assert one.metric("am_executor_errors_total", stage="unmarshal") == 0
    post(one, b"x")
    assert one.metric("am_executor_errors_total", stage="unmarshal") == 1
