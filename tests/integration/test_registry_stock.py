# SPDX-License-Identifier: Apache-2.0
"""The stock rules, as promtool evaluates them over made up series, and the
configuration of Alertmanager, as amtool reads it."""

import json
import subprocess

import pytest

from daemons.bouncer import program
from daemons.http import Client
from daemons.process import find_program

SECONDS = 180
NODE = 'job="node", instance="web-1:9100", service="shop", project="web"'
LABELS = {"job": "node", "instance": "web-1:9100", "service": "shop",
          "project": "web"}
DISK = f'{NODE}, device="/dev/sda1", fstype="ext4", mountpoint="/data"'
DISK_LABELS = {**LABELS, "device": "/dev/sda1", "fstype": "ext4",
               "mountpoint": "/data"}
AVAILABLE = "node_filesystem_avail_bytes"
GIB = 1 << 30


def bouncer_says(*args, code=0):
    done = subprocess.run([program(), "registry", *args], text=True,
                          capture_output=True, check=False, timeout=SECONDS)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture
def rules(directory, tmp_path):
    """rules(args, series, at, alert): does it fire then? Its labels, or
    None."""
    def evaluate(series, alert, at, fires, labels=None, args=()):
        text = bouncer_says("stock-rules", "--print", *args)
        (tmp_path / "rules.yml").write_text(text, encoding="utf-8")
        severity = {"service_down": "critical",
                    "disk_will_fill_up_in_4hours": "critical"}
        expected = [{"exp_labels": {
            **(labels or LABELS),
            "severity": severity.get(alert, "warning")}}] if fires else []
        (tmp_path / "test.yml").write_text(json.dumps({
            "rule_files": ["rules.yml"], "evaluation_interval": "1m",
            "tests": [{
                "interval": "1m",
                "input_series": [{"series": name, "values": values}
                                 for name, values in series.items()],
                "alert_rule_test": [{
                    "eval_time": at, "alertname": alert,
                    "exp_alerts": expected}]}]}), encoding="utf-8")
        done = subprocess.run(
            [find_program("promtool", "prometheus"), "test", "rules",
             "test.yml"], cwd=tmp_path, text=True, capture_output=True,
            check=False, timeout=SECONDS)
        # annotations are not compared: what is said is for people
        said = done.stdout + done.stderr
        if fires and "Annotations" in said:
            return said.count("Annotations:{") >= 1 and found(said)
        assert done.returncode == 0, said
        return True

    def found(said):
        """The same labels are got as are expected."""
        labels = [line.split("Annotations")[0].split("Labels:")[1].strip()
                  for line in said.splitlines() if "Labels:" in line]
        assert len(labels) == 2, said
        assert labels[0].rstrip(", ") == labels[1].rstrip(", "), said
        return True

    return evaluate


def test_down(rules):
    up = {f"up{{{NODE}}}": "1x5 0x20"}
    assert rules(up, "service_down", "5m", False)
    assert rules(up, "service_down", "6m", False)
    assert rules(up, "service_down", "7m", True)
    assert rules(up, "service_down", "6m", True, args=("--down-minutes", "0"))
    assert rules({f"up{{{NODE}}}": "0 1x20"}, "service_down", "5m", False)


def cpu(busy):
    """Two CPUs, of whose time so many percent is used."""
    return {f'node_cpu_seconds_total{{{NODE}, cpu="{nth}", mode="idle"}}':
            f"0+{60 * (100 - busy) / 100}x60" for nth in (0, 1)}


@pytest.mark.parametrize("busy, at, fires, args", [
    (90, "30m", True, ()),
    (90, "20m", False, ()),
    (80, "30m", False, ()),
    (80, "30m", True, ("--cpu", "75")),
    (90, "12m", True, ("--cpu-minutes", "10")),
    (90, "30m", False, ("--job", "other")),
])
def test_cpu(rules, busy, at, fires, args):
    assert rules(cpu(busy), "cpu_threshold_exceeded", at, fires, args=args)


@pytest.mark.parametrize("megabytes, at, fires, args", [
    (499, "6m", True, ()),
    (499, "4m", False, ()),
    (500, "6m", False, ()),
    (900, "6m", True, ("--memory-mb", "1000")),
    (499, "0m", True, ("--memory-minutes", "0")),
])
def test_memory(rules, megabytes, at, fires, args):
    assert rules({f"node_memory_MemAvailable_bytes{{{NODE}}}":
                  f"{megabytes * 1000000}x20"},
                 "mem_threshold_exceeded", at, fires, args=args)


def test_disk(rules):
    name = "disk_will_fill_up_in_4hours"
    # 10 GiB that are gone in three hours, or in six
    fast = {f"{AVAILABLE}{{{DISK}}}": f"{10 * GIB}-{10 * GIB // 180}x90"}
    slow = {f"{AVAILABLE}{{{DISK}}}": f"{10 * GIB}-{10 * GIB // 360}x60"}
    assert rules(fast, name, "70m", True, DISK_LABELS)
    assert rules(slow, name, "60m", False)
    assert rules(fast, name, "70m", False,
                 args=("--exclude-mount", "/data|/tmp"))
    assert rules(fast, name, "70m", False, args=("--exclude-fstype", "ext4"))
    read_only = {**fast, f"node_filesystem_readonly{{{DISK}}}": "1x90"}
    assert rules(read_only, name, "70m", False)
    tmpfs = {key.replace("ext4", "tmpfs"): value
             for key, value in fast.items()}
    assert rules(tmpfs, name, "70m", False)


@pytest.mark.parametrize("args, words", [
    (("--cpu", "100"), "--cpu"),
    (("--memory-mb", "0"), "--memory-mb"),
    (("--job", ""), "--job"),
    (("--exclude-fstype", "("), "--exclude-fstype"),
    (("--cpu-minutes", "100000"), "a week"),
])
def test_refused(args, words):
    assert words in bouncer_says("stock-rules", "--print", *args, code=2)


def test_applied(bouncer):
    """Twice changes nothing; other limits change what they concern."""
    one = bouncer(json.dumps({"registry": {"enabled": True}}))
    client = Client(f"unix:{one.socket}")
    said = bouncer_says("stock-rules", "--socket", one.socket)
    assert said.count("+ ") == 4
    rules = client.ask("GET", "/rest/v2/rules").json()
    assert rules["count"] == 4
    assert all("<exclude>" in rule["clause"] for rule in rules["results"])
    assert "nothing to change" in bouncer_says("stock-rules", "--socket",
                                               one.socket)
    said = bouncer_says("stock-rules", "--cpu", "70", "--socket", one.socket)
    assert said.count("~ ") == 1 and "cpu_threshold_exceeded" in said
    text = client.ask("GET", "/sd/rules").text
    assert "> 70" in text and "<exclude>" not in text


def test_alertmanager_config(tmp_path):
    text = bouncer_says("alertmanager-config", "--url", "http://r:9090/",
                        "--token-file", "/etc/it's", "--repeat", "2h")
    path = tmp_path / "alertmanager.yml"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [find_program("amtool", "prometheus-alertmanager"), "check-config",
         str(path)], text=True, capture_output=True, check=False,
        timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "http://r:9090/api/v1/alerts" in text
    assert "send_resolved: true" in text
    assert "--url is needed" in bouncer_says("alertmanager-config", code=2)
    assert "--url is needed" in bouncer_says("alertmanager-config", "--url",
                                             "https://", code=2)
