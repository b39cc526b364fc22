#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Figures of speed and size, as a table. Nothing here passes or fails on time.
#
#   tests/bench/run.sh [SECONDS]    how long each running daemon is watched (30)
#
# Builds as a release; needs Debian's prometheus-pushgateway, which
# tests/run.sh installs.
set -eu
cd "$(dirname "$0")/../.."
directory=build-bench
[ -d "$directory" ] || meson setup "$directory" >/dev/null
meson compile -C "$directory" >/dev/null
/usr/bin/python3 tests/bench/bench.py "$directory" "${1:-30}"
"$directory/tests/bench/bench-scrape"
/usr/bin/python3 tests/bench/push.py "$directory" 5
# Without Prometheus its part is left out.
if command -v prometheus >/dev/null; then
    /usr/bin/python3 tests/bench/metrics.py "$directory" "${1:-30}"
    /usr/bin/python3 tests/bench/registry_push.py "$directory" "${1:-30}"
fi
/usr/bin/python3 tests/bench/alerts.py "$directory" 5
/usr/bin/python3 tests/bench/registry_alerts.py "$directory" 5
/usr/bin/python3 tests/bench/registry_edits.py "$directory"
"$directory/tests/bench/bench-registry_render"
/usr/bin/python3 tests/bench/registry_sd.py "$directory" 5
/usr/bin/python3 tests/bench/registry_big.py "$directory"
# Containers need root; without it their part is left out.
[ "$(id -u)" -ne 0 ] || /usr/bin/python3 tests/bench/health.py "$directory" "${1:-30}"
