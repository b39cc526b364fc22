#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the bouncer runs when the exporter of the host is to be restarted: ends the
# old process by its id and starts a new one. A service manager would do this
# on a real machine.
#
#   restart.sh DIRECTORY COMMAND [ARGUMENT…]
#
# DIRECTORY holds the exporter's process id and its log.
set -eu

directory=$1
shift

if [ -s "$directory/exporter.pid" ]; then
    old=$(cat "$directory/exporter.pid")
    kill -KILL "$old" 2>/dev/null || true
    echo "ended process $old${BOUNCER_REASON:+, because: $BOUNCER_REASON}"
fi

# In a session of its own, so that it outlives the command that started it.
setsid "$@" </dev/null >>"$directory/exporter.log" 2>&1 &
echo $! >"$directory/exporter.pid"
echo "started process $!"
