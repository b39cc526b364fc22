# SPDX-License-Identifier: Apache-2.0
"""In the place of prometheus-am-executor: what its own tests ask of it, and
what those who run it expect."""

import json
import os
import signal

import pytest

from daemons.bouncer import program, samples
from daemons.http import Client
from daemons.process import Process, free_port, wait_until

SECONDS = 30
ZERO = "0001-01-01T00:00:00Z"
HEALTH = "All systems are functioning within normal specifications.\n"


class Executor:
    """The program under its other name."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.name = os.path.join(self.directory, "am-executor")
        os.symlink(program(), self.name)
        self.port = free_port()
        self.client = Client(f"http://127.0.0.1:{self.port}")
        self.log = os.path.join(self.directory, "log")
        self.ran = os.path.join(self.directory, "ran")
        self.process = None

    def start(self, *commands, args=()):
        path = os.path.join(self.directory, "amx.yml")
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"commands": list(commands)}, out)
        env = {"RUNTIME_DIRECTORY": self.directory, "RAN": self.ran,
               "STATE_DIRECTORY": f"{self.directory}/state"}
        self.process = Process(
            [self.name, "-l", f"127.0.0.1:{self.port}", "-f", path, *args],
            self.log, env=env, cwd=self.directory)
        self.process.wait_ready(lambda: self.client.answers("/_health"),
                                SECONDS)
        return self

    def end(self, number=signal.SIGTERM):
        self.process.signal(number)
        return self.process.wait(SECONDS)

    def post(self, *alerts, path="/", status=200, **keys):
        reply = self.client.call("POST", path, message(*alerts, **keys), {})
        assert reply.status == status, reply.text

    def words(self):
        try:
            with open(self.ran, encoding="utf-8") as lines:
                return lines.read().split()
        except FileNotFoundError:
            return []

    def wait_words(self, *words):
        """Exactly these, in any order."""
        wait_until(lambda: len(self.words()) >= len(words), SECONDS,
                   f"{words} of {self.words()}")
        assert sorted(self.words()) == sorted(words)

    def metric(self, name, **labels):
        text = self.client.ask("GET", "/metrics").text
        return sum(value for sample, has, value in samples(text)
                   if sample == name and labels.items() <= has.items())

    def wait_metric(self, value, name, **labels):
        wait_until(lambda: self.metric(name, **labels) == value, SECONDS,
                   f"{name} {labels} is {value}")


@pytest.fixture
def executor(tmp_path):
    one = Executor(tmp_path)
    yield one
    if one.process and one.process.alive:
        assert one.end() == 0


def shell(script, **keys):
    """A command that is one script; $RAN is where it leaves words behind."""
    return {"cmd": "/bin/sh", "args": ["-c", script], **keys}


def alert(name="Disk", status="firing", start="2026-11-21T10:00:00Z",
          fingerprint=None, **labels):
    one = {"status": status, "labels": {"alertname": name, **labels},
           "annotations": {}, "startsAt": start, "endsAt": ZERO,
           "generatorURL": ""}
    return {**one, "fingerprint": fingerprint} if fingerprint else one


def message(*alerts, group="g", common=None, **keys):
    sets = [alert["labels"].items() for alert in alerts]
    if common is None:
        common = dict(set(sets[0]).intersection(*sets))
    return json.dumps({
        "receiver": "hook", "status": "firing", "alerts": list(alerts),
        "groupLabels": {}, "commonLabels": common, "commonAnnotations": {},
        "externalURL": "", "version": "4", "groupKey": group,
        **keys}).encode()


# --- what its own tests ask ---------------------------------------------------


def test_health(executor):
    executor.start({"cmd": "/bin/true"})
    assert executor.client.ask("GET", "/_health").text == HEALTH
    assert executor.client.call("POST", "/_health", message(alert()),
                                {}).status == 405


def test_good(executor):
    """Any path takes messages."""
    executor.start(shell("echo ran >>$RAN"))
    for n, path in enumerate(("/", "/webhook", "/a/b?c=d")):
        executor.post(alert(), path=path, group=f"g{n}")
    executor.wait_words("ran", "ran", "ran")


def test_bad_json(executor):
    executor.start({"cmd": "/bin/true"})
    assert executor.client.call("POST", "/", b"{", {}).status == 400
    assert executor.metric("am_executor_errors_total", stage="unmarshal") == 1


def test_failure_is_tried_again(executor):
    """There it answers 500, and Alertmanager sends again; here it is tried
    again, while it fires, without that."""
    executor.start(shell("echo ran >>$RAN; test $(wc -l <$RAN) -ge 3"))
    executor.post(alert())
    executor.wait_words("ran", "ran", "ran")
    executor.post(alert(status="resolved"))


def test_failure_that_is_not_told(executor):
    """notify_on_failure: false there is one try, and is that here."""
    executor.start(shell("echo ran >>$RAN; false", notify_on_failure=False),
                   shell("echo other >>$RAN; test $(grep -c other $RAN) -ge 3"
                         ))
    executor.post(alert())
    wait_until(lambda: executor.words().count("other") == 3, SECONDS,
               "the other one was tried again")
    assert executor.words().count("ran") == 1
    # once more for another incident
    executor.post(alert(start="2026-11-21T10:00:01Z"))
    wait_until(lambda: executor.words().count("ran") == 2, SECONDS,
               "it fires anew")


def test_resolved_kills(executor):
    """The whole group of processes gets the signal, and nothing is run."""
    executor.start(shell("trap 'echo told >>$RAN; exit 0' USR1; "
                         "echo ran >>$RAN; sleep 60 & wait",
                         resolved_signal="sigusr1"))
    executor.post(alert())
    executor.wait_words("ran")
    executor.post(alert(status="resolved"))
    executor.wait_words("ran", "told")


def test_resolved_signal_is_kill(executor):
    executor.start(shell("echo $$ >>$RAN; sleep 60; echo end >>$RAN"))
    executor.post(alert())
    wait_until(executor.words, SECONDS, "it runs")
    pid = int(executor.words()[0])
    executor.post(alert(status="resolved"))
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), SECONDS,
               "it is killed")
    assert executor.words() == [str(pid)]


def test_ignore_resolved(executor):
    executor.start(shell("echo ran >>$RAN; while ! test -e go; do sleep .05;"
                         " done; echo end >>$RAN", ignore_resolved=True))
    executor.post(alert())
    executor.wait_words("ran")
    executor.post(alert(status="resolved"))
    executor.wait_metric(0, "bouncer_alerts_active")
    with open(f"{executor.directory}/go", "w", encoding="utf-8"):
        pass
    executor.wait_words("ran", "end")


@pytest.mark.parametrize("limit", [{}, {"max": 1}, {"max": -1}])
def test_three_triggers(executor, limit):
    """Of the same: it runs once."""
    executor.start(shell("echo ran >>$RAN; while ! test -e go; do sleep .05;"
                         " done", **limit))
    for _ in range(3):
        executor.post(alert())
    executor.wait_words("ran")
    executor.wait_metric(2, "bouncer_alerts_duplicates_total")
    with open(f"{executor.directory}/go", "w", encoding="utf-8"):
        pass
    executor.post(alert("Other"), group="h")
    executor.wait_words("ran", "ran")


def test_max(executor):
    """It is one of the command's own: what is over it waits."""
    executor.start(
        shell("echo a >>$RAN; while ! test -e go; do sleep .05; done", max=1),
        shell("echo b >>$RAN; while ! test -e go; do sleep .05; done"))
    for n in range(3):
        executor.post(alert(f"A{n}"), group=f"g{n}")
    executor.wait_words("a", "b", "b", "b")
    with open(f"{executor.directory}/go", "w", encoding="utf-8"):
        pass
    executor.wait_words("a", "a", "a", "b", "b", "b")


