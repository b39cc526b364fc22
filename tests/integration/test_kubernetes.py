# SPDX-License-Identifier: Apache-2.0
"""The sidecar of examples/kubernetes: its manifest is what it says, and what
it describes runs: in our image, under those limits, beside a real
Prometheus."""

import os
import re
import subprocess
import tempfile
import time

import pytest
import yaml

from daemons.bouncer import ROOT, program
from daemons.cgroup import Cgroup
from daemons.container import BouncerContainer, build_image
from daemons.process import wait_until

MANIFEST = os.path.join(ROOT, "examples/kubernetes/metric-reader.yml")
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
# of the API, and what Role calls them
VERBS = {"GET": "get", "POST": "create", "PUT": "update"}
MEBIBYTE = 1 << 20
WINDOW_SECONDS = 20
PROBE_SECONDS = 1       # what Kubernetes grants by itself
START_SECONDS = 60
# what it may need at most, of a limit of 8 MiB and a hundredth of a processor
MEMORY_BYTES = 5 * MEBIBYTE
CPU_SHARE = 0.008


def documents():
    with open(MANIFEST, encoding="utf-8") as text:
        return {one["kind"]: one for one in yaml.safe_load_all(text)}


def pod():
    return documents()["Deployment"]["spec"]["template"]["spec"]


def sidecar():
    return next(one for one in pod()["containers"] if "args" in one)


def environment(**instead):
    """The manifest's, with other values here and there."""
    values = {one["name"]: one.get("value", "default")
              for one in sidecar()["env"]}
    assert not set(instead) - set(values), "not in the manifest"
    return {**values, **instead}


# --- the manifest -------------------------------------------------------------

def test_names_fit_together():
    kinds = documents()
    assert set(kinds) == {"ServiceAccount", "Role", "RoleBinding",
                          "Deployment"}
    account = kinds["ServiceAccount"]["metadata"]["name"]
    binding = kinds["RoleBinding"]
    assert binding["roleRef"]["name"] == kinds["Role"]["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount",
                                    "name": account}]
    assert pod()["serviceAccountName"] == account
    spec = kinds["Deployment"]["spec"]
    assert (spec["template"]["metadata"]["labels"].items()
            >= spec["selector"]["matchLabels"].items())
    mounted = {one["name"] for one in sidecar()["volumeMounts"]}
    assert mounted == {one["name"] for one in pod()["volumes"]}


