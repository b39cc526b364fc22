# SPDX-License-Identifier: Apache-2.0
"""Counts test cases, not programs: prints "PASSED FAILED SKIPPED", then a line
for each that failed, with the beginning of its words where there are any.

Reads what `meson test` (testlog.json, with cmocka's words in it) and pytest
(JUnit XML) leave behind. A program that failed without a failed case, because
it crashed or leaked, counts as one failure more.
"""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree

CASE = re.compile(r"^\[ *(OK|FAILED|ERROR|SKIPPED) *\] (\w+)$", re.MULTILINE)


MAX_WORDS = 160


def count_program(name, result, output):
    cases = {}
    for word, case in CASE.findall(output):
        cases[case] = word
    words = list(cases.values())
    passed = words.count("OK")
    skipped = words.count("SKIPPED")
    failed = [f"{name}: {case}" for case, word in cases.items()
              if word not in ("OK", "SKIPPED")]
    if result == "SKIP" and not words:
        skipped = 1
    elif result == "OK" and not words:
        passed = 1      # not cmocka's: the program is the case
    elif result not in ("OK", "SKIP") and not failed:
        failed = [f"{name}: {result.lower()}"]
    return passed, failed, skipped


def count_meson(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            test = json.loads(line)
            yield count_program(test["name"], test["result"],
                                test.get("stdout", "") + "\n"
                                + test.get("stderr", ""))


def failed_case(case, outcome):
    words = (outcome.get("message") or "").strip().splitlines()
    return (f"{case.get('classname')}: {case.get('name')}" +
            (f": {words[0][:MAX_WORDS]}" if words else ""))


def count_junit(path):
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        total, skipped = (int(suite.get(key, "0"))
                          for key in ("tests", "skipped"))
        failed = [failed_case(case, outcome) for case in suite.iter("testcase")
                  for outcome in case if outcome.tag in ("failure", "error")]
        yield total - len(failed) - skipped, failed, skipped


def main(paths):
    counts = [count for path in paths
              for count in (count_junit(path) if path.endswith(".xml")
                            else count_meson(path))]
    failed = [name for count in counts for name in count[1]]
    print(sum(count[0] for count in counts), len(failed),
          sum(count[2] for count in counts))
    for name in failed:
        print(name)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as missing:
        sys.exit(f"no results of tests: {missing}")
