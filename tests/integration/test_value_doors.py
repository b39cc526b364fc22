# SPDX-License-Identifier: Apache-2.0
"""In the place of metric-reader and prometheus-am-executor: what they were
told becomes a configuration, or an error that names what is wrong."""

import os
import subprocess

import pytest

from daemons.bouncer import program

READER = {"METRIC_NAME": "up", "THRESHOLD": ">100"}


def ask(directory, name, *args, **env):
    """The program under another name; what it printed, and its exit code."""
    path = os.path.join(directory, name)
    if not os.path.lexists(path):
        os.symlink(program(), path)
    return subprocess.run([path, *args], cwd=directory, env=env, timeout=20,
                          capture_output=True, text=True, check=False)


def check(directory, text):
    """What --print-config shows is a file for bouncer run."""
    path = os.path.join(directory, "printed.yml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    done = subprocess.run([program(), "check", path], timeout=20,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def written(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


# --- metric-reader ------------------------------------------------------------

def test_reader_prints_its_configuration(directory):
    done = ask(directory, "metric-reader", "--print-config",
               PROMETHEUS_ENDPOINT="http://p:9090", POLLING_INTERVAL="15s",
               LABEL_FILTERS='job="a"', THRESHOLD_DURATION="30s",
               BACKOFF_DELAY="5m", **READER)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == """\
# bouncer metric-reader: one value, and its limits
global:
  addr: none
  prometheus: "http://p:9090"
  storm_share: 0
  max_bounces: 0
  backoff_factor: 1
  start_grace: 0s
monitors:
  - name: metric-reader
    watch: metric
    metric_name: "up"
    label_filters: "job=\\"a\\""
    check_interval: 15s
    missing: hold
    threshold: ">100"
    for: 30s
    backoff: 5m
    steps:
    - type: log
      message: "{{ value }} is {{ threshold }}"
"""
    assert "1 watching metrics" in check(directory, done.stdout)


@pytest.mark.parametrize("variable, value, words", [
    ("METRIC_NAME", "", "METRIC_NAME: is missing"),
    ("THRESHOLD", "100", 'THRESHOLD: "100": a threshold begins with'),
    ("THRESHOLD_DURATION", "5", 'THRESHOLD_DURATION: "5" is not a duration'),
    ("POLLING_INTERVAL", "0s", "POLLING_INTERVAL: must be more than 0"),
    ("POLLING_INTERVAL", "-1s", 'POLLING_INTERVAL: "-1s" is not a duration'),
    ("ACTION_PLUGIN", "nothing", "ACTION_PLUGIN: there is no plugin nothing"),
    ("ACTION_PLUGIN", "exec:/nowhere",
     "ACTION_PLUGIN: exec:/nowhere cannot be run: No such file"),
    ("LOG_LEVEL", "loud", 'LOG_LEVEL: "loud" is not one of'),
])
def test_reader_names_what_is_wrong(directory, variable, value, words):
    env = {**READER, "PLUGIN_DIR": directory, variable: value}
    done = ask(directory, "metric-reader", **env)
    assert done.returncode == 2
    assert done.stderr.startswith(f"bouncer metric-reader: {words}")
    assert done.stdout == ""


def test_reader_says_that_its_file_is_not_read(directory):
    written(directory, "config.toml", "metric_name = 'up'\n")
    done = ask(directory, "metric-reader", "--print-config", **READER)
    assert done.returncode == 0
    assert "config.toml is not read" in done.stderr
    done = ask(directory, "metric-reader", "--print-config",
               CONFIG_FILE="none", **READER)
    assert (done.returncode, done.stderr) == (0, "")


# --- am-executor --------------------------------------------------------------

FILE = """\
listen_address: ":23222"
commands:
  - cmd: /bin/echo
    args: ["a b", "$(x)"]
    match_labels: {env: testing}
    max: 2
    resolved_signal: SIGUSR1
"""


def test_executor_prints_its_configuration(directory):
    written(directory, "amx.yml", FILE)
    done = ask(directory, "am-executor", "-f", "amx.yml", "--print-config",
               "/bin/true")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == """\
# bouncer am-executor: a command for each group of alerts that fires
global:
  addr: ":23222"
  storm_share: 0
  max_bounces: 0
  start_grace: 0s
  cooldown: 1s
  backoff_max: 5m
  verify_within: 8760h
alerts:
  paths: [/*]
  amx_metrics: true
monitors:
  - name: command-1
    watch: alert
    per: group
    match_labels: {"env": "testing"}
    max_parallel: 2
    on_resolved_signal: "SIGUSR1"
    steps:
      - type: run
        command: ["/bin/echo", "a b", "$(x)"]
        environment: amx
        timeout: 168h
  - name: command-2
    watch: alert
    per: group
    on_resolved_signal: "SIGKILL"
    steps:
      - type: run
        command: ["/bin/true"]
        environment: amx
        timeout: 168h
"""
    assert "2 watching alerts" in check(directory, done.stdout)


@pytest.mark.parametrize("text, words", [
    ("tls_key: /a\n", "amx.yml:1: tls_key: TLS is not served here"),
    ("commands:\n  - args: [a]\n", "amx.yml:2: commands[0].cmd: is missing"),
    ("commands:\n  - {cmd: a, resolved_signal: banana}\n",
     "amx.yml:2: commands[0].resolved_signal: \"BANANA\" is not a signal"),
])
def test_executor_names_what_is_wrong(directory, text, words):
    written(directory, "amx.yml", text)
    done = ask(directory, "am-executor", "-f", "amx.yml", "/bin/true")
    assert done.returncode == 2
    assert done.stderr.startswith(f"bouncer am-executor: {words}")
    assert "-f: amx.yml cannot be used" in done.stderr


@pytest.mark.parametrize("args, words", [
    ((), "missing command to execute on receipt of alarm"),
    (("-f", "nowhere.yml"), "-f: nowhere.yml cannot be read"),
    (("-x", "/bin/true"), "unknown flag -x"),
])
def test_executor_refuses(directory, args, words):
    done = ask(directory, "am-executor", *args)
    assert done.returncode == 2
    assert done.stderr.startswith(f"bouncer am-executor: {words}")
