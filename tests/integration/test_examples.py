# SPDX-License-Identifier: Apache-2.0
"""Every example runs as its README says, against the real peers; only images,
addresses and times are those of a test."""

import datetime
import os
import re
import shutil
import signal
import subprocess
import urllib.parse

from daemons.bouncer import ROOT, Bouncer, program
from daemons.compose import Compose
from daemons.container import build_image
from daemons.docker import IMAGE
from daemons.http import Client
from daemons.images import import_program
from daemons.lxd import GRACEFUL
from daemons.process import (SEARCH_PATH, Process, Unavailable, find_program,
                             free_port, wait_until)

import pytest
import yaml

EXAMPLES = os.path.join(ROOT, "examples")

RUN_SECONDS = 30
QUICKSTART_SECONDS = 300    # packages may have to be installed

# Times of the examples are for people; a test is in a hurry.
HURRY = {"check_interval": "200ms", "start_grace": "0s"}
LIMITS = {"max_age": "3s", "verify_within": "20s", "stop_timeout": "1s"}


def hurried(path, limits=None, **global_keys):
    """The example's configuration with other times and these keys."""
    with open(path, encoding="utf-8") as text:
        config = yaml.safe_load(text)
    config["global"].update({**HURRY, **global_keys})
    for one in config["monitors"]:
        one.update({**LIMITS, **(limits or {})})
    return yaml.safe_dump(config)


def example(name):
    return os.path.join(EXAMPLES, name)


def copied(name, directory):
    """The example in a directory of the test's; everybody may read it, as
    users of containers must."""
    copy = os.path.join(directory, name)
    shutil.copytree(example(name), copy)
    if name == "registry":      # it borrows the receiver
        shutil.copytree(example("health"), os.path.join(directory, "health"))
    os.chmod(directory, 0o755)
    return copy


def test_every_example_has_a_readme_that_names_its_files():
    for name in sorted(os.listdir(EXAMPLES)):
        with open(os.path.join(EXAMPLES, name, "README.md"),
                  encoding="utf-8") as text:
            readme = text.read()
        for file in os.listdir(os.path.join(EXAMPLES, name)):
            assert file == "README.md" or file in readme, (name, file)


# --- compose -----------------------------------------------------------------

@pytest.fixture
def project(dockerd, tmp_path_factory):
    """project(example, **variables) starts one that is stopped again."""
    started = []

    def start(example, config, **variables):
        directory = str(tmp_path_factory.mktemp(f"project{len(started)}"))
        copy = copied(example, directory)
        with open(os.path.join(copy, "config.yml"), "w",
                  encoding="utf-8") as out:
            out.write(config)
        compose = Compose(dockerd, copy, {
            "DOCKER_SOCKET": dockerd.socket,
            "DOCKER_GID": str(os.stat(dockerd.socket).st_gid),
            "BOUNCER_IMAGE": image, "BUSYBOX_IMAGE": IMAGE,
            "PUSHGATEWAY_IMAGE": "pushgateway", **variables})
        started.append(compose)
        compose.up()
        return compose

    image = build_image(dockerd)
    yield start
    for compose in started:
        print(compose.log_tail())
        compose.down()


def reached(port):
    """The bouncer of a project, asked over its published port."""
    running = Reached(port)
    wait_until(lambda: running.client.answers("/-/ready"), 30, "ready")
    return running


class Reached(Bouncer):
    """One that somebody else started."""

    def __init__(self, port):
        self.client = Client(f"http://127.0.0.1:{port}")

    alive = True

    def log_tail(self):
        return "(it is in a container)"


def hangs_and_comes_back(dockerd, running, name, container):
    running.wait_state(name, "good")
    before = dockerd.started_at(container)
    dockerd.kill(container, "USR1")
    running.wait_step(name, "ok")
    running.wait_recovered(name)
    assert dockerd.started_at(container) != before
    assert dockerd.state(container)["Running"]


def test_compose(dockerd, project):
    gateway = find_program("prometheus-pushgateway",
                           "prometheus-pushgateway")
    import_program(dockerd, "pushgateway", gateway, "pushgateway")
    port = free_port()
    project("compose", hurried(example("compose/config.yml")),
            BOUNCER_PORT=str(port))
    hangs_and_comes_back(dockerd, reached(port), "Importer", "importer")


# --- health ------------------------------------------------------------------

