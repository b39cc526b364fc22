# SPDX-License-Identifier: Apache-2.0
"""The program as its operator sees it: signals, reload, exit codes, what it
shows, and what it remembers."""

import json
import os
import signal
import subprocess
import time

from daemons.bouncer import monitor, program, settings
from daemons.process import wait_until
from daemons.prometheus import promtool_check

import pytest

RUN_SECONDS = 20

STUBBORN = ["/bin/sh", "-c", "trap 'echo yes >/tmp/asked' TERM; "
            "while :; do sleep 0.1; done"]


def run(*args, env=None):
    """One short run of the program: its exit code and what it said."""
    done = subprocess.run([program(), *args], capture_output=True, text=True,
                          timeout=RUN_SECONDS, check=False,
                          stdin=subprocess.DEVNULL,
                          env={**os.environ, **(env or {})})
    return done.returncode, done.stdout + done.stderr


def on_host(name, *command, **keys):
    return monitor(name, type="host", restart_type="command",
                   restart_command=list(command) or ["/bin/true"], **keys)


def write(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


# --- commands of the program ------------------------------------------------

def test_version_and_help():
    code, text = run("version")
    assert code == 0 and "bouncer" in text
    code, text = run("help")
    assert code == 0 and "check" in text and "run" in text
    for command in ("run", "check", "version"):
        code, text = run("help", command)
        assert code == 0 and command in text
    code, text = run("helo")
    assert code == 2 and "help" in text


def test_check_says_all_that_is_wrong(directory):
    good = write(directory, "good.yml", settings(
        on_host("a"), push_gw="http://127.0.0.1:1"))
    code, text = run("check", good)
    assert code == 0, text
    bad = write(directory, "bad.yml", """global:
  push_gw: http://127.0.0.1:1
  chek_interval: 1m
monitors:
  - name: one
    max_age: 5
    type: dokcer
    label_name: job
    label_value: one
    restart_type: command
""")
    code, text = run("check", bad)
    assert code == 2
    assert f"{bad}:3:" in text and "check_interval" in text
    assert f"{bad}:6: monitors[0].max_age" in text
    assert f"{bad}:7: monitors[0].type" in text and "docker" in text
    assert "restart_command" in text
    assert run("run", "--config", bad)[0] == 2


def test_missing_file_is_an_error(directory):
    code, text = run("run", "--config", f"{directory}/no-such-file.yml")
    assert code == 2 and "no-such-file.yml" in text


def test_flags_of_the_original_tool(scripted_gateway, bouncer, directory):
    """One dash or two, with `=` or a space; a flag is stronger than the
    environment, and that than the file."""
    scripted_gateway.say_ages({"a": 0})
    running = bouncer(
        settings(on_host("a"), push_gw="http://127.0.0.1:1"),
        args=["-pushgw", scripted_gateway.url, "--checkInterval=300ms",
              "-logLevel=debug"],
        env={"BOUNCER_PUSH_GW": "http://127.0.0.1:2"})
    running.wait_state("a", "good")

    running = bouncer(settings(on_host("a"), push_gw="http://127.0.0.1:1"),
                      env={"BOUNCER_PUSH_GW": scripted_gateway.url})
    running.wait_state("a", "good")


# --- signals and reload -----------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_when_asked(scripted_gateway, bouncer, number):
    scripted_gateway.say_ages({"a": 0})
    running = bouncer(settings(on_host("a"), push_gw=scripted_gateway.url))
    assert running.end(number, timeout=5) == 0


def test_lets_a_running_step_finish(scripted_gateway, bouncer, directory):
    begun, done = f"{directory}/begun", f"{directory}/finished"
    scripted_gateway.say_ages({"a": 60})
    running = bouncer(settings(
        on_host("a", "/bin/sh", "-c",
                f"echo yes >{begun}; sleep 2; echo yes >{done}"),
        push_gw=scripted_gateway.url))
    running.wait_for(lambda b: os.path.exists(begun), what="the command")
    assert running.end(timeout=10) == 0
    assert os.path.exists(done)


def test_second_signal_ends_it_at_once(scripted_gateway, bouncer, directory):
    begun = f"{directory}/begun-second"
    scripted_gateway.say_ages({"a": 60})
    running = bouncer(settings(
        on_host("a", "/bin/sh", "-c", f"echo yes >{begun}; exec sleep 1000"),
        push_gw=scripted_gateway.url))
    running.wait_for(lambda b: os.path.exists(begun), what="the command")
    running.process.signal(signal.SIGTERM)
    running.wait_log("SIGTERM")
    running.process.signal(signal.SIGTERM)
    running.process.wait(5)


def test_reload_keeps_the_state_of_what_did_not_change(scripted_gateway,
                                                       bouncer):
    scripted_gateway.say_ages({"stale": 60, "fresh": 0})
    stale = on_host("stale", "/bin/false", max_bounces=1)
    running = bouncer(settings(stale, push_gw=scripted_gateway.url))
    running.wait_state("stale", "gave_up")

    running.reload(settings(stale, on_host("fresh"),
                            push_gw=scripted_gateway.url))
    running.wait_for(lambda b: "fresh" in b.monitors(), what="a new monitor")
    running.wait_state("fresh", "good")
    assert running.state("stale") == "gave_up"
    assert len(running.steps("stale")) == 1

    running.reload(settings(on_host("fresh"), push_gw=scripted_gateway.url))
    running.wait_for(lambda b: "stale" not in b.monitors(), what="one less")


def test_bad_file_changes_nothing(scripted_gateway, bouncer):
    scripted_gateway.say_ages({"a": 0})
    running = bouncer(settings(on_host("a"), push_gw=scripted_gateway.url))
    running.wait_state("a", "good")
    running.reload("monitors:\n  - nam: b\n")
    running.wait_log("nam")
    assert list(running.monitors()) == ["a"]
    running.wait_state("a", "good")


# --- the host ---------------------------------------------------------------

def test_command_of_the_host_knows_why(scripted_gateway, bouncer, directory):
    out = f"{directory}/environment"
    scripted_gateway.say_ages({"a": 60})
    running = bouncer(settings(
        on_host("a", "/bin/sh", "-c",
                f"env | grep ^BOUNCER_ >{out}.new; mv {out}.new {out}"),
        push_gw=scripted_gateway.url))
    running.wait_step("a", "ok")
    with open(out, encoding="utf-8") as lines:
        env = dict(line.rstrip("\n").split("=", 1) for line in lines)
    assert env["BOUNCER_MONITOR"] == "a"
    assert env["BOUNCER_REASON"]
    assert 59 <= float(env["BOUNCER_AGE_SECONDS"]) <= 70
    assert env["BOUNCER_ATTEMPT"] == "1"
    assert "BOUNCER_TARGET" in env


def test_deadline_ends_the_whole_group(scripted_gateway, bouncer, directory):
    pid_file = f"{directory}/child"
    scripted_gateway.say_ages({"a": 60})
    running = bouncer(settings(
        on_host("a", "/bin/sh", "-c",
                f"sleep 1000 & echo $! >{pid_file}; wait", timeout="1s",
                max_bounces=1), push_gw=scripted_gateway.url))
    running.wait_step("a", "timed_out")
    with open(pid_file, encoding="utf-8") as line:
        child = int(line.read())
    running.wait_for(lambda b: not is_running(child), 10,
                     "the end of the child's child")


def is_running(pid):
    """A zombie that nobody reaps has ended all the same."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_dry_run_only_says(scripted_gateway, bouncer, directory):
    touched = f"{directory}/touched"
    scripted_gateway.say_ages({"a": 60})
    running = bouncer(settings(on_host("a", "/bin/touch", touched),
                               push_gw=scripted_gateway.url, dry_run=True))
    running.wait_for(lambda b: b.steps("a", "dry_run"), what="a dry run")
    assert not os.path.exists(touched)
    assert running.metric("bouncer_held_total", monitor="a",
                          guard="dry_run") >= 1


# --- what it shows ----------------------------------------------------------

def test_metrics_please_promtool(scripted_gateway, bouncer):
    scripted_gateway.say_ages({"a": 60, "b": 0})
    running = bouncer(settings(on_host("a"), on_host('b "q" \\ é'),
                               push_gw=scripted_gateway.url))
    running.wait_step("a", "ok")
    text = running.metrics()
    assert promtool_check(text) == ""
    for family in (
            "build_info", "monitors", "monitor_state", "monitor_age_seconds",
            "monitor_limit_seconds", "checks_total", "bounces_total",
            "steps_total", "held_total", "source_up", "source_fetches_total",
            "source_fetch_bytes_total", "source_fetch_duration_seconds",
            "bounce_duration_seconds"):
        assert f"# TYPE bouncer_{family} " in text, family
    states = [line for line in text.splitlines()
              if line.startswith('bouncer_monitor_state{monitor="a"')]
    assert sum(line.endswith(" 1") for line in states) == 1


def test_prometheus_reads_it(scripted_gateway, bouncer, prometheus):
    scripted_gateway.say_ages({"a": 0})
    running = bouncer(settings(on_host("a"), push_gw=scripted_gateway.url))
    running.wait_state("a", "good")
    prometheus.scrape(f"127.0.0.1:{running.port}")
    running.wait_for(
        lambda b: [found["value"][1] for found in prometheus.query(
            'bouncer_monitor_state{state="good"}')] == ["1"],
        what="a scraped state")


def test_pages(scripted_gateway, bouncer):
    scripted_gateway.say_ages({"a <b>": 0})
    running = bouncer(settings(on_host("a <b>"),
                               push_gw=scripted_gateway.url))
    running.wait_state("a <b>", "good")

    def get(path, method="GET"):
        return running.client.call(method, path)

    assert get("/-/healthy").status == 200
    assert get("/-/ready").status == 200
    page = get("/")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "a &lt;b&gt;" in page.text and "<script" not in page.text
    assert get("/api/v1/monitors/a%20%3Cb%3E").json()["state"] == "good"
    assert get("/api/v1/monitors/nobody").status == 404
    assert get("/no/such/page").status == 404
    assert get("/metrics", "DELETE").status == 405
    head = get("/metrics", "HEAD")
    assert head.status == 200 and head.body == b""
    assert get("/api/v1/journal?limit=nonsense").status == 400


def test_journal_is_asked_for_in_parts(scripted_gateway, bouncer):
    scripted_gateway.say_ages({"a": 60, "b c": 0})
    running = bouncer(settings(on_host("a", "/bin/false", max_bounces=1),
                               on_host("b c"), push_gw=scripted_gateway.url))
    running.wait_state("a", "gave_up")
    running.wait_state("b c", "good")
    entries = running.journal(limit=None)
    numbers = [entry["seq"] for entry in entries]
    assert numbers == sorted(numbers)
    assert {entry["monitor"] for entry in running.journal("a")} == {"a"}
    assert running.journal(limit=2) == entries[-2:]
    # The space of a query may be written either way.
    for name in ("b%20c", "b+c"):
        found = running.client.ask("GET", f"/api/v1/journal?monitor={name}")
        assert {e["monitor"] for e in found.json()["entries"]} == {"b c"}
    later = running.journal(since=numbers[1])
    assert later and all(entry["seq"] > numbers[1] for entry in later)


# --- what it remembers ------------------------------------------------------

def spent(state_dir):
    """Bounces in the saved state; it is written a moment after they began."""
    try:
        with open(f"{state_dir}/state.json", encoding="utf-8") as text:
            return len(json.load(text)["monitors"][0]["bounces_ms"])
    except FileNotFoundError:
        return 0


def test_budget_survives_the_worst_end(scripted_gateway, bouncer, directory):
    state_dir = os.path.join(directory, "budget")
    os.mkdir(state_dir)
    scripted_gateway.say_ages({"a": 60})
    running = bouncer(settings(
        on_host("a", "/bin/false", max_bounces=2, cooldown="300ms"),
        push_gw=scripted_gateway.url, state_dir=state_dir))
    running.wait_state("a", "gave_up")
    running.wait_for(lambda b: spent(state_dir) == 2, what="a saved budget")
    running.kill()

    running.start()
    running.wait_state("a", "gave_up")
    assert running.steps("a") == [], "the budget was spent before"


def test_damaged_state_is_set_aside(scripted_gateway, bouncer, directory):
    state_dir = os.path.join(directory, "damaged")
    os.mkdir(state_dir)
    scripted_gateway.say_ages({"a": 60})
    running = bouncer(settings(on_host("a", "/bin/false", max_bounces=1),
                               push_gw=scripted_gateway.url,
                               state_dir=state_dir))
    running.wait_state("a", "gave_up")
    assert running.end() == 0
    files = os.listdir(state_dir)
    assert files
    for name in files:
        write(state_dir, name, '{"version": ')

    running.start()
    running.wait_log("cannot be used", state_dir)
    running.wait_step("a", "failed")
    running.wait_for(lambda b: len(os.listdir(state_dir)) > len(files),
                     what="a new file beside the old one")


@pytest.mark.parametrize("followed", [True, False],
                         ids=["state_file", "only_the_record"])
def test_brings_back_what_it_stopped(dockerd, scripted_gateway, bouncer,
                                     directory, followed):
    """The program is killed while a container is being stopped for a restart;
    its next run finds it down because of us, also where the state file was
    not written any more."""
    state_dir = os.path.join(directory, f"promise{followed}")
    in_the_way = os.path.join(state_dir, "state.json.tmp")
    begun = os.path.join(state_dir, "begun")
    os.mkdir(state_dir)
    if not followed:
        os.mkdir(in_the_way)
    dockerd.run("victim", STUBBORN)
    scripted_gateway.say_ages({"victim": 60})
    running = bouncer(settings(
        monitor("victim", type="docker", container_name="victim",
                restart_type="container", stop_timeout="3s"),
        push_gw=scripted_gateway.url, socket_docker=dockerd.socket,
        state_dir=state_dir))
    before = dockerd.started_at("victim")
    running.wait_for(
        lambda b: dockerd.read_file("victim", "/tmp/asked"),
        what="the container asked to stop")
    running.kill()
    if not followed:
        assert not os.path.exists(f"{state_dir}/state.json")
        with open(begun, "a", encoding="utf-8") as record:
            record.write('\n{"begun": 7, "monit')    # cut short
        os.rmdir(in_the_way)
    # The engine goes on without us; whether it also starts again is its own
    # affair, and with an old one it does not.
    wait_until(lambda: not dockerd.state("victim")["Running"] or
               dockerd.started_at("victim") != before, 20, "the stop")

    scripted_gateway.say_ages({"victim": 0})
    running.start()
    running.wait_for(lambda b: dockerd.state("victim")["Running"],
                     what="the target brought back")
    assert dockerd.started_at("victim") != before
    running.wait_for(lambda b: spent(state_dir) == 1,
                     what="the bounce in the state file")
    wait_until(lambda: os.path.getsize(begun) == 0, 20, "an empty record")


def test_without_a_record(dockerd, scripted_gateway, bouncer, directory):
    """Something else is in its place: steps wait for the state file."""
    state_dir = os.path.join(directory, "no_record")
    os.makedirs(os.path.join(state_dir, "begun"))
    dockerd.run("web", STUBBORN)
    scripted_gateway.say_ages({"web": 60})
    running = bouncer(settings(
        monitor("web", type="docker", container_name="web",
                restart_type="container", max_bounces=1, stop_timeout="0s"),
        push_gw=scripted_gateway.url, socket_docker=dockerd.socket,
        state_dir=state_dir))
    running.wait_log("record of what was begun cannot be read")
    running.wait_step("web", "ok")
    running.kill()
    assert spent(state_dir) == 1