def test_matching(executor):
    """What all alerts of the group have in common must be equal."""
    executor.start(
        shell("echo all >>$RAN"),
        shell("echo one >>$RAN", match_labels={"env": "testing"}),
        shell("echo two >>$RAN", match_labels={"env": "testing",
                                               "owner": "me"}),
        shell("echo op >>$RAN", match_labels={"env": "=~t.*"}))
    executor.post(alert(env="testing", owner="me"),
                  alert(env="testing", owner="you"))
    executor.wait_words("all", "one")


def test_command_of_both(executor):
    """One that is in the file and behind the flags is run once."""
    same = shell("echo same >>$RAN")
    executor.start(same, {**same, "max": 3},
                   shell("echo same >>$RAN; echo", match_labels={"a": "b"}),
                   args=("/bin/sh", "-c", "echo same >>$RAN"))
    executor.post(alert())
    executor.wait_words("same")
    executor.post(alert(a="b"), group="h")
    executor.wait_words("same", "same", "same")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_end(executor, number):
    executor.start({"cmd": "/bin/true"})
    assert executor.end(number) == 0


# --- what those who run it expect ---------------------------------------------


def test_another_alert_of_the_group(executor):
    """There each message runs the command; here each that has one more."""
    executor.start(shell("echo ran >>$RAN"))
    executor.post(alert(instance="a"))
    executor.wait_words("ran")
    executor.post(alert(instance="a"), alert(instance="b"))
    executor.wait_words("ran", "ran")
    executor.post(alert(instance="a", status="resolved"), alert(instance="b"))
    executor.post(alert(instance="b"))
    executor.post(alert(instance="b"), alert(instance="c"))
    executor.wait_words("ran", "ran", "ran")