def test_health(dockerd, project):
    """As it stands: what is sick is restarted, and the receiver prints what
    it is told."""
    port = free_port()
    with open(example("health/config.yml"), encoding="utf-8") as text:
        compose = project("health", text.read(), BOUNCER_PORT=str(port))
    running = reached(port)
    running.wait_state("health/health/web/1", "good")
    before = dockerd.started_at("web")
    assert dockerd.exec("web", "/bin/touch", "/run/web/broken") == 0
    running.wait_recovered("health/health/web/1")
    assert dockerd.started_at("web") != before

    def told():
        return compose.run("logs", "--no-color", "receiver")

    wait_until(lambda: '"event":"recovered"' in told(), RUN_SECONDS,
               "news of it")
    assert '"output":"broken"' in told()


# --- registry ----------------------------------------------------------------

REGISTRY_IMAGES = {    # variable: program, what its image has beside it
    "PROMETHEUS_IMAGE": ("prometheus", {"writable": ["prometheus"]}),
    "ALERTMANAGER_IMAGE": ("prometheus-alertmanager", {
        "writable": ["alertmanager"],
        "files": [f"/usr/share/prometheus/alertmanager/{name}.tmpl"
                  for name in ("default", "email")]}),
    "EXPORTER_IMAGE": ("prometheus-node-exporter", {}),
}
REGISTRY_PORTS = ("REGISTRY_PORT", "TOKYO_PORT", "OSAKA_PORT",
                  "ALERTMANAGER_PORT")
LOOP_SECONDS = 90


def imported(dockerd):
    """{variable: image} of programs of this machine."""
    for name, root in REGISTRY_IMAGES.values():
        import_program(dockerd, name, find_program(name, name), name, **root)
    return {variable: name for variable, (name, _) in REGISTRY_IMAGES.items()}


class RegistryProject:
    """That of examples/registry, once it is up."""

    def __init__(self, compose, ports):
        self._compose = compose
        self._clients = {
            name: Client(f"http://127.0.0.1:{ports[name]}")
            for name in ports}

    def command(self, *words):
        """As its README has it, in the registry's container."""
        return self._compose.run("exec", "-T", "registry", "/bouncer", *words)

    def up(self, shard, job):
        """What that Prometheus found of it; None: it does not scrape it."""
        query = urllib.parse.urlencode({"query": f'up{{job="{job}"}}'})
        found = self._clients[shard].ask(
            "GET", f"/api/v1/query?{query}").json()["data"]["result"]
        return found[0]["value"][1] if found else None

    def ready(self, name):
        return self._clients[name].answers("/-/ready")

    def told(self):
        return self._compose.run("logs", "--no-color", "receiver")

    def wait(self, check, what):
        try:
            wait_until(check, LOOP_SECONDS, what)
        except TimeoutError as late:
            raise AssertionError(
                f"{late}\n{self._compose.log_tail()}") from None


@pytest.fixture
def registry_project(dockerd, project):
    with open(example("registry/config.yml"), encoding="utf-8") as text:
        config = text.read()
    ports = {name: free_port() for name in REGISTRY_PORTS}
    compose = project("registry", config, **imported(dockerd),
                      **{name: str(port) for name, port in ports.items()})
    return RegistryProject(compose, ports)


def test_registry(dockerd, registry_project):
    """As it stands: what is in shop.yml is scraped, and an exporter that
    hangs is told of, bounced, and told of again."""
    running = registry_project
    for name in REGISTRY_PORTS:
        running.wait(lambda name=name: running.ready(name), f"{name} is ready")
    plan = running.command("registry", "apply", "/etc/bouncer/shop.yml")
    assert plan.endswith(" created, 0 updated, 0 deleted\n")
    running.wait(lambda: running.up("TOKYO_PORT", "node") == "1",
                 "the exporter is scraped in its shard")
    running.wait(lambda: running.up("OSAKA_PORT", "alertmanager") == "1",
                 "Alertmanager is scraped in the other one")
    assert running.up("OSAKA_PORT", "node") is None
    servers = running.command("registry", "servers")
    assert "prometheus-tokyo:9090" in servers
    assert "prometheus-osaka:9090" in servers

    before = dockerd.started_at("web-exporter")
    dockerd.kill("web-exporter", "STOP")
    running.wait(lambda: '"firing"' in running.told(), "news of it")
    running.wait(lambda: dockerd.started_at("web-exporter") != before,
                 "the exporter is bounced")
    running.wait(lambda: '"resolved"' in running.told(), "news of its end")
    assert "exporter_down" in running.told()
    assert running.up("TOKYO_PORT", "node") == "1"
    running.wait(lambda: "recovered" in running.command("journal"),
                 "the journal says so")
    assert "exporter_down" in running.command("registry", "alerts")


