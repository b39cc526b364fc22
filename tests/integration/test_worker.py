# SPDX-License-Identifier: Apache-2.0
"""The worker beside a real Prometheus, under a registry that is scripted:
what a real registry would never send is sent here."""

import http.server
import os
import signal
import stat
import subprocess
import threading

import pytest

from daemons.process import free_port
from daemons.scripted_registry import ScriptedRegistry
from daemons.tls import Authority, Terminator
from daemons.worker import (RELOADED_SECONDS, FilePrometheus, Worker, rules,
                            targets)

BAD_RULES = rules("broken", expr="sum(")
ONCE_SECONDS = 60
POLLED_SECONDS = 20     # less than a poll waits for news


@pytest.fixture
def registry():
    registry = ScriptedRegistry()
    registry.start()
    yield registry
    registry.stop()


@pytest.fixture
def prometheus(tmp_path):
    prometheus = FilePrometheus(str(tmp_path / "prometheus"))
    prometheus.start()
    yield prometheus
    prometheus.stop()


@pytest.fixture
def worker(tmp_path, registry, prometheus):
    worker = Worker(str(tmp_path / "worker"), registry.url, prometheus)
    yield worker
    if worker.process:
        worker.process.kill()


def in_sync(registry):
    """The last report says that all that is wanted is there."""
    if not registry.reports:
        return False
    last = registry.reports[-1]
    wanted = {kind: document["etag"] for kind, document
              in registry.wanted()["documents"].items()}
    return (last["written"] == wanted and last["loaded"] is True and
            last["error"] == "")


def test_all_kinds_are_handed_over(registry, prometheus, worker):
    registry.put(targets=targets("127.0.0.1:9", job="a"),
                 urls=targets("http://a.test/", job="http_2xx"),
                 rules=rules("one"),
                 nodes='[{"id":3,"ip":"192.0.2.1","port":9100},'
                       '{"id":12,"ip":"2001:db8::1","port":9101}]')
    worker.start()
    worker.wait(lambda: in_sync(registry), "a report that all is there")
    assert worker.read(worker.targets) == registry.documents["targets"]
    assert worker.read(worker.urls) == registry.documents["urls"]
    assert worker.read(worker.rules) == registry.documents["rules"]
    assert sorted(os.listdir(worker.nodes)) == ["12.yml", "3.yml"]
    assert worker.read(worker.nodes + "/3.yml") == \
        "- targets: [ '192.0.2.1:9100' ]\n"
    assert worker.read(worker.nodes + "/12.yml") == \
        "- targets: [ '[2001:db8::1]:9101' ]\n"
    assert prometheus.rule_names() == ["one"]
    worker.wait(lambda: {"127.0.0.1:9", "192.0.2.1:9100",
                         "[2001:db8::1]:9101"} <= set(prometheus.active()),
                "targets in Prometheus")
    registry.put(nodes='[{"id":12,"ip":"2001:db8::1","port":9101}]')
    worker.wait(lambda: os.listdir(worker.nodes) == ["12.yml"],
                "the file of a node that is gone is gone")
    assert stat.S_IMODE(os.stat(worker.targets).st_mode) == 0o644
    assert stat.S_IMODE(os.stat(worker.nodes + "/12.yml").st_mode) == 0o644
    assert worker.stop() == 0
    assert not [name for name in os.listdir(f"{prometheus.directory}/sd")
                if name.endswith(".tmp")]


def test_mode_is_exact(registry, worker):
    worker.flags["mode"] = "0666"
    worker.start()
    worker.wait_file(worker.targets, "[]\n")
    assert stat.S_IMODE(os.stat(worker.targets).st_mode) == 0o666


def test_what_is_empty_is_no_missing_file(registry, worker):
    registry.put(targets=targets("127.0.0.1:9"), rules=rules("one"))
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    registry.put(targets="[]\n", rules=rules())
    worker.wait_file(worker.targets, "[]\n")
    worker.wait_file(worker.rules, "groups: []\n")


def test_only_rules_are_reloaded_and_only_if_they_changed(registry,
                                                          prometheus, worker):
    registry.put(rules=rules("one"))
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    name = "prometheus_config_last_reload_success_timestamp_seconds"
    loaded = prometheus.metric(name)
    registry.put(targets=targets("127.0.0.1:9"))
    worker.wait(lambda: in_sync(registry), "in sync")
    assert prometheus.metric(name) == loaded
    registry.put()      # nothing became different
    registry.put(rules=rules("two"))
    worker.wait(lambda: in_sync(registry), "in sync")
    assert prometheus.metric(name) > loaded
    assert prometheus.rule_names() == ["two"]


