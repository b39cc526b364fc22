# SPDX-License-Identifier: Apache-2.0
"""The built-in gateway: what pushes to a Pushgateway pushes to it unchanged,
and what can be compared is compared with a real one."""

import gzip
import json
import os
import re
import resource
import socket
import subprocess
import time
import urllib.error

import prometheus_client
import pytest
from prometheus_client.exposition import basic_auth_handler

from daemons.bouncer import monitor, settings
from daemons.exposition import parse
from daemons.process import wait_until
from daemons.prometheus import promtool_check

LIMIT = 2           # seconds; the max_age of monitor()
MEMORY_KIB = 4096   # so much more may a process have than before
N_IDLE = 10000


def builtin(*monitors, gateway=None, **global_keys):
    """A configuration with the built-in gateway."""
    config = json.loads(settings(*(monitors or [quiet_monitor()]),
                                 push_gw="builtin", **global_keys))
    if gateway:
        config["gateway"] = gateway
    return json.dumps(config)


def quiet_monitor():
    return monitor("nobody", type="host", restart_type="command",
                   restart_command=["/bin/true"], max_age="24h")


@pytest.fixture
def noted(directory, request):
    """A command of the host that notes each of its runs in a file."""
    path = os.path.join(directory, re.sub(r"\W", "-", request.node.name))

    class Noted:
        command = ["/bin/sh", "-c", f'echo "$BOUNCER_REASON" >>{path}']

        @property
        def runs(self):
            try:
                with open(path, encoding="utf-8") as lines:
                    return lines.read().splitlines()
            except FileNotFoundError:
                return []

    return Noted()


def put(running, path, body="", **headers):
    return running.client.call("PUT", path, body=body, headers=headers)


# --- clients ----------------------------------------------------


def registry(value):
    own = prometheus_client.CollectorRegistry()
    prometheus_client.Gauge("records", "Records of the last run.",
                            ["kind"], registry=own).labels("new").set(value)
    prometheus_client.Histogram(
        "took_seconds", "With a \\ and a\nline feed.", registry=own,
        buckets=(1, 5)).observe(3)
    prometheus_client.Summary("size_bytes", "Sizes.", registry=own).observe(7)
    prometheus_client.Counter("errors", "Errors.", registry=own).inc()
    return own


def test_the_official_client_pushes(bouncer):
    running = bouncer(builtin())
    address = f"127.0.0.1:{running.port}"
    key = {"instance": "a/b", "zone": ""}
    prometheus_client.push_to_gateway(address, "batch", registry(1), key)
    assert running.metric("records", job="batch", instance="a/b",
                          kind="new") == 1
    assert running.metric("took_seconds_bucket", job="batch", le="5.0") == 1

    prometheus_client.pushadd_to_gateway(address, "batch", registry(2), key)
    assert running.metric("records", job="batch") == 2
    other = prometheus_client.CollectorRegistry()
    prometheus_client.Gauge("other", "Another.", registry=other).set(5)
    prometheus_client.pushadd_to_gateway(address, "batch", other, key)
    assert running.metric("records", job="batch") == 2
    prometheus_client.push_to_gateway(address, "batch", other, key)
    assert running.metric("records", job="batch") is None
    assert running.metric("other", job="batch", instance="a/b") == 5

    prometheus_client.delete_from_gateway(address, "batch", key)
    assert running.metric("push_time_seconds", job="batch") is None


def test_the_official_client_with_a_password(bouncer, directory):
    secrets = os.path.join(directory, "users")
    with open(secrets, "w", encoding="utf-8") as out:
        out.write("batch:open sesame\n")
    os.chmod(secrets, 0o600)
    running = bouncer(builtin(gateway={"basic_auth_file": secrets}))
    address = f"127.0.0.1:{running.port}"

    def handler(password):
        def handle(url, method, timeout, headers, data):
            return basic_auth_handler(url, method, timeout, headers, data,
                                      "batch", password)
        return handle

    prometheus_client.push_to_gateway(address, "batch", registry(1),
                                      handler=handler("open sesame"))
    for wrong in (handler("open"), prometheus_client.exposition
                  .default_handler):
        with pytest.raises(urllib.error.HTTPError) as refused:
            prometheus_client.push_to_gateway(address, "batch", registry(2),
                                              handler=wrong)
        assert refused.value.code == 401
        assert "Basic" in str(refused.value.headers)
    assert running.metric("records", job="batch") == 1
    assert running.metric("bouncer_gateway_pushes_total",
                          result="unauthorized") == 2
    assert running.metric("bouncer_api_refused_total", reason="token") == 2
    assert running.client.call("GET", "/ping/batch").status == 401


