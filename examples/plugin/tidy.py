#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tidy: removes the oldest files of a directory until few enough are left.

A program as a plugin: one JSON document on stdin, an answer on stdout, the
exit code; what is written to stderr goes into the log."""

import json
import os
import sys


def main():
    told = json.load(sys.stdin)
    if told["version"] != 1:
        return {"result": "failed", "detail": "a document of another version"}
    directory = told["parameters"]["dir"]
    keep = int(told["parameters"].get("keep", "10"))
    files = sorted((os.path.join(directory, name)
                    for name in os.listdir(directory)),
                   key=os.path.getmtime)
    files = [path for path in files if os.path.isfile(path)]
    surplus = files[:max(0, len(files) - keep)]
    for path in surplus:
        os.unlink(path)
    print(f"{told['monitor']} is {told['value']}", file=sys.stderr)
    return {"result": "ok", "detail": f"{len(surplus)} files removed"}


if __name__ == "__main__":
    try:
        answer = main()
    except (KeyError, OSError, ValueError) as wrong:
        answer = {"result": "failed", "detail": f"{wrong!r}"}
    json.dump(answer, sys.stdout)
    sys.exit(answer["result"] != "ok")