def test_a_start_with_the_same_writes_nothing(registry, prometheus, worker):
    registry.put(targets=targets("127.0.0.1:9"), rules=rules("one"))
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    worker.stop()
    before = [os.stat(path).st_ino for path in (worker.targets, worker.rules)]
    loaded = prometheus.metric(
        "prometheus_config_last_reload_success_timestamp_seconds")
    registry.reports.clear()
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync again")
    assert before == [os.stat(path).st_ino
                      for path in (worker.targets, worker.rules)]
    assert loaded == prometheus.metric(
        "prometheus_config_last_reload_success_timestamp_seconds")


def test_a_burst_is_few_writes(registry, worker):
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    registry.fetches.clear()
    registry.put_all({"targets": targets(f"127.0.0.1:{n}")}
                     for n in range(1, 101))
    worker.wait(lambda: in_sync(registry), "in sync")
    assert worker.read(worker.targets) == targets("127.0.0.1:100")
    assert len(registry.fetches) <= 3


def test_bad_rules_are_taken_back(registry, prometheus, worker):
    registry.put(rules=rules("good"))
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    registry.put(rules=BAD_RULES)
    worker.wait(lambda: "last good rules are loaded" in
                registry.reports[-1]["error"], "a report of bad rules")
    assert worker.read(worker.rules) == rules("good")
    assert prometheus.rule_names() == ["good"]
    last = registry.reports[-1]
    assert last["loaded"] is True
    assert last["written"]["rules"] != \
        registry.wanted()["documents"]["rules"]["etag"]
    # targets go on meanwhile, and the bad ones are not tried again
    n_reloads = worker.n_said("written", "rules.yml")
    registry.put(targets=targets("127.0.0.1:9"))
    worker.wait_file(worker.targets, targets("127.0.0.1:9"))
    assert worker.n_said("written", "rules.yml") == n_reloads
    registry.put(rules=rules("better"))
    worker.wait(lambda: in_sync(registry), "in sync")
    assert prometheus.rule_names() == ["better"]


def test_bad_rules_that_cannot_be_taken_back_at_once(registry, prometheus,
                                                     worker):
    registry.put(rules=rules("good"))
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    prometheus.pause()
    registry.put(rules=BAD_RULES)
    worker.wait_file(worker.rules, BAD_RULES)
    os.mkdir(worker.rules + ".tmp")     # the next write fails
    prometheus.resume()
    worker.wait(lambda: "rules.yml.tmp" in registry.reports[-1]["error"],
                "a report of the file")
    assert worker.read(worker.rules) == BAD_RULES
    os.rmdir(worker.rules + ".tmp")
    worker.wait(lambda: "last good rules are loaded" in
                registry.reports[-1]["error"], "a report of bad rules")
    assert worker.read(worker.rules) == rules("good")
    assert prometheus.metric("prometheus_config_last_reload_successful") == 1
    registry.put(rules=rules("better"))
    worker.wait(lambda: in_sync(registry), "in sync")
    assert prometheus.rule_names() == ["better"]


def test_first_rules_that_are_bad_leave_none(registry, prometheus, worker):
    registry.put(rules=BAD_RULES)
    worker.start()
    worker.wait(lambda: registry.reports and "last good rules are loaded" in
                registry.reports[-1]["error"], "a report of bad rules")
    assert worker.read(worker.rules) == "groups: []\n"
    assert prometheus.metric("prometheus_config_last_reload_successful") == 1


def test_good_rules_are_known_after_a_kill(registry, prometheus, worker):
    """Killed between the write of bad rules and the answer to the reload."""
    registry.put(rules=rules("good"))
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    worker.wait_file(worker.rules + ".good", rules("good"))
    worker.process.kill()
    with open(worker.rules, "w", encoding="utf-8") as out:
        out.write(BAD_RULES)
    registry.put(rules=BAD_RULES)
    worker.start()
    worker.wait(lambda: "last good rules are loaded" in
                registry.reports[-1]["error"], "a report of bad rules")
    assert worker.read(worker.rules) == rules("good")
    assert prometheus.rule_names() == ["good"]


def test_a_configuration_that_is_broken_otherwise(registry, prometheus,
                                                  worker):
    registry.put(rules=rules("good"))
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    prometheus.break_config()
    registry.put(rules=rules("new"))
    worker.wait(lambda: "something else is wrong" in
                registry.reports[-1]["error"], "a report")
    assert registry.reports[-1]["loaded"] is False
    prometheus.mend_config()
    worker.process.signal(signal.SIGHUP)
    worker.wait(lambda: in_sync(registry), "in sync")
    assert prometheus.rule_names() == ["new"]