def test_curl_pushes(bouncer):
    running = bouncer(builtin())

    def curl(*args, body=None):
        done = subprocess.run(
            ["curl", "-sS", "-o", "-", "-w", "%{http_code}", *args],
            input=body, capture_output=True, text=True, check=True,
            timeout=60)
        return done.stdout

    url = f"{running.url}/metrics/job/some_job"
    assert curl("--data-binary", "@-", url, body="some_metric 3.14\n") == "200"
    assert running.metric("some_metric", job="some_job", instance="") == 3.14
    assert curl("-X", "PUT", "--data-binary", "@-", url + "/instance/i",
                body="# TYPE c counter\nc{label=\"val1\"} 42\n") == "200"
    big = "x 1\n" + "# comment\n" * 200000    # curl asks with 100-continue
    assert curl("--data-binary", "@-", url, body=big) == "200"
    answer = curl("--data-binary", "@-", url, body="some_metric 3.14")
    assert answer.startswith("text format parsing error in line 1: ")
    assert answer.endswith("\n400")
    assert curl("-X", "DELETE", url) == "202"


# --- Prometheus -------------------------------------------------


def test_prometheus_scrapes_it(bouncer, prometheus):
    running = bouncer(builtin())
    for n in range(20):
        prometheus_client.push_to_gateway(
            f"127.0.0.1:{running.port}", f"batch_{n}",
            registry(n) if n else prometheus_client.REGISTRY)
    put(running, "/metrics/job@base64/4pi6IC8gIg==",    # smile, slash, quote
        'odd{l="\\\\ \\" \\n"} NaN\nodd{l="2"} +Inf\n')
    running.client.ask("GET", "/ping/beat/3")
    assert promtool_check(strip_lints(running.metrics())) == ""

    prometheus.scrape(f"127.0.0.1:{running.port}")
    wait_until(lambda: prometheus.query("count(records) == 19"), 30,
               "all groups in Prometheus")
    assert prometheus.query('up{job="test"}')[0]["value"][1] == "1"
    assert prometheus.query('ping_exit_code{exported_job="beat"}')
    assert "level=warn" not in prometheus.log_tail()
    assert "level=error" not in prometheus.log_tail()


def strip_lints(text):
    """Without what promtool says about anybody's names: the pushed ones that
    have no HELP, or end as another type should."""
    return "\n".join(line for line in text.splitlines()
                     if " odd" not in line and not line.startswith("odd")
                     ) + "\n"


# --- the same as the original -----------------------------------

HISTOGRAM = ('# TYPE h histogram\nh_bucket{le="1"} 1\n'
             'h_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n')
SUMMARY = ('# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 3\ns_count 2\n')

