# SPDX-License-Identifier: Apache-2.0
"""Where the engines run: on this machine as it is, or in a tree of another
release of Debian, with a mount namespace of its own.

A plain chroot is not enough for dockerd, which wants a root that is a mount
point; so the tree becomes the root by pivot_root(8). The directory of the
tests is bound into it under its own name: a path means the same inside and
outside; /run lies in the engine's part of it, for its other programs.

The tree is made once and kept in $BOUNCER_TRIXIE_DIR (default:
/var/tmp/bouncer-trixie).
"""

import fcntl
import os
import shutil
import subprocess

from .debian import mirror, proxies, release
from .process import SEARCH_PATH, NotStarted, find_program, need_root

CODENAME = "trixie"
PACKAGES = ("docker.io", "podman", "incus", "busybox-static", "iptables",
            "ca-certificates")
BOOTSTRAP_SECONDS = 900
CACHE = "/var/tmp/bouncer-trixie"
APT_CACHE = "/var/cache/apt/archives"

# $1 the tree, $2 the engine's directory, whose parent, where the tests keep
# everything, is brought along; then what to run.
ENTER = """set -e
root=$1 directory=$2
shift 2
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mkdir -p "$directory/.run"
mount --bind "$directory/.run" run
mount -t tmpfs tmpfs tmp
mkdir -p ".${directory%/*}"
mount --bind "${directory%/*}" ".${directory%/*}"
pivot_root . mnt
umount -l /mnt
cd "$directory"
exec "$@"
"""


class Here:
    """This machine."""

    podman_settings = ""    # more lines of [engine] in containers.conf

    def program(self, name, package):
        return find_program(name, package)

    def argv(self, directory, *argv):
        """@directory: of the engine, which it must find."""
        return list(argv)


class Trixie(Here):
    # crun of Debian 13 refuses a machine whose cgroups are of both versions
    podman_settings = 'runtime = "runc"\n'

    def __init__(self):
        need_root("debootstrap")
        self._directory = os.environ.get("BOUNCER_TRIXIE_DIR") or CACHE
        self._root = os.path.join(self._directory, "root")
        self._log = os.path.join(self._directory, "log")
        self._mark = os.path.join(self._directory, "complete")
        os.makedirs(self._directory, exist_ok=True)
        with open(os.path.join(self._directory, "lock"), "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._wanted() != self._made():
                self._make()

    def _wanted(self):
        return " ".join((CODENAME, *PACKAGES))

    def _made(self):
        try:
            with open(self._mark, encoding="ascii") as mark:
                return mark.read()
        except FileNotFoundError:
            return None

    def _make(self):
        program = find_program("debootstrap", "debootstrap")
        # whoever has this release has the others, too
        address, _ = mirror(release())
        options = ["--variant=minbase", "--include=" + ",".join(PACKAGES)]
        if os.path.isdir(APT_CACHE):
            options.append(f"--cache-dir={APT_CACHE}")
        shutil.rmtree(self._root, ignore_errors=True)
        with open(self._log, "wb") as log:
            try:
                done = subprocess.run(
                    [program, *options, CODENAME, self._root, address],
                    env={**os.environ, **proxies(), "PATH": SEARCH_PATH},
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    timeout=BOOTSTRAP_SECONDS, check=False)
            except subprocess.TimeoutExpired:
                raise NotStarted("debootstrap: not done in "
                                 f"{BOOTSTRAP_SECONDS} s") from None
        if done.returncode:
            with open(self._log, encoding="utf-8", errors="replace") as log:
                tail = "".join(log.readlines()[-25:])
            raise NotStarted(f"debootstrap {CODENAME}: exit "
                             f"{done.returncode}\n{tail}")
        with open(self._mark, "w", encoding="ascii") as mark:
            mark.write(self._wanted())

    def program(self, name, package):
        for place in ("/usr/bin", "/usr/sbin", "/usr/libexec/incus"):
            if os.access(f"{self._root}{place}/{name}", os.X_OK):
                return f"{place}/{name}"
        raise NotStarted(f"{CODENAME} has no {name} in {package}")

    def argv(self, directory, *argv):
        return [find_program("unshare", "util-linux"), "--mount", "/bin/sh",
                "-c", ENTER, "enter", self._root, directory, *argv]