def test_another_alert_while_it_runs(executor):
    executor.start(shell("echo ran >>$RAN; while ! test -e go; do sleep .05;"
                         " done; echo end >>$RAN"))
    executor.post(alert(instance="a"))
    executor.wait_words("ran")
    executor.post(alert(instance="a"), alert(instance="b"))
    executor.post(alert(instance="a"), alert(instance="b"))
    with open(f"{executor.directory}/go", "w", encoding="utf-8"):
        pass
    executor.wait_words("ran", "end", "ran", "end")


def test_fires_again(executor):
    """It was resolved in between, with the same start or a later one."""
    executor.start(shell("echo ran >>$RAN"))
    for n in range(3):
        executor.post(alert())
        executor.wait_words(*(n + 1) * ["ran"])
        executor.post(alert(status="resolved"))


@pytest.mark.parametrize("ignore", [True, False])
def test_flap_while_it_runs(executor, ignore):
    """Resolved and firing again before the command has ended: that is two."""
    executor.start(shell("echo ran >>$RAN; test $(wc -l <$RAN) -gt 1 || "
                         "while ! test -e go; do sleep .05; done",
                         ignore_resolved=ignore))
    executor.post(alert())
    executor.wait_words("ran")
    executor.post(alert(status="resolved"))
    executor.post(alert(start="2026-11-21T10:00:01Z"))
    with open(f"{executor.directory}/go", "w", encoding="utf-8"):
        pass
    executor.wait_words("ran", "ran")


def test_restart(executor):
    """What was acted on is not again; what fires only then, is."""
    command = shell("echo ran >>$RAN")
    executor.start(command)
    executor.post(alert(instance="a"))
    executor.wait_words("ran")
    executor.wait_metric(0, "bouncer_bounces_running")
    executor.end(signal.SIGKILL)
    executor.start(command)
    executor.wait_metric(1, "bouncer_alerts_active")
    executor.post(alert(instance="a"))
    executor.post(alert(instance="a"), alert(instance="b"))
    executor.wait_words("ran", "ran")
    executor.post(alert(instance="a", status="resolved"),
                  alert(instance="b", status="resolved"))
    executor.wait_metric(0, "bouncer_alerts_active")


def test_many_at_once(executor):
    """There is no limit but max."""
    executor.start(shell("echo ran >>$RAN; while ! test -e go; do sleep .1;"
                         " done"))
    for n in range(100):
        executor.post(alert(f"A{n}"), group=f"g{n}")
    executor.wait_words(*100 * ["ran"])
    with open(f"{executor.directory}/go", "w", encoding="utf-8"):
        pass