# Method, path, body; one after the other to both gateways.
SAME = [
    ("PUT", "/metrics/job/a", "x 1\n"),
    ("POST", "/metrics/job/a", "# TYPE y counter\n# HELP y Help.\ny 2\n"),
    ("PUT", "/metrics/job/a/instance/i", 'x{l="\\"\\\\\\n"} 1.5e3\n'),
    ("POST", "/metrics/job/a", 'x{job="other",instance="given",l="v"} 3\n'),
    ("PUT", "/metrics/job@base64/YS9i/path@base64/L3Zhci90bXA", "x 4\n"),
    ("PUT", "/metrics/job/%E2%82%AC", "x 5\n"),
    ("PUT", "/metrics/job/h", HISTOGRAM + SUMMARY),
    ("POST", "/metrics/job/h", ""),
    ("PUT", "/metrics/job/h2", HISTOGRAM),
    ("PUT", "/metrics/job/n", "n NaN\np +Inf\nm -Inf\ni inf\ne -1e-3\n"),
    ("PUT", "/metrics/job/x/job/y", "x 1\n"),
    ("PUT", "/metrics/job/r/l/1/l/2", "x 1\n"),
    ("PUT", "/metrics/job/q", "x 1"),
    ("PUT", "/metrics/job/q", "x 1\r\n"),
    ("PUT", "/metrics/job/q", "garbage\n"),
    ("PUT", "/metrics/job/q", "x{ 1\n"),
    ("PUT", "/metrics/job/q", 'x{l="\\x"} 1\n'),
    ("PUT", "/metrics/job/q", 'x{l="a",l="b"} 1\n'),
    ("PUT", "/metrics/job/q", 'x{__name__="a"} 1\n'),
    ("PUT", "/metrics/job/q", "# TYPE z gauge\n# TYPE z gauge\nz 1\n"),
    ("PUT", "/metrics/job/q", "z 1\n# TYPE z gauge\n"),
    ("PUT", "/metrics/job/q", "# TYPE z wrong\nz 1\n"),
    ("PUT", "/metrics/job/q", "x 0x10\n"),
    ("PUT", "/metrics/job/q", "x 1_000\n"),
    ("PUT", "/metrics/job/t", "x 1 1395066363000\n"),
    ("PUT", "/metrics/job/c", "# TYPE x counter\nx 1\n"),
    ("PUT", "/metrics/job/d", "x 1\nx 2\n"),
    ("PUT", "/metrics/job/b", "y 1\n"),
    ("PUT", "/metrics/job@base64/=", "x 1\n"),
    ("PUT", "/metrics/job@base64/!", "x 1\n"),
    ("PUT", "/metrics/job@base64/a+b/", "x 1\n"),
    ("PUT", "/metrics/job/a/l@base64/!", "x 1\n"),
    ("PUT", "/metrics/job/a/l", "x 1\n"),
    ("PUT", "/metrics/job/a/", "x 1\n"),
    ("PUT", "/metrics/job/a/__l/v", "x 1\n"),
    ("PUT", "/metrics/job/a/ba-d/v", "x 1\n"),
    ("PUT", "/metrics/job", "x 1\n"),
    ("POST", "/metrics", "x 1\n"),
    ("GET", "/metrics/job/a", ""),
    ("PATCH", "/metrics/job/a", "x 1\n"),
    ("PUT", "/metrics/job/gone", "x 1\n"),
    ("DELETE", "/metrics/job/gone", ""),
    ("DELETE", "/metrics/job/never", ""),
    ("PUT", "/metrics/job/emptied", "x 1\n"),
    ("PUT", "/metrics/job/emptied", ""),
    ("GET", "/-/ready", ""),
    ("GET", "/-/healthy", ""),
    ("PUT", "/-/quit", ""),
    ("GET", "/-/quit", ""),
    ("PUT", "/api/v1/admin/wipe", ""),
    ("PUT", "/-/nothing", ""),
]
OWN = re.compile(r"(bouncer|process|go|promhttp|pushgateway)_")
TIMES = ("push_time_seconds", "push_failure_time_seconds")


def pushed(text):
    """What was pushed, without what no two runs have in common."""
    families = {name: family for name, family in parse(text).items()
                if not OWN.match(name)}
    for name in TIMES:
        kind, _, samples = families[name]
        families[name] = (kind, "", {key: value > 0 for key, value
                                     in samples.items()})
    # NaN is not equal to itself
    return {name: (kind, text_of, {key: repr(value) for key, value
                                   in samples.items()})
            for name, (kind, text_of, samples) in families.items()}


def as_numbers(value):
    """The original writes numbers anew, we give them as they were pushed."""
    if isinstance(value, list):
        return [as_numbers(one) for one in value]
    if isinstance(value, dict):
        return {key: one if key == "labels" else as_numbers(one)
                for key, one in value.items()}
    try:
        return repr(float(value))
    except (TypeError, ValueError):
        return value


def groups(reply):
    """/api/v1/metrics by group, without the times."""
    found = {}
    for group in reply["data"]:
        key = tuple(sorted(group.pop("labels").items()))
        for name, family in group.items():
            if isinstance(family, dict):
                assert re.match(r"\d{4}-\d\d-\d\dT", family.pop("time_stamp"))
            if name in TIMES:
                family.pop("help", None)
                family["metrics"] = len(family["metrics"])
        found[key] = as_numbers(group)
    return found


