# SPDX-License-Identifier: Apache-2.0
"""What becomes of alerts in the registry: kept, found, routed and told of, by
a real Alertmanager, a real Prometheus, and receivers that fail."""

import json
import re
import signal
import subprocess
from urllib.parse import quote

import pytest

from daemons.bouncer import program, samples
from daemons.http import Client
from daemons.process import wait_until

SECONDS = 30
FIRING = "2026-11-21T10:00:00Z"
NEVER = "0001-01-01T00:00:00Z"


def configuration(monitors=(), **registry):
    return json.dumps({
        "global": {"storm_share": 0}, "monitors": list(monitors),
        "registry": {"enabled": True, "promtool": "none", **registry}})


class Registry:
    """One that runs, asked over its control socket."""

    def __init__(self, bouncer, **keys):
        self.one = bouncer(configuration(**keys))
        self.client = Client(f"unix:{self.one.socket}")
        self.make("shards", name="Default")

    def ask(self, method, path, body=None):
        return self.client.ask(method, path, body).json()

    def make(self, path, **fields):
        return self.ask("POST", f"/rest/v2/{path}", fields)

    def service(self, name, **projects):
        """With a project of each name on the shard that it is given."""
        made = self.make("services", name=name)
        for project, shard in projects.items():
            self.make(f"services/{made['id']}/project", name=project,
                      shard=shard)
        return made["id"]

    def project(self, name):
        return next(one["id"] for one in self.ask(
            "GET", "/rest/v2/projects?page_size=1000")["results"]
            if one["name"] == name)

    def notifier(self, owner, url, sender="webhook", **fields):
        return self.make(f"{owner or 'sites/1'}/notifiers", sender=sender,
                         value=url, **fields)["id"]

    def post(self, body, path="/api/v1/alerts"):
        return self.client.call("POST", path, body,
                                {"Content-Type": "application/json"})

    def tell(self, *alerts, **keys):
        reply = self.post(message(*alerts, **keys))
        assert reply.status == 200, reply.text

    def alerts(self, query=""):
        return self.ask("GET", f"/registry/alerts{query}")["results"]

    def alert(self, number):
        return self.ask("GET", f"/registry/alerts/{number}")

    def deliveries(self, **query):
        asked = "&".join(f"{key}={value}" for key, value in query.items())
        return self.ask("GET", f"/registry/deliveries?page_size=1000&{asked}"
                        )["results"]

    def wait_deliveries(self, n, **query):
        wait_until(lambda: len(self.deliveries(**query)) >= n, SECONDS,
                   f"{n} deliveries {query}")
        return self.deliveries(**query)

    def metric(self, name, **labels):
        text = self.client.ask("GET", "/metrics").text
        return sum(value for sample, has, value in samples(text)
                   if sample == name and labels.items() <= has.items())

    def again(self):
        """Killed, and started anew."""
        self.one.end(signal.SIGKILL)
        self.one.start()


@pytest.fixture
def registry(bouncer):
    return Registry(bouncer)


@pytest.fixture
def shop(registry):
    """Of the services shop (web, till) and bank (vault)."""
    registry.shop = registry.service("shop", web="Default", till="Default")
    registry.bank = registry.service("bank", vault="Default")
    return registry


def alert(name, status="firing", start=FIRING, **labels):
    return {"status": status, "labels": {"alertname": name, **labels},
            "annotations": {"summary": f"{name} it is"}, "startsAt": start,
            "endsAt": NEVER if status == "firing" else "2026-11-21T11:00:00Z",
            "generatorURL": "http://prometheus/graph"}


def message(*alerts, group="g", **keys):
    common = dict(set.intersection(
        *[set(one["labels"].items()) for one in alerts])) if alerts else {}
    return json.dumps({
        "receiver": "hook", "alerts": list(alerts), "groupLabels": {},
        "status": "firing", "commonLabels": common, "commonAnnotations": {},
        "externalURL": "http://am:9093", "version": "4", "groupKey": group,
        "truncatedAlerts": 0, **keys}).encode()


def names(told):
    return [one["labels"]["alertname"] for one in told.json()["alerts"]]


# Routed.