def test_it_may_do_little():
    rule, = documents()["Role"]["rules"]
    assert rule["apiGroups"] == ["coordination.k8s.io"]
    assert rule["resources"] == ["leases"]
    assert set(rule["verbs"]) == set(VERBS.values())
    security = sidecar()["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert sidecar()["resources"]["limits"] == {"cpu": "10m", "memory": "8Mi"}


def known_variables():
    """Those that the door reads, by its own table, and ours beside them."""
    path = os.path.join(ROOT, "src/config/door_metric_reader.c")
    with open(path, encoding="utf-8") as source:
        names = re.findall(r'VARIABLE\(\w+, "(\w+)"\)', source.read())
    assert "METRIC_NAME" in names
    return {*names, "BOUNCER_ADDR"}


def test_the_door_knows_each_variable(directory):
    env = {**environment(), "PLUGIN_DIR": directory,
           "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert set(env) <= known_variables()
    done = subprocess.run([program(), *sidecar()["args"], "--print-config"],
                          env=env, timeout=20, capture_output=True, text=True,
                          check=False)
    assert (done.returncode, done.stderr) == (0, "")
    printed = yaml.safe_load(done.stdout)
    metric, = printed["monitors"]
    assert metric["soft"]["steps"][0]["plugin"] == env["SOFT_PLUGIN"]
    assert metric["hard"]["steps"][0]["parameters"]["dir"] == \
        env["FILE_ACTION_DIR"]
    assert printed["leader"]["kubernetes_lease"] == \
        env["LEADER_ELECTION_LOCK_NAME"]


# --- it runs ------------------------------------------------------------------

@pytest.fixture(scope="module")
def image(dockerd_of_session):
    return build_image(dockerd_of_session)


def bytes_of(quantity):
    number, unit = re.fullmatch(r"(\d+)(Mi|Ki)", quantity).groups()
    return int(number) * (MEBIBYTE if unit == "Mi" else 1024)


def processors_of(quantity):
    return int(re.fullmatch(r"(\d+)m", quantity)[1]) / 1000


class Sidecar(BouncerContainer):
    """The manifest's container, as the engine is told of it."""

    def start_sidecar(self, env, volumes, kubernetes=None):
        """@volumes: {name: directory here}, those of the manifest that there
        are. @kubernetes: who elects."""
        context = {**pod()["securityContext"], **sidecar()["securityContext"]}
        limits = sidecar()["resources"]["limits"]
        memory = bytes_of(limits["memory"])
        for path in volumes.values():
            os.chown(path, context["runAsUser"], context["fsGroup"])
        binds = [f"{volumes[one['name']]}:{one['mountPath']}"
                 for one in sidecar()["volumeMounts"]
                 if one["name"] in volumes]
        if kubernetes:
            env = {**env, **{name: value for name, value
                             in kubernetes.environment.items()
                             if name.startswith("KUBERNETES_SERVICE_")}}
            binds.append(f"{kubernetes.account}:{ACCOUNT}:ro")
        self.start_command(
            sidecar()["args"], False,
            Env=[f"{name}={value}" for name, value in env.items()],
            User=f"{context['runAsUser']}:{context['runAsGroup']}",
            Healthcheck={"Test": ["NONE"]},     # as under Kubernetes
            host_config={
                "Binds": binds, "Memory": memory, "MemorySwap": memory,
                "NanoCpus": int(processors_of(limits["cpu"]) * 1e9),
                "ReadonlyRootfs": context["readOnlyRootFilesystem"],
                "CapDrop": context["capabilities"]["drop"],
                "SecurityOpt": ["no-new-privileges"]})

    def wait_ready(self):
        wait_until(lambda: self.client.answers("/-/ready") or not self.alive,
                   START_SECONDS, "ready")
        assert self.alive, self.log_tail()


@pytest.fixture
def reader(dockerd, image, directory, request):
    assert image
    one = Sidecar(tempfile.mkdtemp(prefix="run-", dir=directory), dockerd)
    request.node.bouncers = [one]
    return one


def queries(prometheus):
    """How many it has answered; asking for this is none."""
    found = re.search(
        r'^prometheus_http_requests_total\{code="200",'
        r'handler="/api/v1/query"\} (\S+)',
        prometheus.client.ask("GET", "/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0


def probed(running, path):
    """Whether it answers as a probe wants it, in time."""
    begun = time.monotonic()
    return running.client.answers(path) and \
        time.monotonic() - begun <= PROBE_SECONDS


def watch(running, prometheus, probes):
    """A while under observation: what it used, and did."""
    group = Cgroup(running.pid)
    begun, cpu = time.monotonic(), group.cpu_seconds()
    throttled, asked = group.throttled_seconds(), queries(prometheus)
    memory, missed = [], 0
    while time.monotonic() - begun < WINDOW_SECONDS:
        missed += sum(not probed(running, path) for path in probes)
        memory.append(group.memory())
        time.sleep(0.5)
    seconds = time.monotonic() - begun
    return {"seconds": seconds,
            "queries": queries(prometheus) - asked,
            "missed probes": missed,
            "cpu share": (group.cpu_seconds() - cpu) / seconds,
            "throttled": group.throttled_seconds() - throttled,
            "memory": max(used for used, _ in memory),
            "without files": max(kept for _, kept in memory)}


@pytest.fixture
def metric(prometheus_servers, scripted_exporter):
    """A real Prometheus, and what it knows."""
    prometheus, = prometheus_servers(1, every="500ms")
    scripted_exporter.set("queue_length", 5, queue="a")
    prometheus.scrape(scripted_exporter.address, job="example")
    prometheus.wait_value("queue_length", 5)
    return prometheus


def wait_steps(running, n):
    wait_until(lambda: len(running.steps("metric-reader", "ok")) == n,
               START_SECONDS, f"{n} actions")


def test_runs_under_its_limits(metric, scripted_exporter, kubernetes, reader,
                               directory):
    volumes = {one["name"]: tempfile.mkdtemp(prefix="volume-", dir=directory)
               for one in pod()["volumes"]}
    reader.start_sidecar(
        environment(PROMETHEUS_ENDPOINT=metric.url, POD_NAMESPACE="test",
                    LEADER_ELECTION_LOCK_NAME="mon",
                    SOFT_DURATION="2s", HARD_DURATION="2s",
                    BOUNCER_ADDR=f"127.0.0.1:{reader.port}"),
        volumes, kubernetes)
    reader.wait_ready()
    group = Cgroup(reader.pid)
    assert group.memory_limit() == 8 * MEBIBYTE
    assert group.cpu_limit() == pytest.approx(0.01)
    wait_until(lambda: reader.metric("bouncer_leader") == 1, START_SECONDS,
               "it leads")

    # a breach of each level, and the action of each
    scripted_exporter.set("queue_length", 90, queue="a")
    wait_steps(reader, 1)
    assert any("threshold action executed" in line and "value=90" in line
               for line in reader.log_lines()), reader.log_tail()
    scripted_exporter.set("queue_length", 110, queue="a")
    wait_steps(reader, 2)
    made, = os.listdir(volumes["files"])
    assert made.startswith("metric_metric-reader_")
    assert os.path.getsize(os.path.join(volumes["files"], made)) == MEBIBYTE

    probes = [sidecar()[kind]["httpGet"]["path"] for kind in
              ("startupProbe", "livenessProbe", "readinessProbe")]
    seen = watch(reader, metric, probes)
    print(seen)
    assert seen["missed probes"] == 0, seen
    assert seen["queries"] >= int(seen["seconds"]) - 1, seen
    assert seen["without files"] <= MEMORY_BYTES, seen
    assert seen["cpu share"] <= CPU_SHARE, seen
    assert reader.metric("bouncer_leader") == 1

    # what its README tells to ask, which runs within the same limits
    for command in (("status",), ("explain", "metric-reader")):
        assert reader.dockerd.exec(reader.name, "/bouncer", *command) == 0

    # an orderly end: the lease is free, the state is kept
    reader.dockerd.kill(reader.name, "TERM")
    wait_until(lambda: not reader.alive, START_SECONDS, "stopped")
    assert reader.exit_code == 0
    assert not reader.dockerd.state(reader.name)["OOMKilled"]
    assert kubernetes.holder == ""
    assert "state.json" in os.listdir(volumes["state"])
    # what it asked of the API is what its Role allows
    asked = {VERBS[method] for method, _ in kubernetes.requests}
    assert asked == set(documents()["Role"]["rules"][0]["verbs"])


def test_runs_without_volumes(metric, scripted_exporter, reader):
    """Nothing can be written: it says so, and works."""
    scripted_exporter.set("queue_length", 110, queue="a")
    reader.start_sidecar(
        {"METRIC_NAME": "queue_length", "THRESHOLD": ">100",
         "ACTION_PLUGIN": "log_action", "PLUGIN_DIR": "/app/plugins",
         "PROMETHEUS_ENDPOINT": metric.url,
         "BOUNCER_ADDR": f"127.0.0.1:{reader.port}"}, {})
    reader.wait_ready()
    wait_steps(reader, 1)
    log = reader.log_tail()
    assert "state cannot be written, going on without" in log
    assert "no control socket" in log
    assert "threshold action executed" in log
    assert Cgroup(reader.pid).kills() == 0


@pytest.mark.parametrize("plugin, words", [
    ("mine", "is not one of efs_emergency, file_action and log_action"),
    ("exec:/mine", "cannot be run")])
def test_the_image_says_which_plugins_it_has(reader, plugin, words):
    reader.start_sidecar(
        {"METRIC_NAME": "queue_length", "THRESHOLD": ">100",
         "ACTION_PLUGIN": plugin, "PLUGIN_DIR": "/app/plugins"}, {})
    wait_until(lambda: not reader.alive, START_SECONDS, "refused")
    assert reader.exit_code == 2
    assert any(line.startswith("bouncer metric-reader: ACTION_PLUGIN: ")
               and words in line for line in reader.log_lines())