def test_registry_alertmanager_config():
    """It is what the program prints, in a hurry."""
    with open(example("registry/alertmanager.yml"), encoding="utf-8") as text:
        ours = yaml.safe_load(text)
    printed = yaml.safe_load(subprocess.run(
        [program(), "registry", "alertmanager-config", "--url",
         "http://registry:9090", "--token-file", "/run/tokens/alerts"],
        check=True, capture_output=True, text=True).stdout)
    for config in ours, printed:
        del config["route"]["group_wait"], config["route"]["group_interval"]
    assert ours == printed


# --- LXD ---------------------------------------------------------------------

def test_lxd(lxd, pushgateway, bouncer):
    """The service's restart is tried first, and the instance's second."""
    lxd.add_project("mail")
    lxd.launch("weewx", config=GRACEFUL)
    lxd.launch("archive", project="mail", config=GRACEFUL)
    before = lxd.pid("weewx"), lxd.pid("archive", project="mail")
    pushgateway.push("weewx")
    pushgateway.push("archive")
    running = bouncer(hurried(
        example("lxd/config.yml"), {"verify_within": "3s"}, storm_share=0,
        push_gw=pushgateway.url, socket_lxd=lxd.socket, state_dir="none"))
    running.wait_for(lambda b: len(b.steps("WeeWX", "ok")) > 1,
                     what="two steps of WeeWX")
    running.wait_step("Mail archive", "ok")
    assert [step["step"] for step in running.steps("WeeWX")[:2]] == [
        "exec", "restart"]
    pushgateway.push("weewx")
    pushgateway.push("archive")
    running.wait_recovered("WeeWX")
    running.wait_recovered("Mail archive")
    assert lxd.pid("weewx") not in (0, before[0])
    assert lxd.pid("archive", project="mail") not in (0, before[1])


def test_lxd_drop_in_names_the_group():
    """systemd reads it; the unit itself must not name the group."""
    with open(example("lxd/bouncer.service.conf"), encoding="utf-8") as text:
        lines = text.read().splitlines()
    assert "[Service]" in lines and "SupplementaryGroups=lxd" in lines


# --- sidecar -----------------------------------------------------------------

def test_sidecar(dockerd, project):
    """Nothing but the bouncer and its neighbour, who share a network."""
    port = free_port()
    project("sidecar", hurried(example("sidecar/config.yml")),
            BOUNCER_PORT=str(port))
    running = reached(port)
    hangs_and_comes_back(dockerd, running, "Sensor", "sensor")
    assert running.metric("sensor_load", job="sensor") is not None


# --- cron --------------------------------------------------------------------

JOBS = {
    # Each fails or hangs once, if a file says so.
    "backup": '[ "$1" = --all ] || exit 64\n'
              '! rm "$0.broken" 2>/dev/null || exit 3\n',
    "sync-mail": '! rm "$0.hangs" 2>/dev/null || exec sleep 1000\n',
    "disk-usage": "echo disk_used_ratio 0.5\n",
}


