# SPDX-License-Identifier: Apache-2.0
"""The root of every test container: one static busybox and its links.

No registry is needed. `/bin/systemctl` is a script that writes down how it
was called, so that a seed configuration can be tested as it stands.
"""

import io
import os
import platform
import tarfile

from .process import Unavailable, find_program

APPLETS = ("sh", "cat", "date", "echo", "false", "head", "kill", "ls", "mkdir",
           "ps", "rm", "sleep", "test", "touch", "true", "wget", "yes")
DIRECTORIES = ("bin", "sbin", "etc", "proc", "sys", "dev", "tmp", "root",
               "run", "var", "var/log")

SYSTEMCTL = """#!/bin/sh
echo "$@" >>/var/log/systemctl
"""

INITTAB = """::sysinit:/bin/true
::shutdown:/bin/true
"""

METADATA = f"""architecture: {platform.machine()}
creation_date: 1700000000
properties:
  description: busybox
"""


def _static_busybox():
    """A dynamic program would not run in a root without libraries; it names
    its interpreter right after its ELF headers."""
    path = os.path.realpath(find_program("busybox", "busybox-static"))
    with open(path, "rb") as program:
        head = program.read(4096)
    if b"/ld-linux" in head or b"/ld-musl" in head:
        raise Unavailable(f"{path} is not static "
                          "(apt-get install busybox-static)")
    return path


def _add_text(tar, name, text, mode=0o644):
    info = tarfile.TarInfo(name)
    info.size = len(text)
    info.mode = mode
    tar.addfile(info, io.BytesIO(text.encode()))


def _add_root(tar, prefix):
    for directory in DIRECTORIES:
        info = tarfile.TarInfo(prefix + directory)
        info.type = tarfile.DIRTYPE
        info.mode = 0o1777 if directory == "tmp" else 0o755
        tar.addfile(info)
    busybox = _static_busybox()
    info = tar.gettarinfo(busybox, prefix + "bin/busybox")
    info.mode = 0o755
    with open(busybox, "rb") as program:
        tar.addfile(info, program)
    for link, to in [("bin/" + applet, "busybox") for applet in APPLETS] + [
            ("sbin/init", "../bin/busybox")]:
        info = tarfile.TarInfo(prefix + link)
        info.type = tarfile.SYMTYPE
        info.linkname = to
        tar.addfile(info)
    _add_text(tar, prefix + "bin/systemctl", SYSTEMCTL, 0o755)
    _add_text(tar, prefix + "etc/inittab", INITTAB)
    _add_text(tar, prefix + "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")


def docker_image():
    """Bytes of a tar for `POST /images/create?fromSrc=-`."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        _add_root(tar, "")
    return out.getvalue()


def lxd_image():
    """Bytes of a unified image tar for `POST /1.0/images`."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        _add_text(tar, "metadata.yaml", METADATA)
        _add_root(tar, "rootfs/")
    return out.getvalue()