def test_routed_to_service_and_project(shop, receiver):
    shop.notifier(f"services/{shop.shop}", receiver.url + "/shop")
    shop.notifier(f"services/{shop.bank}", receiver.url + "/bank")
    shop.notifier(f"projects/{shop.project('web')}", receiver.url + "/web")
    shop.notifier(None, receiver.url + "/all")
    shop.tell(alert("Down", service="shop", project="web"),
              alert("Slow", service="shop", project="till"))
    shop.wait_deliveries(3, state="sent")
    assert names(receiver.wait_told(1, "/shop")[0]) == ["Down", "Slow"]
    assert names(receiver.wait_told(1, "/web")[0]) == ["Down"]
    assert names(receiver.wait_told(1, "/all")[0]) == ["Down", "Slow"]
    assert receiver.told("/bank") == []


def test_project_of_another_service_is_nobodys(shop, receiver):
    shop.notifier(f"services/{shop.bank}", receiver.url + "/bank")
    shop.notifier(f"projects/{shop.project('web')}", receiver.url + "/web")
    shop.tell(alert("Down", service="bank", project="web"))
    kept = shop.alert(shop.alerts()[0]["id"])
    assert kept["told"] == 0
    assert "contradict" in kept["routing"]["labels"][0]["why"]
    assert shop.alerts("?told=false")[0]["id"] == kept["id"]
    assert receiver.told() == []


def test_filters(shop, receiver):
    owner = f"services/{shop.shop}"
    critical = [{"name": "severity", "value": "critical"}]
    shop.notifier(owner, receiver.url + "/eq", filters=critical)
    shop.notifier(owner, receiver.url + "/re", filters=[
        {"name": "alertname", "operator": "=~", "value": "Do.*"}])
    shop.notifier(owner, receiver.url + "/all", match="all", filters=critical
                  + [{"name": "team", "operator": "!=", "value": "a"}])
    shop.notifier(owner, receiver.url + "/off", enabled=False)
    shop.tell(alert("Down", service="shop", severity="critical", team="a"),
              alert("Slow", service="shop", severity="critical"),
              alert("Full", service="shop", severity="minor"))
    shop.wait_deliveries(3, state="sent")
    assert names(receiver.told("/eq")[0]) == ["Down", "Slow"]
    assert names(receiver.told("/re")[0]) == ["Down"]
    assert names(receiver.told("/all")[0]) == ["Slow"]
    assert receiver.told("/off") == []
    verdicts = {one["id"]: one["verdict"] for one in shop.alert(
        shop.alerts()[0]["id"])["routing"]["notifiers"]}
    assert list(verdicts.values()) == ["told", "told", "told", "disabled"]


def test_same_receiver_is_told_once(shop, receiver):
    for owner in (f"services/{shop.shop}", f"projects/{shop.project('web')}"):
        shop.notifier(owner, receiver.url + "/x")
    shop.tell(alert("Down", service="shop", project="web"))
    shop.tell(alert("Down", "resolved", service="shop", project="web"))
    told = receiver.wait_told(2, "/x")
    assert [one.json()["status"] for one in told] == ["firing", "resolved"]
    assert len(shop.deliveries()) == 2


def test_renamed_in_between(shop, receiver):
    """Who was told that it fires is told that it is over, also after our own
    restart."""
    shop.notifier(f"services/{shop.shop}", receiver.url)
    shop.tell(alert("Down", service="shop"))
    receiver.wait_told(1)
    shop.ask("PATCH", f"/rest/v2/services/{shop.shop}", {"name": "store"})
    shop.tell(alert("Down", "resolved", service="shop"))
    assert receiver.wait_told(2)[1].json()["status"] == "resolved"
    shop.again()
    shop.tell(alert("Slow", service="shop"), group="h")
    receiver.wait_told(3)
    shop.tell(alert("Full", service="store"), group="i")
    receiver.wait_told(4)


# The same again.

def test_posted_twice_is_told_once(shop, receiver):
    shop.notifier(f"services/{shop.shop}", receiver.url)
    for _ in range(3):
        shop.tell(alert("Down", service="shop"))
    shop.tell(alert("Down", "resolved", service="shop"))
    shop.tell(alert("Down", service="shop"))
    receiver.wait_told(3)
    shop.wait_deliveries(3, state="sent")
    assert [one.json()["alerts"][0]["status"] for one in receiver.told()] == [
        "firing", "resolved", "firing"]
    assert shop.metric("bouncer_registry_alerts_total",
                           result="same") == 2