class Cron:
    """The example's files, with other places for programs and files."""

    def __init__(self, directory):
        self.directory = directory
        self._places = {"/usr/bin/bouncer": f"{directory}/bouncer",
                        "/usr/local/bin": directory, "/run/": f"{directory}/"}
        self._started = []
        # The steps of the configuration find theirs on the usual port.
        scripts = {"bouncer": f': "${{BOUNCER_URL:=$(cat {directory}/url)}}"\n'
                              f'export BOUNCER_URL\nexec {program()} "$@"\n'}
        for name, script in {**JOBS, **scripts}.items():
            path = os.path.join(directory, name)
            with open(path, "w", encoding="utf-8") as out:
                out.write("#!/bin/sh\n" + script)
            os.chmod(path, 0o755)

    def _placed(self, text):
        for place, ours in self._places.items():
            text = text.replace(place, ours)
        return text

    def config(self):
        return self._placed(hurried(example("cron/config.yml"), {
            "max_age": "1h", "max_runtime": "1s", "verify_within": "3s",
            "cooldown": "200ms", "backoff_max": "1s"}, storm_share=0))

    def commands(self):
        """{the job's name: command line}, as cron cuts it."""
        with open(example("cron/crontab"), encoding="utf-8") as text:
            lines = [line.strip() for line in text]
        self.variables = dict(line.split("=", 1) for line in lines
                              if re.match(r"\w+=", line))
        jobs = [line.split(None, 5)[5] for line in lines
                if line and not re.match(r"#|\w+=", line)]
        assert not [job for job in jobs if "%" in job]
        return {re.search(r"bouncer \w+ (\w+)", job)[1]: self._placed(job)
                for job in jobs}

    def start(self, job, url):
        """As cron does it: by the shell."""
        command = self.commands()[job]
        assert set(self.variables) == {"BOUNCER_URL"}
        with open(f"{self.directory}/url", "w", encoding="utf-8") as out:
            out.write(url)
        process = Process(["/bin/sh", "-c", command],
                          os.path.join(self.directory, f"{job}.log"),
                          env={"BOUNCER_URL": url}, cwd=self.directory)
        self._started.append(process)
        return process

    def stop(self):
        for process in self._started:
            if process.alive:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(RUN_SECONDS)

    def run(self, job, url):
        """The exit code."""
        return self.start(job, url).wait(RUN_SECONDS)

    def touch(self, name):
        with open(os.path.join(self.directory, name), "w",
                  encoding="utf-8"):
            pass


@pytest.fixture
def cron(tmp_path):
    jobs = Cron(str(tmp_path))
    yield jobs
    jobs.stop()


def test_cron_jobs_that_go_well(cron, bouncer):
    running = bouncer(cron.config())
    for job in cron.commands():
        assert cron.run(job, running.url) == 0
    for name in running.monitors():
        running.wait_state(name, "good")
    assert running.metric("disk_used_ratio", job="disk") == 0.5


def test_cron_job_that_fails_is_run_again(cron, bouncer):
    running = bouncer(cron.config())
    assert cron.run("backup", running.url) == 0
    running.wait_state("Backup", "good")
    cron.touch("backup.broken")
    assert cron.run("backup", running.url) == 3
    running.wait_step("Backup", "ok")
    running.wait_recovered("Backup")
    assert running.state("Mail") != "bouncing"


def test_cron_job_that_hangs_is_ended_and_run_again(cron, bouncer):
    running = bouncer(cron.config())
    cron.touch("sync-mail.hangs")
    hanging = cron.start("sync", running.url)
    running.wait_for(lambda b: len(b.steps("Mail", "ok")) > 1,
                     what="it was ended and run again")
    running.wait_recovered("Mail")
    assert hanging.wait(RUN_SECONDS) == 128 + signal.SIGTERM


def test_cron_job_goes_on_without_the_bouncer(cron):
    """A job is more than its report."""
    assert cron.run("backup", f"http://127.0.0.1:{free_port()}") == 0


def test_cron_curl_lines(cron, bouncer):
    """Those of the README, where the program is not installed."""
    running = bouncer(cron.config())
    with open(example("cron/README.md"), encoding="utf-8") as text:
        lines = "".join(line for line in text if "curl -fsS" in line)
    script = lines.replace("http://localhost:9090", running.url).replace(
        "backup --all", f"{cron.directory}/backup --all")
    ran = Process(["/bin/sh", "-c", script], f"{cron.directory}/curl.log")
    assert ran.wait(RUN_SECONDS) == 0, ran.log_tail()
    running.wait_state("Backup", "good")


# --- quickstart --------------------------------------------------------------

def ended_story(*args):
    """All that the script said, which ended well."""
    if os.geteuid() != 0:
        raise Unavailable("the quickstart installs packages, which needs "
                          "root (run the tests by sudo)")
    done = subprocess.run(
        [example("quickstart/run.sh"), *args], text=True, check=False,
        env={**os.environ, "BOUNCER": program()}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=QUICKSTART_SECONDS)
    assert done.returncode == 0, done.stdout
    return done.stdout


def assert_in_order(story, *parts):
    at = 0
    for part in parts:
        assert part in story[at:], f"no {part!r} from here on: {story[at:]}"
        at = story.index(part, at) + len(part)