def test_it_answers_as_the_original(bouncer, pushgateway):
    running = bouncer(builtin())
    differences = []
    for method, path, body in SAME:
        theirs = pushgateway.client.call(method, path, body=body or None)
        ours = running.client.call(method, path, body=body or None)
        if theirs.status != ours.status:
            differences.append((method, path, body, theirs.status,
                                ours.status, theirs.text, ours.text))
    assert differences == []
    assert pushed(running.metrics()) == pushed(pushgateway.metrics())
    ours, theirs = (groups(peer.client.ask("GET", "/api/v1/metrics").json())
                    for peer in (running, pushgateway))
    assert ours == theirs
    status, theirs = (
        peer.client.ask("GET", "/api/v1/status").json()
        for peer in (running, pushgateway))
    assert status.keys() == theirs.keys()
    assert status["data"].keys() == theirs["data"].keys()
    assert status["data"]["build_information"].keys() == \
        theirs["data"]["build_information"].keys()


def test_an_empty_label_harms_nobody(bouncer):
    """In the original this makes every scrape a 500 from then on."""
    running = bouncer(builtin())
    assert put(running, "/metrics/job/a", "x 1\n").status == 200
    assert put(running, "/metrics/job/a/l@base64/=", "x 2\n").status == 200
    assert running.metric("x", job="a") == 2
    assert put(running, "/metrics/job/b", "x 3\n").status == 200
    assert len(running.client.ask("GET", "/api/v1/metrics")
               .json()["data"]) == 2


# --- bad input of every kind ------------------------------------


def descriptors(running):
    return len(os.listdir(f"/proc/{running.process.pid}/fd"))


def resident(running):
    with open(f"/proc/{running.process.pid}/status", encoding="utf-8") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def settled(running):
    """Their number when the connections of before have gone."""
    seen = []

    def steady():
        seen.append(descriptors(running))
        return len(set(seen[-10:])) == 1 and len(seen) >= 10

    wait_until(steady, 30, "connections to be closed")
    return seen[-1]


def is_sanitized(running):
    """A sanitizer keeps what was freed."""
    with open(f"/proc/{running.process.pid}/maps", encoding="utf-8") as maps:
        return "libasan" in maps.read()


class Unchanged:
    """Nothing is lost or leaked: as many descriptors as before, exactly, and
    at most MEMORY_KIB more memory."""

    def __init__(self, running, warm_up):
        self.running = running
        warm_up()
        self.descriptors = settled(running)
        self.resident = resident(running)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            return
        self.running.wait_for(
            lambda b: descriptors(b) == self.descriptors, 30,
            f"{self.descriptors} descriptors, as before")
        if is_sanitized(self.running):
            return
        now = resident(self.running)
        assert now - self.resident <= MEMORY_KIB, \
            f"{self.resident} KiB became {now}"


BAD = [
    ("bad base64", "PUT", "/metrics/job@base64/!", "x 1\n", {}, 400,
     "invalid base64 encoding in job name \"\": "),
    ("odd path", "PUT", "/metrics/job/a/b", "x 1\n", {}, 400,
     "odd number of components in label string \"/b\""),
    ("CRLF", "PUT", "/metrics/job/a", "x 1\r\n", {}, 400,
     "text format parsing error in line 1: "),
    ("no line feed", "PUT", "/metrics/job/a", "x 1", {}, 400,
     "text format parsing error in line 1: "),
    ("timestamps", "PUT", "/metrics/job/a", "x 1 1\n", {}, 400,
     "pushed metrics are invalid or inconsistent with existing metrics: "
     "pushed metrics must not have timestamps"),
    ("reserved label", "PUT", "/metrics/job/a", 'x{__y="z"} 1\n', {}, 400,
     "pushed metrics are invalid or inconsistent with existing metrics: "
     "metric \"x\" has a label with an invalid name: __y"),
    ("huge label", "PUT", "/metrics/job/a", f'x{{l="{"v" * 70000}"}} 1\n',
     {}, 400, "text format parsing error in line 1: "),
    ("huge path", "PUT", f"/metrics/job/{'j' * 9000}", "x 1\n", {}, 414, ""),
    ("too large", "PUT", "/metrics/job/a", "#" * 1100000, {}, 413, ""),
    ("bad gzip", "PUT", "/metrics/job/a", "x 1\n",
     {"Content-Encoding": "gzip"}, 400, "gzip: "),
    ("bomb", "PUT", "/metrics/job/a", gzip.compress(b"\n" * 5000000),
     {"Content-Encoding": "gzip"}, 413, "the body has more than 1048576 "),
    ("protobuf", "PUT", "/metrics/job/a", "x",
     {"Content-Type": "application/vnd.google.protobuf; proto="
      "io.prometheus.client.MetricFamily; encoding=delimited"}, 415,
     "protobuf is not understood; push the text format"),
    ("wrong token", "PUT", "/metrics/job/a", "x 1\n",
     {"Authorization": "Bearer wrong"}, 401, ""),
    ("bad utf-8", "PUT", "/metrics/job/%FF", "x 1\n", {}, 400, ""),
]