# Dropped.

HEARTBEATS = [{"severity": "=~debug|blackhole"}, {"alertname": "Watchdog"}]


def test_dropped(bouncer, tmp_path, receiver):
    """Promgen's blacklist: nobody is told, and monitors hear of it."""
    one = Registry(bouncer, drop_alerts=HEARTBEATS, monitors=[{
        "name": "alive", "watch": "alert",
        "match_labels": {"alertname": "Watchdog"},
        "steps": [{"type": "run", "timeout": "20s",
                   "command": ["/bin/sh", "-c", f"echo >{tmp_path}/ran"]}]}])
    one.notifier(None, receiver.url)
    for _ in range(2):
        one.tell(alert("Watchdog", severity="none"))
    wait_until((tmp_path / "ran").exists, SECONDS, "the monitor's step")
    assert one.alerts() == []
    assert one.metric("bouncer_registry_alerts_total", result="dropped") == 2
    assert one.metric("bouncer_registry_alerts_dropped_total") == 2
    one.tell(alert("Noise", severity="debug", x="1"),
             alert("Down", severity="critical", x="2"))
    told = receiver.wait_told(1)[0]
    assert names(told) == ["Down"] and "debug" not in told.text
    kept = one.alert(one.alerts()[0]["id"])
    assert kept["routing"]["dropped"] == [{
        "rule": 0, "alerts": 1, "why": 'dropped by drop_alerts[0]: '
        'severity=~"debug|blackhole"'}]
    assert one.alerts("?label=x=1") == []
    assert len(one.alerts("?label=x=2")) == 1
    assert one.metric("bouncer_registry_alerts_dropped_total") == 3
    said = command(one, "alerts-test", "-l", "severity=blackhole")
    assert "1 alerts: dropped by drop_alerts[0]" in said
    assert "told: 0" in said
    assert "dropped by drop_alerts[0]" in command(one, "alerts", "1")
    assert len(one.alerts()) == 1 and len(receiver.told()) == 1


def test_dropped_until_a_reload(bouncer, receiver):
    one = Registry(bouncer, drop_alerts=[{"team": "!=a"}])
    one.notifier(None, receiver.url)
    one.tell(alert("Down"))
    assert one.alerts() == []
    one.one.reload(configuration(drop_alerts=[{"team": "b"}]))
    one.one.wait_log("configuration reloaded")
    one.tell(alert("Down"))
    assert names(receiver.wait_told(1)[0]) == ["Down"]
    one.tell(alert("Down", team="b"))
    assert len(one.alerts()) == 1


# Receivers that fail.

def test_told_when_the_receiver_is_back(shop, receiver):
    """Also by the next of us; and in order."""
    shop.notifier(f"services/{shop.shop}", receiver.url)
    for _ in range(3):
        receiver.answer(503)
    shop.tell(alert("Down", service="shop"))
    shop.tell(alert("Down", "resolved", service="shop"))
    receiver.wait_told(2)
    shop.again()
    shop.wait_deliveries(2, state="sent")
    firing = [one.json()["status"] for one in receiver.told()]
    assert firing[-1] == "resolved"
    assert firing[:-1] == ["firing"] * (len(firing) - 1)
    assert len(firing) >= 5


def test_retry_after_is_heeded(shop, receiver):
    shop.notifier(f"services/{shop.shop}", receiver.url)
    receiver.answer(429, **{"Retry-After": "120"})
    shop.tell(alert("Down", service="shop"))
    receiver.wait_told(1)
    one = shop.wait_deliveries(1, state="waiting")[0]
    wait_until(lambda: shop.deliveries()[0]["due"], SECONDS, "a next try")
    one = shop.deliveries()[0]
    assert one["tries"] == 1 and "HTTP 429" in one["words"]
    assert one["due"] > one["created"]
    assert shop.metric("bouncer_registry_deliveries_waiting") == 1


