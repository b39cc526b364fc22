# SPDX-License-Identifier: Apache-2.0
"""The sub-commands as an operator and a job use them, against the real
daemon and a real Pushgateway."""

import json
import os
import signal
import subprocess

from daemons.bouncer import monitor, program, settings
from daemons.terminal import Terminal

import pytest

RUN_SECONDS = 30


def on_host(name, **keys):
    return monitor(name, type="host", restart_type="command",
                   restart_command=["/bin/true"], **keys)


class Steered:
    """A daemon and the commands that steer it."""

    def __init__(self, start, directory):
        self.env = {"BOUNCER_CONTROL": os.path.join(directory, "cli.sock"),
                    "TZ": "UTC"}
        self.yaml = settings(on_host("api"), on_host("other"),
                             push_gw="http://127.0.0.1:1",
                             control_socket=self.env["BOUNCER_CONTROL"])
        self.daemon = start(self.yaml)

    def run(self, *args, stdin=""):
        done = subprocess.run([program(), *args], capture_output=True,
                              text=True, timeout=RUN_SECONDS, check=False,
                              input=stdin, env={**os.environ, **self.env})
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def steered(bouncer, directory):
    return Steered(bouncer, directory)


def test_look(steered):
    code, out, _ = steered.run("status")
    assert code == 0 and "MONITOR" in out and "api" in out
    assert "\033" not in out
    assert steered.run("status", "--check")[0] == 1
    assert steered.run("status", "--names")[1] == "api\nother\n"
    shown = json.loads(steered.run("status", "--json", "api")[1])
    assert shown["daemon"]["monitors"] == 2
    assert [one["name"] for one in shown["monitors"]] == ["api"]
    code, out, _ = steered.run("explain", "api")
    assert code == 0 and "http://127.0.0.1:1" in out
    code, _, err = steered.run("explain", "apo")
    assert code == 4 and "did you mean api?" in err
    code, _, err = steered.run("healthcheck")
    assert code == 1 and "127.0.0.1:1" in err and err.count("\n") == 1


def test_steer(steered):
    code, out, err = steered.run("pause", "api", "--for", "1h",
                                 "--reason", "a deploy")
    assert code == 0 and "api is paused until" in out, err
    out = steered.run("status", "api")[1]
    assert "paused until" in out and "(a deploy)" in out
    assert steered.run("resume", "api")[0] == 0
    assert "a deploy" not in steered.run("status", "api")[1]
    code, out, err = steered.run("bounce", "api", "--dry-run")
    assert code == 0 and "/bin/true" in out, err
    assert steered.daemon.steps("api") == []
    assert steered.run("bounce", "api")[0] == 0
    steered.daemon.wait_for(lambda one: one.steps("api", "ok"))
    lines = steered.run("journal", "api")[1].splitlines()
    assert any("step run ok" in line for line in lines)
    assert steered.run("reload")[0] == 0
    steered.daemon.write_config("monitrs: []\n")
    code, _, err = steered.run("reload")
    assert code == 4 and "monitrs" in err


def test_address_needs_a_token(steered):
    url = ["--url", steered.daemon.url]
    assert steered.run("status", *url)[0] == 0
    code, _, err = steered.run("pause", *url)
    assert code == 4 and "control socket" in err


def test_journal_follows_across_a_restart(steered):
    follow = Terminal([program(), "journal", "-f"], env=steered.env,
                      columns=500)
    try:
        follow.wait_for("daemon: ")
        steered.run("pause", "api", "--reason", "one")
        follow.wait_for("-> paused")
        steered.daemon.end()
        follow.wait_for("the daemon is gone")
        steered.daemon.start()
        follow.wait_for("the daemon is back")
        begin = len(follow.text)
        steered.run("pause", "other", "--reason", "two")
        follow.wait_for("other: ", begin)
    finally:
        follow.close()


