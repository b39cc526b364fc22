#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the bouncer runs when the exporter of the host has gone quiet: ends the
# old process by its id and starts a new one. A service manager would do this
# on a real machine.
#
#   restart.sh DIRECTORY URL_OF_GATEWAY
#
# DIRECTORY holds the exporter's process id and its log.
set -eu

directory=$1
gateway=$2
here=$(cd "$(dirname "$0")" && pwd)

if [ -s "$directory/exporter.pid" ]; then
    old=$(cat "$directory/exporter.pid")
    kill -KILL "$old" 2>/dev/null || true
    echo "ended process $old${BOUNCER_REASON:+, because: $BOUNCER_REASON}"
fi

# In a session of its own, so that it outlives the command that started it.
setsid sh "$here/exporter.sh" "$gateway" \
    </dev/null >>"$directory/exporter.log" 2>&1 &
echo $! >"$directory/exporter.pid"
echo "started process $!"