def test_prometheus_is_down_for_a_while(registry, prometheus, worker):
    prometheus.stop()
    registry.put(rules=rules("one"), targets=targets("127.0.0.1:9"))
    worker.start()
    worker.wait(lambda: registry.reports and
                "connection refused" in registry.reports[-1]["error"],
                "a report")
    assert worker.read(worker.rules) == rules("one")
    worker.wait_file(worker.targets, targets("127.0.0.1:9"))
    assert registry.reports[-1]["loaded"] is None
    prometheus.start()
    worker.wait(lambda: in_sync(registry), "in sync", RELOADED_SECONDS)


def test_no_lifecycle_is_said_with_its_remedy(registry, tmp_path):
    prometheus = FilePrometheus(str(tmp_path / "p"), lifecycle=False)
    prometheus.start()
    worker = Worker(str(tmp_path / "worker"), registry.url, prometheus)
    try:
        registry.put(rules=rules("one"))
        worker.start()
        worker.wait(lambda: registry.reports and "--web.enable-lifecycle" in
                    registry.reports[-1]["error"], "a report")
        assert worker.read(worker.rules) == rules("one")
        checked = subprocess.run(worker.argv("--check"), text=True,
                                 capture_output=True, check=False,
                                 timeout=ONCE_SECONDS)
        assert checked.returncode == 1
        assert "--web.enable-lifecycle" in checked.stdout
    finally:
        worker.stop()
        prometheus.stop()


def test_a_registry_that_comes_back(registry, worker):
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    port = registry.port
    registry.stop()
    worker.wait(lambda: worker.n_said("cannot watch"), "it noticed")
    registry.put(targets=targets("127.0.0.1:9"))
    registry.reports.clear()
    registry.start(port)
    worker.wait_file(worker.targets, targets("127.0.0.1:9"))
    worker.wait(lambda: in_sync(registry), "it is told again")
    assert registry.headers[-1]["Last-Event-ID"]


def test_it_resumes_where_it_was(registry, worker):
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    port = registry.port
    registry.stop()
    worker.wait(lambda: worker.n_said("cannot watch"), "it noticed")
    registry.fetches.clear()
    registry.reports.clear()
    registry.start(port)
    worker.wait(lambda: registry.reports, "a report")
    assert registry.headers[-1]["Last-Event-ID"] == str(registry.revision)
    assert not registry.fetches


def test_who_eats_streams_is_polled(registry, worker):
    registry.eats_streams = True
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    assert registry.polls >= 1
    registry.put(targets=targets("127.0.0.1:9"))
    worker.wait_file(worker.targets, targets("127.0.0.1:9"), POLLED_SECONDS)


@pytest.mark.parametrize("status, kind, body, words", [
    (200, "text/html", "<html>Sign in, please</html>", "between us"),
    (200, "application/json", '[{"targets":', "between us"),
    (200, "application/json", "", "between us"),
    (500, "application/json", '{"detail":"no memory"}', "no memory"),
    (404, "application/json", '{"detail":"no such shard"}', "no such shard"),
])
def test_what_is_no_document_is_no_file(registry, worker, status, kind, body,
                                        words):
    registry.put(targets=targets("127.0.0.1:9"))
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    registry.refuse["targets"] = (status, kind, body)
    registry.put(targets=targets("127.0.0.1:10"))
    worker.wait(lambda: registry.reports[-1]["error"], "a report")
    assert words in registry.reports[-1]["error"]
    assert worker.read(worker.targets) == targets("127.0.0.1:9")
    registry.refuse.clear()
    worker.wait_file(worker.targets, targets("127.0.0.1:10"))


def test_a_file_that_cannot_be_written(registry, prometheus, worker):
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    os.rename(f"{prometheus.directory}/sd", f"{prometheus.directory}/away")
    registry.put(targets=targets("127.0.0.1:9"))
    worker.wait(lambda: "targets.json" in registry.reports[-1]["error"],
                "a report")
    os.rename(f"{prometheus.directory}/away", f"{prometheus.directory}/sd")
    worker.wait_file(worker.targets, targets("127.0.0.1:9"))
    worker.wait(lambda: in_sync(registry), "in sync")


def test_a_server_that_is_not_registered(registry, worker):
    registry.unknown = True
    worker.start()
    worker.wait(lambda: worker.n_said("register-server"), "the remedy")
    registry.unknown = False
    worker.wait_file(worker.targets, "[]\n")


