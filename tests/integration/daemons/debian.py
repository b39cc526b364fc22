# SPDX-License-Identifier: Apache-2.0
"""A small Debian of its own below one directory, of the machine's own release
and from its own mirror: to install packages in, as a tree to chroot into or
booted with systemd."""

import glob
import hashlib
import os
import shutil
import stat
import subprocess

from .process import (SEARCH_PATH, NotStarted, Process, Unavailable,
                      find_program, need_cgroups, need_root, unmount_below,
                      wait_until)

BOOTSTRAP_SECONDS = 900
BOOT_SECONDS = 60
RUN_SECONDS = 120
APT_CACHE = "/var/cache/apt/archives"

# What changes by itself, and what dpkg keeps about any package.
PASSING = ("dev", "proc", "run", "sys", "tmp", "root", "var/cache", "var/log",
           "var/tmp", "var/lib/dpkg", "var/lib/systemd/random-seed",
           "var/lib/systemd/timers", "etc/.pwd.lock", "etc/machine-id")


def release():
    with open("/etc/os-release", encoding="utf-8") as lines:
        words = dict(line.rstrip("\n").split("=", 1) for line in lines
                     if "=" in line)
    if words.get("ID") != "debian":
        raise Unavailable("this is not Debian (run the tests on Debian)")
    return words["VERSION_CODENAME"]


def _stanzas(path):
    """Of a file in the style of deb822."""
    with open(path, encoding="utf-8") as text:
        for stanza in text.read().split("\n\n"):
            yield {key.strip().lower(): value.strip() for key, value in (
                line.split(":", 1) for line in stanza.splitlines()
                if ":" in line and not line.startswith(("#", " ")))}


def _sources():
    """(address, suites, components, keyring or None) apt reads from."""
    for path in glob.glob("/etc/apt/sources.list.d/*.sources"):
        for entry in _stanzas(path):
            if entry.get("enabled", "yes") != "no" and entry.get("uris"):
                yield (entry["uris"].split()[0],
                       entry.get("suites", "").split(),
                       entry.get("components", "").split(),
                       entry.get("signed-by"))
    for path in ["/etc/apt/sources.list",
                 *glob.glob("/etc/apt/sources.list.d/*.list")]:
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                words = [word for word in line.split("#")[0].split()
                         if not word.startswith("[") and word[-1] != "]"]
                if len(words) > 3 and words[0] == "deb":
                    yield words[1], [words[2]], words[3:], None


def mirror(codename):
    for address, suites, components, keyring in _sources():
        if codename in suites and "main" in components:
            return address, keyring
    raise Unavailable(f"apt has no source for {codename} main "
                      "(put one into /etc/apt/sources.list)")


def proxies():
    found = {}
    for scheme in ("http", "https"):
        done = subprocess.run(
            ["apt-config", "shell", "x", f"Acquire::{scheme}::Proxy"],
            stdout=subprocess.PIPE, text=True, check=False)
        if "'" in done.stdout:
            found[f"{scheme}_proxy"] = done.stdout.split("'")[1]
    return found


def dependencies(package):
    """The names of what a .deb needs, the first of each choice."""
    text = subprocess.run(["dpkg-deb", "--field", package, "Depends"],
                          stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    return [choice.split("|")[0].split()[0] for choice in text.split(",")]


class Debian:
    def __init__(self, directory, packages):
        need_root("debootstrap")
        program = find_program("debootstrap", "debootstrap")
        self.root = os.path.join(directory, "root")
        self.log = os.path.join(directory, "log")
        self._nspawn = None
        codename = release()
        address, keyring = mirror(codename)
        options = ["--variant=minbase", "--include=" + ",".join(packages)]
        if keyring and os.path.exists(keyring):
            options.append(f"--keyring={keyring}")
        if os.path.isdir(APT_CACHE):
            options.append(f"--cache-dir={APT_CACHE}")
        os.makedirs(directory, exist_ok=True)
        with open(self.log, "wb") as log:
            try:
                done = subprocess.run(
                    [program, *options, codename, self.root, address],
                    env={**os.environ, **proxies(), "PATH": SEARCH_PATH},
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    timeout=BOOTSTRAP_SECONDS)
            except subprocess.TimeoutExpired:
                self._give_up(f"not done in {BOOTSTRAP_SECONDS} s")
        if done.returncode:
            self._give_up(f"exit {done.returncode}")

    def _give_up(self, why):
        tail = self.log_tail()
        self.remove()
        raise NotStarted(f"debootstrap: {why}\n{tail}")

    def log_tail(self):
        with open(self.log, encoding="utf-8", errors="replace") as lines:
            return "".join(lines.readlines()[-25:])

    # Running something in it.

    def _within(self, user):
        if not self._nspawn:
            as_user = [f"--userspec={user}:{user}"] if user else []
            return ["chroot", *as_user, self.root]
        as_user = ["runuser", "-u", user, "--"] if user else []
        return ["nsenter", "-t", str(self._leader()), "-m", "-u", "-i", "-n",
                "-p", "-C", *as_user]

    def run(self, *argv, user=None, check=True):
        """What it said, on both; @check: it must end well."""
        done = subprocess.run(
            [*self._within(user), *argv], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
                 "DEBIAN_FRONTEND": "noninteractive"},
            cwd="/", timeout=RUN_SECONDS)
        if check and done.returncode:
            raise AssertionError(f"{argv} ended with {done.returncode}\n"
                                 f"{done.stdout}")
        return done.stdout

    def path(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def snapshot(self):
        """{path: what it is}; of what lies in /etc its content, too."""
        found = {}
        for top, directories, files in os.walk(self.root):
            for name in directories + files:
                path = os.path.join(top, name)
                relative = os.path.relpath(path, self.root)
                if relative.startswith(PASSING) or relative.endswith("-"):
                    continue
                found[relative] = self._describe(path, relative)
        return found

    @staticmethod
    def _describe(path, relative):
        of = os.lstat(path)
        digest = ""
        if stat.S_ISREG(of.st_mode) and relative.startswith("etc/"):
            with open(path, "rb") as data:
                digest = hashlib.sha256(data.read()).hexdigest()
        return oct(of.st_mode), of.st_uid, of.st_gid, digest

    # Booting it.

    def boot(self):
        program = find_program("systemd-nspawn", "systemd-container")
        need_cgroups("systemd-nspawn")
        self._nspawn = Process(
            [program, f"--directory={self.root}", "--boot", "--register=no",
             "--keep-unit", "--quiet", "--console=pipe", "--private-network",
             "--machine=bouncer-test"], self.log + ".boot")
        try:
            self._nspawn.wait_ready(self._booted, BOOT_SECONDS)
        except NotStarted:
            self.halt()
            raise

    def _leader(self):
        """The process 1 of what was booted, as the host counts; or None."""
        pid = self._nspawn.pid
        with open(f"/proc/{pid}/task/{pid}/children",
                  encoding="ascii") as children:
            found = children.read().split()
        return int(found[0]) if found else None

    def _booted(self):
        return self._leader() is not None and self.run(
            "systemctl", "is-system-running", check=False).strip() in (
                "running", "degraded")

    def halt(self):
        if self._nspawn:
            self._nspawn.stop()
            self._nspawn = None

    def wait(self, check, what, timeout=30):
        return wait_until(check, timeout, what, every=0.1)

    def remove(self):
        self.halt()
        unmount_below(self.root)
        shutil.rmtree(self.root, ignore_errors=True)
