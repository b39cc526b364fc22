# SPDX-License-Identifier: Apache-2.0
"""Actions that people write themselves: those of examples/plugin, built as
its README says, and those that are shipped; in the program, whole."""

import glob
import hashlib
import hmac
import json
import os
import re
import shutil
import stat
import subprocess

import pytest

from daemons.bouncer import ROOT, monitor, program, settings
from daemons.process import find_program
from daemons.scripted import exposition

EXAMPLES = os.path.join(ROOT, "examples", "plugin")
INCLUDE = os.path.join(ROOT, "include")
SHIPPED = os.path.join(os.path.dirname(program()), "plugins")

# A program that refuses a configuration ends with this.
EXIT_REFUSED = 2


# --- the header, and what is built with it ----------------------------------

@pytest.mark.parametrize("compiler, standard", [
    ("gcc", "c11"), ("gcc", "c17"), ("g++", "c++17"), ("g++", "c++20"),
    ("clang", "c11"), ("clang", "c17"), ("clang++", "c++17")])
def test_the_header_compiles_alone(compiler, standard):
    found = find_program(compiler, compiler.replace("clang++", "clang"))
    kind = "c++" if "++" in compiler else "c"
    ended = subprocess.run(
        [found, "-x", kind, f"-std={standard}", "-Wall", "-Wextra",
         "-pedantic", "-Werror", "-fsyntax-only", f"-I{INCLUDE}", "-"],
        input="#include <bouncer/plugin.h>\n", capture_output=True,
        text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def readme_commands():
    """The lines that build, as the README has them."""
    with open(os.path.join(EXAMPLES, "README.md"), encoding="utf-8") as text:
        return re.findall(r"^    (c(?:c|\+\+) .*)$", text.read(), re.M)


@pytest.fixture(scope="session")
def built(directory):
    """plugin_dir with what README's lines built."""
    path = os.path.join(directory, "plugins")
    os.makedirs(path, mode=0o755)
    assert len(readme_commands()) == 2
    for line in readme_commands():
        name = re.search(r"-o (\S+)", line)[1]
        subprocess.run(line.replace(f"-o {name}", f"-o {path}/{name}"),
                       shell=True, cwd=EXAMPLES, check=True)
    for shipped in glob.glob(f"{SHIPPED}/*.so"):
        shutil.copy(shipped, path)
    for name in os.listdir(path):
        os.chmod(os.path.join(path, name), 0o644)
    return path


# --- monitors whose steps are plugins ----------------------------------------

def plugin(name, timeout="10s", **parameters):
    step = {"type": "plugin", "plugin": name, "timeout": timeout}
    if parameters:
        step["parameters"] = parameters
    return step


def configuration(steps, plugin_dir, **keys):
    """A monitor for each step, all of which are bad."""
    return settings(
        *(monitor(f"m{i}", type="host", cooldown="1h", steps=[step])
          for i, step in enumerate(steps)),
        max_parallel=10, plugin_dir=plugin_dir, **keys)


@pytest.fixture
def gateway(scripted_gateway):
    scripted_gateway.say(exposition({f"m{i}": 60 for i in range(10)}))
    return scripted_gateway


@pytest.fixture
def run_steps(bouncer, gateway, built):
    """run_steps(step, …): the journal's entry of each, and the program."""

    def run(*steps, env=None):
        one = bouncer(configuration(steps, built, push_gw=gateway.url),
                      env=env)
        return [one.wait_for(
            lambda b, name=f"m{i}": next(iter(b.steps(name)), None),
            what=f"the step of m{i}") for i in range(len(steps))], one

    return run


def test_examples_run(run_steps, receiver, directory):
    copies = os.path.join(directory, "programs")
    shutil.copytree(EXAMPLES, copies)
    spool = os.path.join(copies, "m2")
    os.mkdir(spool)
    for i in range(5):
        with open(os.path.join(spool, str(i)), "w", encoding="ascii"):
            pass
    flag = os.path.join(directory, "flag")
    (flagged, posted, tidied, noted), one = run_steps(
        plugin("flag", path=flag),
        plugin("post", url=f"{receiver.url}/told"),
        plugin(f"exec:{copies}/tidy.py", dir=f"{copies}/{{{{ monitor }}}}",
               keep="3"),
        plugin(f"exec:{copies}/note.sh", any="thing"))
    assert (flagged["result"], flagged["detail"]) == ("ok",
                                                      f"{flag} is there")
    assert os.path.exists(flag)
    assert (posted["result"], posted["detail"]) == ("ok", "status 200")
    assert receiver.wait_told(1)[0].text.startswith("m1 is ")
    assert (tidied["result"], tidied["detail"]) == ("ok", "2 files removed")
    assert len(os.listdir(spool)) == 3
    one.wait_log("plugin says", "m2 is")
    assert (noted["result"], noted["detail"]) == ("ok", "noted")
    with open(f"{copies}/notes.json", encoding="utf-8") as notes:
        told = json.loads(notes.read())
    assert told["version"] == 1
    assert told["monitor"] == "m3"
    assert told["parameters"] == {"any": "thing"}
    assert told["attempt"] == 1
    assert told["timeout_ms"] == 10000


def test_the_example_s_configuration_is_good(built, directory):
    with open(os.path.join(EXAMPLES, "config.yml"), encoding="utf-8") as text:
        config = text.read()
    config = config.replace("/usr/local/lib/bouncer/plugins", built)
    config = config.replace("/usr/local/bin", EXAMPLES)
    path = os.path.join(directory, "example.yml")
    with open(path, "w", encoding="utf-8") as changed:
        changed.write(config)
    ended = subprocess.run([program(), "check", path], capture_output=True,
                           text=True, timeout=30, check=False)
    assert ended.returncode == 0, ended.stderr


def test_a_metric_s_labels_and_value_reach_them(bouncer, scripted_exporter,
                                                built, receiver, directory):
    copies = os.path.join(directory, "told")
    shutil.copytree(EXAMPLES, copies)
    scripted_exporter.set("load", 500.5, disk="b",
                          file_system="fs-0123abcd")
    one = bouncer(settings(
        {"name": "load", "watch": "metric", "metric_name": "load",
         "scrape": f"{scripted_exporter.url}/metrics", "series": "each",
         "soft": {"threshold": ">100", "backoff": "5m",
                  "steps": [plugin(f"exec:{copies}/note.sh",
                                   disk="{{ labels.disk }}")]}},
        {"name": "efs", "watch": "metric", "metric_name": "load",
         "scrape": f"{scripted_exporter.url}/metrics", "threshold": ">100",
         "steps": [plugin("efs_emergency", endpoint=receiver.url,
                          aws_region="eu-central-1",
                          file_system_prometheus_label="file_system")]},
        plugin_dir=built), env=KEYS)
    name = 'load/{disk="b",file_system="fs-0123abcd"}'
    assert one.wait_step(name, "ok")["detail"] == "noted"
    with open(f"{copies}/notes.json", encoding="utf-8") as notes:
        told = json.loads(notes.readline())
    assert told["monitor"] == name
    assert told["rule"] == "load"
    assert told["labels"]["disk"] == "b"
    assert (told["value"], told["threshold"], told["level"]) == (
        "500.5", ">100", "soft")
    assert told["parameters"] == {"disk": "b"}
    assert one.wait_step("efs", "ok")["detail"].startswith("fs-0123abcd: ")
    assert receiver.wait_told(1)[0].path.endswith("/fs-0123abcd")


def test_failures_are_told(run_steps, built, directory):
    path = os.path.join(directory, "stuck.sh")
    with open(path, "w", encoding="ascii") as script:
        script.write("#!/bin/sh\nsleep 60 & echo $! >$0.pid; sleep 60\n")
    os.chmod(path, 0o755)
    (failed, refused, stuck), _ = run_steps(
        plugin("flag", path="/nonexistent/flag"),
        plugin(f"exec:{EXAMPLES}/tidy.py"),
        plugin(f"exec:{path}", timeout="300ms"))
    assert failed["result"] == "failed"
    assert "plugin flag did not start: No such file" in failed["detail"]
    assert refused["result"] == "failed"
    assert refused["detail"] == "exit code 1: KeyError('dir')"
    assert stuck["result"] == "timed_out"
    assert "did not end within 300ms and was killed" in stuck["detail"]
    with open(f"{path}.pid", encoding="ascii") as pid:
        assert is_gone(int(pid.read()))


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as status:
            return status.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_file_action(run_steps, directory):
    place = os.path.join(directory, "made", "of")
    (hole, data, given), _ = run_steps(
        plugin("file_action", dir=f"{place}/holes", size="3MiB"),
        plugin("file_action", dir=f"{place}/data", size="3MiB", data="true"),
        plugin("file_action", size="1KiB"),
        env={"FILE_ACTION_DIR": f"{place}/given"})
    for entry, name, size, blocks in ((hole, "holes", 3 << 20, False),
                                      (data, "data", 3 << 20, True),
                                      (given, "given", 1024, False)):
        assert entry["result"] == "ok", entry
        (path,) = glob.glob(f"{place}/{name}/*")
        assert re.search(r"/metric_m\d_\d+\.bin$", path)
        assert entry["detail"].startswith(path)
        about = os.stat(path)
        assert about.st_size == size
        assert (about.st_blocks * 512 >= size) == blocks
        assert stat.S_IMODE(about.st_mode) == 0o640


def test_file_action_removes_what_it_cannot_finish(run_steps, directory):
    place = os.path.join(directory, "unfinished")
    (late,), _ = run_steps(plugin("file_action", dir=place, size="1024GiB",
                                  data="true", timeout="200ms"))
    assert late["result"] == "timed_out"
    assert os.listdir(place) == []


def test_log_action(run_steps):
    (entry,), one = run_steps(plugin("log_action"))
    assert (entry["result"], entry["detail"]) == ("ok", "logged")
    assert "threshold action executed" in one.wait_log("plugin=log_action",
                                                       "monitor=m0", "what=")


# --- efs_emergency, against a scripted endpoint ------------------------------

EFS = {"aws_region": "eu-central-1", "file_system_id": "fs-0123456789abcdef0"}
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SESSION_TOKEN": "short",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}


def signature(told, host, secret):
    """Of the request, made anew by the rules of Signature Version 4."""
    def sign(key, text):
        return hmac.new(key, text.encode(), hashlib.sha256).digest()

    credential, signed, found = re.match(
        r"AWS4-HMAC-SHA256 Credential=(\S+), SignedHeaders=(\S+), "
        r"Signature=([0-9a-f]{64})$", told.headers["Authorization"]).groups()
    key_id, *scope = credential.split("/")
    headers = {name.lower(): value for name, value in told.headers.items()}
    assert headers["host"] == host
    canonical = "\n".join(
        [told.method, told.path, ""] +
        [f"{name}:{headers[name]}" for name in signed.split(";")] +
        ["", signed, hashlib.sha256(told.body).hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"],
                      "/".join(scope),
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in scope:
        key = sign(key, part)
    return key_id, scope, signed, found, sign(key, text).hex()


def test_efs_emergency(run_steps, receiver):
    (entry,), _ = run_steps(plugin("efs_emergency", endpoint=receiver.url,
                                   **EFS), env=KEYS)
    assert (entry["result"], entry["detail"]) == (
        "ok", "fs-0123456789abcdef0: throughput mode elastic")
    (told,) = receiver.wait_told(1)
    assert told.method == "PUT"
    assert told.path == "/2015-02-01/file-systems/fs-0123456789abcdef0"
    assert told.json() == {"ThroughputMode": "elastic"}
    key_id, scope, signed, found, wanted = signature(
        told, receiver.url.split("://")[1], KEYS["AWS_SECRET_ACCESS_KEY"])
    assert key_id == "AKIDEXAMPLE"
    assert scope[1:] == ["eu-central-1", "elasticfilesystem", "aws4_request"]
    assert signed == "content-type;host;x-amz-date;x-amz-security-token"
    assert told.headers["X-Amz-Security-Token"] == "short"
    assert found == wanted


def test_efs_emergency_with_a_file_of_credentials(run_steps, receiver,
                                                  directory):
    path = os.path.join(directory, "credentials")
    with open(path, "w", encoding="ascii") as credentials:
        credentials.write("[default]\naws_access_key_id = WRONG\n[ops]\n"
                          "aws_access_key_id = AKIDOPS\n"
                          "aws_secret_access_key=geheim\n")
    receiver.answer(429)
    (refused, absent, label), _ = run_steps(
        plugin("efs_emergency", endpoint=receiver.url, credentials_file=path,
               profile="ops", throughput_mode="provisioned",
               provisioned_mibps="64", **EFS),
        plugin("efs_emergency", endpoint=receiver.url, credentials_file=path,
               profile="absent", **EFS),
        plugin("efs_emergency", aws_region="eu-central-1",
               file_system_prometheus_label="file_system"))
    assert refused["result"] == "failed"
    assert "AWS says 429" in refused["detail"]
    (told,) = receiver.wait_told(1)
    assert told.json() == {"ProvisionedThroughputInMibps": 64,
                           "ThroughputMode": "provisioned"}
    key_id, _, _, found, wanted = signature(
        told, receiver.url.split("://")[1], "geheim")
    assert (key_id, found) == ("AKIDOPS", wanted)
    assert "no credentials for that profile" in absent["detail"]
    assert "the series has no label file_system" in label["detail"]


# --- what is refused ---------------------------------------------------------

REFUSED = [
    (plugin("absent"), "there is no absent.so in "),
    (plugin("flag"), "path: is missing; it is the file"),
    (plugin("flag", path="/x", pathh="/y"), "did you mean path?"),
    (plugin("file_action", size="0"), "size (FILE_ACTION_SIZE) must be"),
    (plugin("file_action", size="much"), '"much" is not a size'),
    (plugin("efs_emergency", aws_region="x"), "is needed"),
    (plugin("exec:/nonexistent/x"), "/nonexistent/x: No such file"),
]


@pytest.mark.parametrize("step, words", REFUSED)
def test_refused_at_the_start(directory, built, step, words):
    path = os.path.join(directory, "refused.yml")
    with open(path, "w", encoding="utf-8") as config:
        config.write(configuration([step], built, addr="none",
                                   push_gw="http://127.0.0.1:9"))
    for command in (["check", path],
                    ["run", "--config", path, "--state-dir", "none"]):
        ended = subprocess.run([program(), *command], capture_output=True,
                               text=True, timeout=30, check=False)
        assert ended.returncode == EXIT_REFUSED, ended.stderr
        assert words in ended.stderr.replace('\\"', '"')
        assert "monitor m0: plugin " in ended.stderr


def test_a_directory_that_others_write_is_refused(directory, built):
    place = os.path.join(directory, "open")
    shutil.copytree(built, place)
    os.chmod(place, 0o777)
    path = os.path.join(directory, "open.yml")
    with open(path, "w", encoding="utf-8") as config:
        config.write(configuration([plugin("log_action")], place,
                                   push_gw="http://127.0.0.1:9"))
    ended = subprocess.run([program(), "check", path], capture_output=True,
                           text=True, timeout=30, check=False)
    assert ended.returncode == EXIT_REFUSED
    assert "can be written by others (mode 0777)" in ended.stderr


def test_a_reload_is_refused_whole(run_steps, built, gateway):
    (entry,), one = run_steps(plugin("log_action"))
    assert entry["result"] == "ok"
    one.reload(configuration([plugin("log_action"), plugin("absent")], built,
                             push_gw=gateway.url))
    one.wait_log("reload failed, nothing changed")
    assert list(one.monitors()) == ["m0"]
    one.reload(configuration([plugin("log_action"), plugin("log_action")],
                             built, push_gw=gateway.url))
    one.wait_log("configuration reloaded")
    assert list(one.monitors()) == ["m0", "m1"]
    assert one.wait_step("m1", "ok")["detail"] == "logged"


def test_nothing_is_loaded_that_nobody_names(run_steps):
    (entry,), one = run_steps(plugin("log_action"))
    assert entry["result"] == "ok"
    with open(f"/proc/{one.process.pid}/maps", encoding="utf-8") as maps:
        loaded = set(re.findall(r"/([a-z_]+)\.so$", maps.read(), re.M))
    assert "log_action" in loaded
    assert not {"flag", "post", "file_action"} & loaded