@pytest.fixture
def guarded(bouncer, directory):
    """A gateway with a token, and small limits; and how to push to it."""
    secret = os.path.join(directory, "token")
    with open(secret, "w", encoding="utf-8") as out:
        out.write("sesame\n")
    os.chmod(secret, 0o600)
    running = bouncer(builtin(max_connections=N_IDLE + 500, gateway={
        "token_file": secret, "max_body": "1MiB", "max_series": 150000}))
    return running


def ask(running, method, path, body, headers=None):
    return running.client.call(
        method, path, body=body,
        headers={"Authorization": "Bearer sesame", **(headers or {})})


def test_bad_input_gets_its_answer(guarded):
    def warm_up():
        assert ask(guarded, "PUT", "/metrics/job/a", "x 1\n").status == 200
        guarded.metrics()

    before = guarded.client
    with Unchanged(guarded, warm_up):
        for what, method, path, body, headers, status, words in BAD * 20:
            try:
                reply = ask(guarded, method, path, body, headers)
            except ConnectionError:
                assert status == 413, what    # it does not read on
                continue
            assert reply.status == status, what
            assert reply.text.startswith(words), (what, reply.text)
    assert before.ask("GET", "/metrics").text.count('\nx{') == 1


def test_a_hundred_thousand_series(guarded):
    def body(n, first=0):
        return "".join(f'm{{i="{i}"}} {i}\n' for i in range(first, first + n))

    def fill():
        """In pieces that fit into a body, and away again."""
        for n in range(10):
            assert ask(guarded, "PUT", f"/metrics/job/j{n}",
                       body(10000)).status == 200
        assert guarded.metric("bouncer_gateway_series") >= 100000
        assert len(parse(guarded.metrics())["m"][2]) == 100000
        refused = [ask(guarded, "PUT", f"/metrics/job/k{n}", body(10000))
                   for n in range(6)]
        assert refused[-1].status == 429, refused[-1].text
        for n in range(10):
            ask(guarded, "DELETE", f"/metrics/job/j{n}", None)
            ask(guarded, "DELETE", f"/metrics/job/k{n}", None)
        assert guarded.metric("bouncer_gateway_series") < 100

    with Unchanged(guarded, fill):
        for _ in range(3):
            fill()


def test_a_slow_sender_is_not_waited_for(guarded):
    """And holds up nobody else; the deadlines are in tests/io."""
    def warm_up():
        assert ask(guarded, "PUT", "/metrics/job/a", "x 1\n").status == 200

    with Unchanged(guarded, warm_up):
        slow = [socket.create_connection(("127.0.0.1", guarded.port))
                for _ in range(100)]
        for one in slow:
            one.sendall(b"PUT /metrics/job/slow HTTP/1.1\r\nHost: x\r\n"
                        b"Authorization: Bearer sesame\r\n"
                        b"Content-Length: 1000\r\n\r\nx")
        started = time.monotonic()
        assert ask(guarded, "PUT", "/metrics/job/a", "x 2\n").status == 200
        assert time.monotonic() - started < 5
        for one in slow:
            one.close()
    assert guarded.metric("x", job="slow") is None