def test_refused_is_dead_and_can_be_told_again(shop, receiver):
    shop.notifier(f"services/{shop.shop}", receiver.url)
    receiver.answer(404)
    shop.tell(alert("Down", service="shop"))
    dead = shop.wait_deliveries(1, state="dead")[0]
    assert "HTTP 404" in dead["words"]
    reply = shop.ask("POST", f"/registry/alerts/{dead['alert_id']}/replay")
    assert reply == {"deliveries": 1}
    shop.wait_deliveries(1, state="sent")
    assert len(receiver.told()) == 2
    # nothing is dead any more
    assert shop.ask("POST", f"/registry/alerts/{dead['alert_id']}/replay"
                    ) == {"deliveries": 0}


def test_notifier_made_too_late(shop, receiver):
    shop.tell(alert("Down", service="shop"))
    number = shop.alerts()[0]["id"]
    shop.notifier(f"services/{shop.shop}", receiver.url)
    told = shop.ask("GET", f"/registry/alerts/{number}/explain")
    assert told["told"] == 1
    assert shop.ask("POST", f"/registry/alerts/{number}/replay?what=all") == {
        "deliveries": 1}
    receiver.wait_told(1)
    reply = shop.client.call("POST", "/registry/alerts/99/replay?what=all")
    assert reply.status == 404


def test_notifier_mended_while_it_waits(shop, receiver):
    """The URL of now is asked, not that of then."""
    number = shop.notifier(f"services/{shop.shop}", "http://127.0.0.1:1/")
    shop.tell(alert("Down", service="shop"))
    wait_until(lambda: shop.deliveries()[0]["tries"] >= 1, SECONDS, "a try")
    shop.ask("PATCH", f"/rest/v2/notifiers/{number}",
             {"value": receiver.url + "/x"})
    receiver.wait_told(1, "/x")


def test_notifier_gone_or_off_while_it_waits(shop):
    off = shop.notifier(f"services/{shop.shop}", "http://127.0.0.1:1/off")
    gone = shop.notifier(f"services/{shop.shop}", "http://127.0.0.1:1/gone")
    shop.tell(alert("Down", service="shop"))
    shop.ask("PATCH", f"/rest/v2/notifiers/{off}", {"enabled": False})
    shop.client.ask("DELETE", f"/rest/v2/notifiers/{gone}")
    words = {one["notifier_id"]: one["words"]
             for one in shop.wait_deliveries(2, state="dropped")}
    assert words == {off: "the notifier is disabled",
                     gone: "the notifier is gone"}


def test_killed_at_any_time(shop, receiver):
    """What was acknowledged is told of, once or more."""
    shop.notifier(f"services/{shop.shop}", receiver.url)
    for nth in range(8):
        shop.tell(alert("Down", service="shop", nth=str(nth)), group=str(nth))
        shop.again()
    wait_until(lambda: {one.json()["alerts"][0]["labels"]["nth"]
                        for one in receiver.told()}
               == {str(nth) for nth in range(8)}, SECONDS, "all of them")
    shop.wait_deliveries(8, state="sent")


# What is said.

def test_senders(shop, receiver):
    owner = f"services/{shop.shop}"
    for sender in ("slack", "promgen.notification.webhook", "discord", "ntfy",
                   "gotify", "mattermost", "apprise"):
        shop.notifier(owner, f"{receiver.url}/{sender}", sender=sender)
    shop.notifier(owner, receiver.url, sender="alertmanager")
    shop.notifier(owner, f"{receiver.url}/pd:{'k' * 32}", sender="pagerduty")
    shop.tell(alert("Down", service="shop"))
    shop.wait_deliveries(9, state="sent")
    assert receiver.told("/slack")[0].json()["text"].startswith(
        "[firing] Down shop\n")
    assert "content" in receiver.told("/discord")[0].json()
    assert receiver.told("/ntfy")[0].headers["Title"] == "[firing] Down shop"
    assert receiver.told("/api/v2/alerts")[0].json()[0]["labels"][
        "alertname"] == "Down"
    assert receiver.told("/pd")[0].json()["event_action"] == "trigger"


@pytest.mark.parametrize("sender, value, words", [
    ("promgen.notification.email", "a@example.org", "apprise"),
    ("promgen.notification.linenotify", "token", "ended in 2025"),
    ("slack", "not-a-url", "must be a URL"),
    ("pagerduty", "key", "routing key"),
])
def test_senders_that_cannot_be(shop, sender, value, words):
    reply = shop.client.call(
        "POST", f"/rest/v2/services/{shop.shop}/notifiers",
        {"sender": sender, "value": value})
    assert reply.status == 400
    assert words in reply.text


