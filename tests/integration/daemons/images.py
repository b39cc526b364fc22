# SPDX-License-Identifier: Apache-2.0
"""Images made of what this machine has; no registry is needed.

A program of the machine becomes an image with the libraries it is linked to
and nothing else, started as somebody who is not root.
"""

import io
import os
import re
import subprocess
import tarfile
import urllib.parse

NOBODY = 65534
PASSWD = f"""root:x:0:0:root:/root:/bin/sh
nobody:x:{NOBODY}:{NOBODY}:nobody:/:/bin/false
"""


def libraries(program):
    """Paths under which the loader looks for them; none if it is static."""
    done = subprocess.run(["ldd", program], text=True, capture_output=True,
                          check=False)
    return re.findall(r"(?:=> |^\s+)(/\S+) \(0x", done.stdout, re.MULTILINE)


def _add(tar, name, kind=tarfile.DIRTYPE, mode=0o755, data=b""):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.size = kind, mode, len(data)
    tar.addfile(info, io.BytesIO(data))


def _add_file(tar, path, name):
    with open(os.path.realpath(path), "rb") as program:
        _add(tar, name, tarfile.REGTYPE, data=program.read())


def program_root(program, name, writable=(), files=()):
    """A root with /bin/NAME, these directories of its user, and these files
    of this machine."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        _add(tar, "tmp", mode=0o1777)
        for directory in writable:
            _add(tar, directory, mode=0o777)
        _add(tar, "etc/passwd", tarfile.REGTYPE, 0o644, data=PASSWD.encode())
        _add_file(tar, program, f"bin/{name}")
        for library in libraries(program):
            _add_file(tar, library, library.lstrip("/"))
        for path in files:
            _add_file(tar, path, path.lstrip("/"))
    return out.getvalue()


def import_program(engine, image, program, name, **root):
    """Makes @image of @program in @engine, which starts it; @root as
    program_root() has it."""
    query = urllib.parse.urlencode(
        [("fromSrc", "-"), ("repo", image), ("tag", "latest"),
         ("changes", f"USER {NOBODY}"),
         ("changes", f'ENTRYPOINT ["/bin/{name}"]')])
    engine.api("POST", f"/images/create?{query}",
               program_root(program, name, **root),
               headers={"Content-Type": "application/x-tar"})
