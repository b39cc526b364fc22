# SPDX-License-Identifier: Apache-2.0
"""Counts test cases, not programs: prints "PASSED FAILED SKIPPED".

Reads what `meson test` (testlog.json, with cmocka's words in it) and pytest
(JUnit XML) leave behind. A program that failed without a failed case, because
it crashed or leaked, counts as one failure more.
"""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree

CASE = re.compile(r"^\[ *(OK|FAILED|ERROR|SKIPPED) *\] (\w+)$", re.MULTILINE)


def count_program(result, output):
    cases = {}
    for word, name in CASE.findall(output):
        cases[name] = word
    words = list(cases.values())
    passed = words.count("OK")
    skipped = words.count("SKIPPED")
    failed = len(words) - passed - skipped
    if result == "SKIP" and not words:
        skipped = 1
    elif result == "OK" and not words:
        passed = 1      # not cmocka's: the program is the case
    elif result not in ("OK", "SKIP") and not failed:
        failed = 1
    return passed, failed, skipped


def count_meson(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            test = json.loads(line)
            yield count_program(test["result"], test.get("stdout", "") + "\n"
                                + test.get("stderr", ""))


def count_junit(path):
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        total, failures, errors, skipped = (
            int(suite.get(key, "0"))
            for key in ("tests", "failures", "errors", "skipped"))
        failed = failures + errors
        yield total - failed - skipped, failed, skipped


def main(paths):
    counts = [count for path in paths
              for count in (count_junit(path) if path.endswith(".xml")
                            else count_meson(path))]
    print(*(sum(column) for column in zip(*counts)) if counts else (0, 0, 0))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as missing:
        sys.exit(f"no results of tests: {missing}")
