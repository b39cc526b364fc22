# SPDX-License-Identifier: Apache-2.0
"""The text exposition format, read into what two gateways can be compared by:
{family: (type, help, {(sample's name, labels): value})}."""

import re

_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?')
_SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
_SUFFIXES = ("_bucket", "_sum", "_count")
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def _unescape(text):
    return re.sub(r"\\.", lambda match: _ESCAPES[match.group()], text)


def _family_of(name, families):
    for suffix in _SUFFIXES:
        stem = name.removesuffix(suffix)
        if stem != name and stem in families and \
                families[stem][0] in ("histogram", "summary"):
            return stem
    return name


def parse(text):
    families, helps = {}, {}
    for line in text.splitlines():
        words = line.split(" ", 3)
        if line.startswith("# HELP "):
            helps[words[2]] = words[3] if len(words) > 3 else ""
        elif line.startswith("# TYPE "):
            assert words[2] not in families, f"{words[2]} comes twice"
            families[words[2]] = (words[3], helps.get(words[2], ""), {})
        else:
            match = _SAMPLE.match(line)
            assert match, f"no sample: {line!r}"
            name, labels, value = match.groups()
            has = tuple(sorted((key, _unescape(escaped)) for key, escaped
                               in _LABEL.findall(labels or "")))
            samples = families[_family_of(name, families)][2]
            assert (name, has) not in samples, f"{line!r} comes twice"
            samples[name, has] = float(value)
    return families