def test_quickstart():
    assert_in_order(ended_story(), "the exporter is process", "-> good",
                    "the exporter hangs", "-> bouncing", "(run ok)",
                    "recovered", "pushes again", "everything is stopped")


def test_quickstart_with_docker(dockerd):
    """The fixture is there to know that a dockerd runs on this machine."""
    assert_in_order(ended_story("--docker"), "the exporter is a container",
                    "-> good", "the exporter hangs", "(restart ok)",
                    "recovered", "pushes again", "everything is stopped")


def test_quickstart_with_registry(alertmanager, prometheus):
    """The fixtures are there to know that these programs are installed."""
    find_program("prometheus-node-exporter", "prometheus-node-exporter")
    story = ended_story("--registry")
    assert_in_order(story, "made two tokens", "+ project web in shop",
                    "Prometheus scrapes it", "was killed",
                    "service_down of shop/web is firing",
                    "the exporter was bounced",
                    "service_down of shop/web is resolved", "in_sync",
                    "everything is stopped")
    assert_in_order(story, "(run ok)", "recovered")


def pasted(title):
    """The commands of that section of the README."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as text:
        section = text.read().split(f"\n## {title}\n")[1].split("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S)


def test_readme_registry_in_five_minutes(prometheus, tmp_path):
    """As pasted into a shell, but for the ports; its `kill` ends all of it.
    The fixture is there to know that a Prometheus is installed."""
    find_program("prometheus-node-exporter", "prometheus-node-exporter")
    *start, look = pasted("Quick start: the registry in five minutes")
    script = ("trap 'kill $(jobs -p)' EXIT\nset -e\n" + "".join(start) +
              f"for i in $(seq {RUN_SECONDS}); do\n"
              "curl -fsS 'http://127.0.0.1:9191/api/v1/query?query=up'"
              " 2>/dev/null | grep -q ',\"1\"' && break\nsleep 1\ndone\n" +
              look)
    for port in ("9190", "9191", "9192"):
        script = script.replace(port, str(free_port()))
    (tmp_path / "bin").mkdir()
    os.symlink(program(), tmp_path / "bin" / "bouncer")
    ran = Process(["/bin/bash", "-c", script], str(tmp_path / "log"),
                  {"PATH": f"{tmp_path}/bin:{SEARCH_PATH}"}, str(tmp_path))
    try:
        assert ran.wait(3 * RUN_SECONDS) == 0, ran.log_tail()
    finally:
        ran.stop()
    assert_in_order(ran.log_tail(200), "+ project web in shop",
                    "+ rule service_down", "in_sync", "is in sync",
                    '"project":"web"', ',"1"]')


def test_alerts(directory, alertmanager, tmp_path):
    """As its README says, with an Alertmanager of the test's."""
    place = copied("alerts", str(tmp_path))
    port = free_port()
    with open(os.path.join(place, "bouncer.yml"), encoding="utf-8") as text:
        config = text.read().replace("9094", str(port))
    with open(os.path.join(place, "bouncer.yml"), "w",
              encoding="utf-8") as text:
        text.write(config)
    with open(os.path.join(place, "alertmanager.yml"),
              encoding="utf-8") as text:
        receivers = yaml.safe_load(text)["receivers"]
    hook, = receivers[0]["webhook_configs"]
    alertmanager.tell(hook.pop("url").replace("9094", str(port)), **hook)
    process = Process([program(), "run", "-config", "bouncer.yml"],
                      os.path.join(place, "log"), cwd=place)
    client = Client(f"http://127.0.0.1:{port}")
    cleaned = os.path.join(place, "cleaned")
    try:
        process.wait_ready(lambda: client.answers("/-/ready"), RUN_SECONDS)
        labels = {"alertname": "DiskFull", "severity": "critical",
                  "instance": "web-1", "mountpoint": "/srv"}
        alertmanager.post({"labels": labels,
                           "annotations": {"summary": "95 % used"}})
        wait_until(lambda: os.path.exists(cleaned), RUN_SECONDS,
                   "the disk is cleaned")
        now = datetime.datetime.now(datetime.timezone.utc)
        alertmanager.post({"labels": labels, "endsAt": now.isoformat()})
        wait_until(lambda: "/srv of web-1 has room again"
                   in process.log_tail(), RUN_SECONDS, "it is over")
        with open(cleaned, encoding="utf-8") as lines:
            assert lines.read() == "web-1 /srv\n"
    finally:
        process.stop()