def test_where_we_are_is_said(bouncer, receiver):
    one = Registry(bouncer, external_url="http://registry.example:9090")
    shop = one.service("shop", web="Default")
    one.notifier(f"services/{shop}", receiver.url)
    one.tell(alert("Down", service="shop", project="web"))
    told = receiver.wait_told(1)[0].json()
    assert told["externalURL"] == (
        "http://registry.example:9090/registry/alerts/1")
    assert told["commonAnnotations"]["service"] == (
        f"http://registry.example:9090/rest/v2/services/{shop}")


def test_notifier_is_tested(shop, receiver):
    number = shop.notifier(f"projects/{shop.project('web')}", receiver.url)
    assert shop.ask("POST", f"/rest/v2/notifiers/{number}/test")["sent"]
    told = receiver.told()[0].json()
    assert told["commonLabels"]["project"] == "web"
    assert told["commonLabels"]["service"] == "shop"
    receiver.answer(403)
    reply = shop.client.call("POST", f"/rest/v2/notifiers/{number}/test")
    assert reply.status == 502 and "HTTP 403" in reply.json()["detail"]
    assert shop.alerts() == []


# Found.

def test_found_by_labels(shop):
    for nth in range(15):
        shop.tell(alert("Down", service="shop" if nth % 3 else "bank",
                        nth=str(nth)), group=str(nth))
    page = shop.ask("GET", "/registry/alerts?label=service=bank&page_size=2")
    assert page["count"] == 5 and len(page["results"]) == 2 and page["next"]
    assert page["results"][0]["labels"]["nth"] == "12"
    found = shop.alerts('?label=nth="7",service=shop')
    assert [one["labels"]["nth"] for one in found] == ["7"]
    assert shop.alerts("?label=nth=7,service=bank") == []
    # as they stand, but that a comma needs quotes around it
    for nth, disk in enumerate(("a,b", '5"')):
        shop.tell(alert("Full", service="shop", nth=f"disk {nth}", disk=disk))
    for asked, nths in (('disk="a,b",service=shop', ["disk 0"]),
                        ('service=shop,disk="a,b"', ["disk 0"]),
                        ('disk=5",service=shop', ["disk 1"]),
                        ('disk="a,b",service=bank', []), ('disk="', [])):
        found = shop.alerts(f"?label={quote(asked)}")
        assert [one["labels"]["nth"] for one in found] == nths, asked
    assert len(shop.alerts("?since=2020-01-01T00:00:00Z")) == 10
    assert shop.alerts("?until=2020-01-01T00:00:00Z") == []
    assert shop.alerts("?status=resolved") == []
    for query in ("label=x", "label==x", "label=x,y=z", "label=x=y,,z=1",
                  "label=a=1,b=2,c=3,d=4,e=5", "since=yesterday",
                  "status=odd", "told=perhaps"):
        assert shop.client.call("GET", f"/registry/alerts?{query}"
                                ).status == 400
    assert shop.client.call("GET", "/registry/alerts/999").status == 404


def test_explained_before_it_is_posted(shop):
    shop.notifier(f"services/{shop.shop}", "http://127.0.0.1:1/")
    told = shop.ask("POST", "/registry/alerts/explain", json.loads(
        message(alert("Down", service="shop"), alert("Up", service="no"))))
    assert told["told"] == 1 and told["notifiers"][0]["alerts"] == 1
    assert 'no service is called "no"' in told["labels"][1]["why"]
    reply = shop.post(b"{}", "/registry/alerts/explain")
    assert reply.status == 400
    assert shop.alerts() == []


def test_bounded(bouncer):
    one = Registry(bouncer, max_alerts=5)
    for nth in range(300):
        one.tell(alert("Down", nth=str(nth)), group=str(nth))
    wait_until(lambda: one.ask("GET", "/registry/alerts")["count"] < 60,
               SECONDS, "the oldest to go")


# Refused.

def test_refused(shop):
    assert shop.post(b"no JSON").status == 400
    anonymous = shop.one.client.call(
        "POST", "/api/v1/alerts", message(alert("Down")))
    assert anonymous.status == 401
    assert shop.alerts() == []