def test_ten_thousand_idle_connections(guarded):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    n = min(N_IDLE, hard - 500)

    def crowd(count):
        idle = []
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", guarded.port))
            one.sendall(b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n")
            idle.append(one)
        for one in idle:
            assert one.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert ask(guarded, "PUT", "/metrics/job/a", "x 1\n").status == 200
        for one in idle:
            one.close()

    try:
        with Unchanged(guarded, lambda: crowd(n)):
            crowd(n)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# --- what it is for ---------------------------------------------


def watched(noted, **keys):
    return monitor("batch", type="host", restart_type="command",
                   restart_command=noted.command, **keys)


def test_a_job_that_stops_pushing_is_bounced(bouncer, noted):
    # no interval is short enough to be the reason
    running = bouncer(builtin(watched(noted), check_interval="1h"))
    put(running, "/metrics/job/batch", "x 1\n")
    running.wait_state("batch", "good")
    for _ in range(4):
        until = time.monotonic() + LIMIT / 4
        running.wait_for(lambda b: time.monotonic() > until)
        put(running, "/metrics/job/batch", "x 1\n")
    assert noted.runs == []
    pushed_at = time.time()
    running.wait_for(lambda b: noted.runs, what="the bounce")
    late = time.time() - pushed_at - LIMIT
    assert -0.2 < late < 2
    put(running, "/metrics/job/batch", "x 1\n")
    running.wait_recovered("batch")


def test_heartbeats(bouncer, noted):
    running = bouncer(builtin(watched(noted, max_age="1h", cooldown="0s",
                                      max_runtime="1s"),
                              check_interval="1h"))
    ping = running.client.ask
    assert ping("GET", "/ping/batch").text == "OK\n"
    running.wait_state("batch", "good")
    ping("POST", "/ping/batch/start", "what it has to say")
    ping("GET", "/ping/batch/0")
    assert noted.runs == []

    def heal(n_runs):
        running.wait_for(lambda b: len(noted.runs) == n_runs,
                         what=f"{n_runs} bounces")
        ping("GET", "/ping/batch")
        running.wait_state("batch", "good")

    ping("GET", "/ping/batch/fail")
    heal(1)
    ping("GET", "/ping/batch/17")
    assert running.metric("ping_exit_code", job="batch") == 17
    heal(2)
    ping("GET", "/ping/batch/start")    # and no end within max_runtime
    heal(3)


def test_a_restart_keeps_groups_and_ages(bouncer, noted):
    running = bouncer(builtin(watched(noted, max_age="1h"),
                              check_interval="1h"))
    put(running, "/metrics/job/batch", HISTOGRAM)
    put(running, "/metrics/job/batch/l/v", "x 1 1\n")
    running.client.ask("GET", "/ping/other/3")
    running.wait_state("batch", "good")
    before = pushed_exactly(running.metrics())
    assert running.end() == 0

    running.start()
    running.wait_state("batch", "good")
    assert pushed_exactly(running.metrics()) == before
    assert noted.runs == []


def pushed_exactly(text):
    return {name: family for name, family in parse(text).items()
            if not OWN.match(name)}


def test_being_away_bounces_nobody(bouncer, noted):
    running = bouncer(builtin(watched(noted), check_interval="1h"))
    put(running, "/metrics/job/batch", "x 1\n")
    running.wait_state("batch", "good")
    assert running.end() == 0
    until = time.monotonic() + LIMIT + 1
    wait_until(lambda: time.monotonic() > until, LIMIT + 10, "the limit")
    running.start()
    running.wait_state("batch", "good")
    put(running, "/metrics/job/batch", "x 1\n")
    assert noted.runs == []


def test_groups_that_are_old_go(bouncer):
    running = bouncer(builtin(gateway={"ttl": [
        {"labels": {"job": "ci-*"}, "ttl": "1s"}]}))
    put(running, "/metrics/job/ci-7", "x 1\n")
    put(running, "/metrics/job/stays", "x 1\n")
    running.wait_for(lambda b: b.metric("x", job="ci-7") is None,
                     what="the end of ci-7")
    assert running.metric("x", job="stays") == 1


def test_administration(bouncer):
    running = bouncer(builtin(gateway={"admin_api": True}))
    for job in ("a", "b"):
        put(running, f"/metrics/job/{job}/host/h", "x 1\n")
    deleted = running.client.ask(
        "DELETE", "/api/v1/admin/groups?host=h&job=a").json()
    assert deleted == {"deleted": 1}
    assert running.client.ask("PUT", "/api/v1/admin/wipe").status == 202
    assert running.client.ask("GET", "/api/v1/metrics").json()["data"] == []