def test_a_token_is_read_each_time(registry, worker, tmp_path):
    token = tmp_path / "token"
    token.write_text("old\n")
    registry.token = "new"
    worker.flags["token-file"] = str(token)
    worker.start()
    worker.wait(lambda: worker.n_said("HTTP status 401"), "refused")
    token.write_text("new\n")
    worker.wait_file(worker.targets, "[]\n")


def test_a_token_that_is_revoked_while_it_watches(registry, worker, tmp_path):
    token = tmp_path / "token"
    token.write_text("old\n")
    registry.token = "old"
    worker.flags["token-file"] = str(token)
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    registry.token = "new"
    registry.put(targets=targets("127.0.0.1:9"))
    worker.wait(lambda: worker.n_said("cannot hand over", "who are you?",
                                      "revoked"), "the remedy")
    assert worker.read(worker.targets) == "[]\n"
    token.write_text("new\n")
    worker.wait_file(worker.targets, targets("127.0.0.1:9"), 40)


def test_a_prometheus_that_wants_a_password(registry, worker, tmp_path):
    token = tmp_path / "token"
    token.write_text("secret\n")
    registry.token = "secret"
    registry.put(rules=rules("one"))
    # the token is not for whoever is reloaded, who so answers 401
    worker.flags.update({"token-file": str(token), "prometheus": registry.url})
    worker.start()
    worker.wait(lambda: registry.reports and "USER:PASSWORD@HOST" in
                registry.reports[-1]["error"], "a report")


def test_a_hangup_repairs_what_others_did(registry, worker):
    registry.put(targets=targets("127.0.0.1:9"))
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    with open(worker.targets, "w", encoding="utf-8") as out:
        out.write("[]")
    worker.process.signal(signal.SIGHUP)
    worker.wait_file(worker.targets, targets("127.0.0.1:9"))


def test_a_hangup_repairs_rules(registry, prometheus, worker):
    registry.put(rules=rules("one"))
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    worker.wait_file(worker.rules + ".good", rules("one"))
    for path in (worker.rules, worker.rules + ".good"):
        os.unlink(path)
    worker.process.signal(signal.SIGHUP)
    worker.wait_file(worker.rules, rules("one"))
    worker.wait_file(worker.rules + ".good", rules("one"))
    assert prometheus.rule_names() == ["one"]


def test_a_hangup_repairs_the_files_of_nodes(registry, worker):
    registry.put(nodes='[{"id":3,"ip":"192.0.2.1","port":9100},'
                       '{"id":4,"ip":"192.0.2.2","port":9100}]')
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    file = worker.nodes + "/3.yml"
    as_it_should_be = worker.read(file)
    for name in ("3.yml", "9.yml"):
        with open(f"{worker.nodes}/{name}", "w", encoding="utf-8") as out:
            out.write("- targets: [ '192.0.2.9:1' ]\n")
    os.unlink(worker.nodes + "/4.yml")
    worker.process.signal(signal.SIGHUP)
    worker.wait_file(file, as_it_should_be)
    worker.wait(lambda: sorted(os.listdir(worker.nodes)) ==
                ["3.yml", "4.yml"], "all others are as they should be")


def test_once_ends_when_all_is_there(registry, worker):
    registry.put(targets=targets("127.0.0.1:9"), rules=rules("one"))
    done = subprocess.run(worker.argv("--once"), check=False,
                          timeout=ONCE_SECONDS)
    assert done.returncode == 0
    assert worker.read(worker.targets) == targets("127.0.0.1:9")
    assert in_sync(registry)
    registry.put(rules=BAD_RULES)
    done = subprocess.run(worker.argv("--once"), check=False,
                          timeout=ONCE_SECONDS)
    assert done.returncode == 1
    assert worker.read(worker.rules) == rules("one")
    registry.unknown = True
    done = subprocess.run(worker.argv("--once"), check=False,
                          timeout=ONCE_SECONDS)
    assert done.returncode == 4
    worker.flags["token-file"] = "/nonexistent/token"
    done = subprocess.run(worker.argv("--once"), check=False,
                          timeout=ONCE_SECONDS)
    assert done.returncode == 1     # nobody was asked
    del worker.flags["token-file"]
    registry.stop()
    done = subprocess.run(worker.argv("--once"), check=False,
                          timeout=ONCE_SECONDS)
    assert done.returncode == 3


def test_once_that_is_stopped_is_no_success(registry, prometheus, worker):
    registry.put(rules=rules("one"))
    prometheus.pause()      # the reload hangs
    worker.start("--once")
    worker.wait_file(worker.rules, rules("one"))
    assert worker.stop() == 1
    prometheus.resume()