def test_token_of_alerts(shop):
    token = shop.make("tokens", name="am", scope="alerts")["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    reply = shop.one.client.call("POST", "/api/v1/alerts",
                                 message(alert("Down")), bearer)
    assert reply.status == 200
    assert len(shop.alerts()) == 1
    assert shop.one.client.call("GET", "/registry/alerts", None, bearer
                                ).status == 403


# The real ones.

def hook(shop, alertmanager, **keys):
    """It tells the registry, with a token that may do nothing else; again
    only in hours."""
    token = shop.make("tokens", name="am", scope="alerts")["token"]
    alertmanager.tell(
        shop.one.url + "/api/v1/alerts", group_by=("service", "project"),
        **{"repeat_interval": "1h", **keys},
        http_config={"authorization": {"type": "Bearer",
                                       "credentials": token}})


def statuses(receiver, path, name):
    """What was said of that alert, in order, each change once."""
    said = [one["status"] for told in receiver.told(path)
            for one in told.json()["alerts"]
            if one["labels"]["alertname"] == name]
    return [status for nth, status in enumerate(said)
            if nth == 0 or said[nth - 1] != status]


def test_prometheus_and_alertmanager(shop, receiver, alertmanager, prometheus,
                                     scripted_exporter):
    """Rules of the registry fire in Prometheus, come back, and go where they
    belong; the service is renamed meanwhile, and we are killed."""
    shop.notifier(f"services/{shop.shop}", receiver.url + "/shop")
    shop.notifier(f"services/{shop.bank}", receiver.url + "/bank")
    for owner, name in ((shop.shop, "QueueFull"), (shop.bank, "VaultOpen")):
        shop.make(f"services/{owner}/rules", name=name, duration="0s",
                  clause=f"{name} > 10")
    peer = alertmanager.url[len("http://"):]
    hook(shop, alertmanager)

    def follow_rules():
        prometheus.rules(shop.client.ask("GET", "/sd/Default/rules").text,
                         peer)

    scripted_exporter.set("QueueFull", 99)
    scripted_exporter.set("VaultOpen", 1)
    prometheus.scrape(scripted_exporter.address)
    follow_rules()
    receiver.wait_told(1, "/shop")
    shop.ask("PATCH", f"/rest/v2/services/{shop.shop}", {"name": "store"})
    shop.again()
    follow_rules()
    wait_until(lambda: any(one["labels"].get("service") == "store"
                           for one in shop.alerts()), SECONDS, "the new name")
    scripted_exporter.set("QueueFull", 1)
    wait_until(lambda: statuses(receiver, "/shop", "QueueFull")[-1]
               == "resolved", SECONDS, "the end of it")
    scripted_exporter.set("VaultOpen", 99)
    receiver.wait_told(1, "/bank")
    assert statuses(receiver, "/bank", "QueueFull") == []
    assert statuses(receiver, "/shop", "VaultOpen") == []


def test_receiver_away_and_we_are_killed(shop, receiver, alertmanager):
    """Nothing that Alertmanager got rid of is lost."""
    number = shop.notifier(f"services/{shop.shop}", "http://127.0.0.1:1/")
    hook(shop, alertmanager)
    labels = {"alertname": "DiskFull", "service": "shop", "project": "web"}
    alertmanager.post({"labels": labels})
    shop.wait_deliveries(1, state="waiting")
    shop.again()
    shop.ask("PATCH", f"/rest/v2/notifiers/{number}",
             {"value": receiver.url + "/x"})
    told = receiver.wait_told(1, "/x")[0].json()
    assert told["receiver"] == "hook"
    assert told["groupLabels"] == {"service": "shop", "project": "web"}
    assert told["alerts"][0]["labels"] == labels
    assert told["alerts"][0]["fingerprint"]


def test_reminders_are_told(shop, receiver, alertmanager):
    """A request that Alertmanager repeats is not, its repeat_interval is; the
    least of that here is beyond the time in which the same is the same."""
    shop.notifier(f"services/{shop.shop}", receiver.url)
    hook(shop, alertmanager, repeat_interval="1s")
    alertmanager.post({"labels": {"alertname": "Full", "service": "shop"}})
    receiver.wait_told(1)
    wait_until(lambda: shop.metric("bouncer_registry_alerts_total",
                                   result="same") >= 3, SECONDS,
               "it tells again")
    assert len(receiver.told()) == 1