def test_watch(steered):
    watch = Terminal([program(), "status", "--watch", "200ms"],
                     env=steered.env, columns=60)
    try:
        watch.wait_for("\033[?1049h")
        watch.wait_for("api")
        assert "\033[33munknown" in watch.text
        steered.daemon.end()
        watch.wait_for("connect: ")
        begin = len(watch.text)
        steered.daemon.start()
        watch.wait_for("MONITOR", begin)
        watch.resize(50, 10)
        os.kill(watch.pid, signal.SIGINT)
        assert watch.wait() == 0
        assert watch.text.endswith("\033[?25h\033[?7h\033[?1049l")
    finally:
        watch.close()


def test_no_colours_when_not_wanted(steered):
    plain = Terminal([program(), "status"],
                     env={**steered.env, "NO_COLOR": "1"})
    try:
        assert plain.wait() == 0
        assert "unknown" in plain.text and "\033" not in plain.text
    finally:
        plain.close()


def test_push_to_the_original(steered, pushgateway):
    url = ["--url", pushgateway.url]
    code, _, err = steered.run("push", "cli/job", "--label", "dir=/srv/ä",
                               *url, stdin="x 1\n")
    assert code == 0, err
    code, _, err = steered.run("push", "cli/job", "--label", "dir=/srv/ä",
                               "--add", *url, stdin="y 2\n")
    assert code == 0, err
    text = pushgateway.metrics()
    assert 'x{dir="/srv/ä",instance="",job="cli/job"} 1' in text
    assert 'y{dir="/srv/ä",instance="",job="cli/job"} 2' in text
    code, _, err = steered.run("push", "other", *url, stdin="no metric\n")
    assert code == 4 and "400 Bad Request: " in err
    assert steered.run("push", "cli/job", "--label", "dir=/srv/ä",
                       "--delete", *url)[0] == 0
    assert "cli/job" not in pushgateway.metrics()


def test_ping_forwards_what_asks_it_to_end():
    """To the command, which has its own idea of it."""
    command = ("trap 'echo asked; exit 9' TERM; echo begun; "
               "while :; do sleep 0.05; done")
    ping = subprocess.Popen(
        [program(), "ping", "--quiet", "--url", "http://127.0.0.1:1", "job",
         "--", "sh", "-c", command], stdout=subprocess.PIPE, text=True)
    try:
        assert ping.stdout.readline() == "begun\n"
        ping.send_signal(signal.SIGTERM)
        assert ping.stdout.readline() == "asked\n"
        assert ping.wait(RUN_SECONDS) == 9
    finally:
        ping.kill()
        ping.wait()
        ping.stdout.close()


def test_ping_around_a_command_killed():
    done = subprocess.run(
        [program(), "ping", "-q", "--url", "http://127.0.0.1:1", "job", "--",
         "sh", "-c", "kill -KILL $$"], timeout=RUN_SECONDS, check=False)
    assert done.returncode == 128 + signal.SIGKILL


def test_jobs_of_the_built_in_gateway(bouncer):
    """Beats, a push and a command that fails, with one and the same URL."""
    daemon = bouncer(settings(on_host("api", max_age="1h"),
                              on_host("backup", max_age="1h", for_="1h"),
                              push_gw="builtin"))
    env = {**os.environ, "BOUNCER_URL": daemon.url}

    def run(*args, stdin=""):
        done = subprocess.run([program(), *args], env=env, input=stdin,
                              capture_output=True, text=True, check=False,
                              timeout=RUN_SECONDS)
        return done.returncode, done.stderr

    assert run("push", "api", stdin="x 1\n") == (0, "")
    assert run("ping", "backup") == (0, "")
    daemon.wait_for(lambda one: one.state("api") == "good" and
                    one.state("backup") == "good")
    assert run("ping", "backup", "--", "sh", "-c", "exit 3") == (3, "")
    daemon.wait_for(lambda one: one.state("backup") == "breached")
    code, err = run("push", "api", stdin="no metric\n")
    assert code == 4 and "400 Bad Request" in err