def test_check_says_what_would_not_work(registry, prometheus, worker):
    checked = subprocess.run(worker.argv("--check"), check=False, text=True,
                             capture_output=True, timeout=ONCE_SECONDS)
    assert checked.returncode == 0, checked.stdout
    assert "shard: tokyo" in checked.stdout
    assert worker.read(worker.targets) is None
    worker.flags["prometheus"] = f"http://127.0.0.1:{free_port()}"
    worker.targets = "/nonexistent/targets.json"
    checked = subprocess.run(worker.argv("--check"), check=False, text=True,
                             capture_output=True, timeout=ONCE_SECONDS)
    assert checked.returncode != 0
    assert "wrong /nonexistent" in checked.stdout


def test_check_takes_authorities_and_keeps_the_token(tmp_path, registry,
                                                     worker):
    """As the unit does: the token is named by the environment."""
    registry.token = "secret"
    (tmp_path / "token").write_text("secret\n", encoding="ascii")
    authority = Authority(str(tmp_path / "tls"))
    asked = []

    class Asked(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers.get("Authorization")))
            body = b'{"data": {"web.enable-lifecycle": "true"}}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Asked) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        terminator = Terminator(registry.port, *authority.issue("server"))
        worker.flags.update({
            "registry": terminator.url,
            "prometheus": f"http://127.0.0.1:{other.server_port}",
            "ca-file": authority.certificate, "nodes": None})
        env = {**os.environ, "BOUNCER_TOKEN_FILE": str(tmp_path / "token")}
        try:
            checked = subprocess.run(worker.argv("--check"), check=False,
                                     text=True, capture_output=True, env=env,
                                     timeout=ONCE_SECONDS)
        finally:
            terminator.stop()
            other.shutdown()
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "shard: tokyo" in checked.stdout
    assert asked == [("/api/v1/status/flags", None)]


def refused(worker, *args):
    done = subprocess.run(worker.argv(*args), text=True, check=False,
                          capture_output=True, timeout=ONCE_SECONDS)
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("shared", ["targets", "urls", "rules", "nodes"])
def test_a_second_worker_of_the_same_files_is_refused(
        registry, prometheus, worker, tmp_path, shared):
    registry.put(nodes='[{"id":3,"ip":"192.0.2.1","port":9100}]')
    worker.start()
    worker.wait(lambda: in_sync(registry), "in sync")
    second = Worker(str(tmp_path / "second"), registry.url, prometheus)
    for kind in {"targets", "urls", "rules", "nodes"} - {shared}:
        setattr(second, kind, None)
    for args in ([], ["--once"]):
        said = refused(second, *args)
        assert getattr(worker, shared) in said
        assert "stop that worker" in said
    worker.process.kill()
    second.start()
    try:
        second.wait(lambda: second.n_said("watching the registry"),
                    "it has the file now")
    finally:
        second.stop()


def test_two_options_with_one_file_are_refused(worker):
    worker.urls = worker.targets
    assert worker.targets in refused(worker)


def test_a_password_is_not_shown(registry, prometheus, worker):
    def said(*args):
        done = subprocess.run(worker.argv(*args), text=True, check=False,
                              capture_output=True, timeout=ONCE_SECONDS)
        assert "sEcret" not in done.stdout + done.stderr
        return done.stdout + done.stderr

    worker.flags["prometheus"] = \
        f"http://user:sEcret@127.0.0.1:{prometheus.port}"
    assert "lets itself be reloaded" in said("--check")
    worker.flags["prometheus"] = \
        f"http://user:sEcret@127.0.0.1:{free_port()}"
    assert "cannot be asked" in said("--check")
    worker.flags["prometheus"] = "http://user:sEcret@127.0.0.1:99999"
    assert "99999" in said("--once")


@pytest.mark.parametrize("argv, words", [
    ([], "--registry URL is missing"),
    (["--registry=http://a:1"], "nothing to write"),
    (["--registry=http://a:1", "--targets=t", "--mode=999"], "octal"),
])
def test_what_is_missing_is_named(worker, argv, words):
    done = subprocess.run([worker.argv()[0], "worker", *argv], text=True,
                          capture_output=True, check=False,
                          timeout=ONCE_SECONDS)
    assert done.returncode == 2
    assert words in done.stderr


def test_environment_and_queues(registry, worker):
    worker.flags.update({"server": None, "registry": None, "targets": None,
                         "urls": None, "rules": None, "nodes": None})
    worker.start("-Q", f"celery,{worker.server}",
                 env={"BOUNCER_REGISTRY": registry.url,
                      "BOUNCER_TARGETS": worker.targets})
    worker.wait_file(worker.targets, "[]\n")
    assert worker.read(worker.rules) is None