def test_monitors_hear_of_it_too(bouncer, tmp_path, receiver):
    """watch: alert works as without a registry."""
    one = Registry(bouncer, monitors=[{
        "name": "disk", "watch": "alert", "match_labels": {"x": "y"},
        "steps": [{"type": "run", "timeout": "20s",
                   "command": ["/bin/sh", "-c", f"echo >{tmp_path}/ran"]}]}])
    number = one.service("shop")
    one.notifier(f"services/{number}", receiver.url)
    one.tell(alert("Full", service="shop", x="y"))
    receiver.wait_told(1)
    wait_until((tmp_path / "ran").exists, SECONDS, "the step")


# Commands.

def command(shop, *args, code=0):
    done = subprocess.run(
        [program(), "registry", *args, "--socket", shop.one.socket],
        text=True, capture_output=True, check=False, timeout=SECONDS)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def test_commands(shop, receiver):
    shop.notifier(f"services/{shop.shop}", receiver.url)
    shop.notifier(f"services/{shop.shop}", receiver.url + "/off",
                  enabled=False)
    said = command(shop, "alerts-test", "--service", "shop", "-n")
    assert "told: 1" in said and "it is disabled" in said
    assert receiver.told() == []
    receiver.answer(404)
    command(shop, "alerts-test", "--service", "shop", "-l", "x=y")
    shop.wait_deliveries(1, state="dead")
    assert "BouncerTest" in command(shop, "alerts", "--label", "x=y")
    assert "BouncerTest" not in command(shop, "alerts", "--label", "x=z")
    one = command(shop, "alerts", "1")
    assert "it is disabled" in one and "HTTP 404" in one
    assert "it is disabled" in command(shop, "alerts", "1", "--explain")
    assert "HTTP 404" in command(shop, "alerts", "--deliveries", "--status",
                                 "dead")
    assert "1 deliveries" in command(shop, "alerts", "1", "--replay")
    shop.wait_deliveries(1, state="sent")
    assert "1 deliveries" in command(shop, "alerts", "1", "--replay", "--all")
    receiver.wait_told(3)
    assert "no such alert" in command(shop, "alerts", "9", code=4)
    assert "give its ID" in command(shop, "alerts", "--replay", code=2)
    assert command(shop, "alerts", "--unrouted").count("\n") == 1


def test_refused_for_good_and_mended(shop, receiver):
    """What is dead is seen by those who look, is tried no more by itself, and
    is told when somebody says so, once the receiver is back."""
    shop.notifier(f"services/{shop.shop}", receiver.url)

    def deliveries(result):
        return shop.metric("bouncer_registry_deliveries_total", result=result)

    def dead(number):
        """Of that message, in the list of the command."""
        rows = [re.split("  +", line.strip())
                for line in command(shop, "alerts").splitlines()]
        return next(row[rows[0].index("DEAD")] for row in rows
                    if row[0] == number)

    for nth in (1, 2):
        receiver.answer(404)
        shop.tell(alert("Down", service="shop", nth=str(nth)), group=str(nth))
    shop.wait_deliveries(2, state="dead")
    assert (deliveries("dead"), deliveries("sent")) == (2, 0)
    assert deliveries("retried") == 0
    assert shop.metric("bouncer_registry_deliveries_waiting") == 0
    assert (dead("1"), dead("2")) == ("1", "1")
    assert command(shop, "alerts", "--deliveries", "--status", "dead"
                   ).count("HTTP 404") == 2
    receiver.answer(404)    # it is not back yet
    command(shop, "alerts", "1", "--replay")
    wait_until(lambda: deliveries("dead") == 3, SECONDS, "it to be refused")
    assert len(receiver.told()) == 3
    shop.again()            # nor does our restart make them any livelier
    assert (dead("1"), dead("2")) == ("1", "1")
    for number in ("1", "2"):
        assert command(shop, "alerts", number, "--replay"
                       ) == "1 deliveries wait again\n"
    shop.wait_deliveries(2, state="sent")
    assert [one.json()["alerts"][0]["labels"]["nth"]
            for one in receiver.told()[3:]] == ["1", "2"]
    assert (dead("1"), dead("2")) == ("0", "0")
    assert deliveries("sent") == 2
