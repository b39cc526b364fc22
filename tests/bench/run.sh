#!/bin/sh
# Figures of speed and size, as a table. Nothing here passes or fails on time.
#
#   tests/bench/run.sh [SECONDS]    how long each running daemon is watched (30)
#
# Builds as a release; needs Debian's prometheus-pushgateway, which
# tests/run.sh installs.
set -eu
cd "$(dirname "$0")/../.."
build=build-bench
[ -d "$build" ] || meson setup "$build" >/dev/null
meson compile -C "$build" >/dev/null
exec /usr/bin/python3 tests/bench/bench.py "$build" "${1:-30}"
