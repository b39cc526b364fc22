# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034 # variables are for who sources this
# story.sh: what the quickstarts share. Sourced, never run; the caller has set
# ROOT and HERE, and works under `set -eu`.
#
#   prepare        installs what is missing, and builds
#   tell           a line with the time that has passed
#   wait_for       and tell the bouncer's journal meanwhile
#   start, fail    a process in $PIDS, whose log is below $WORK; all is lost
#
# It hears the bouncer by `ask PATH`, which the caller has.

BUILD=${BUILD:-$ROOT/build}
BUILT=${BOUNCER:+yes}
BOUNCER=${BOUNCER:-$BUILD/src/bouncer}
URL= # of the bouncer, once it is there
PIDS=
# shellcheck source=tests/support/steps.sh
. "$ROOT/tests/support/steps.sh"

# prepare [PACKAGE…]
prepare()
{
    say "packages"
    # shellcheck disable=SC2086 # a list
    [ "$BUILT" ] || set -- "$@" $BUILD_PACKAGES
    install_required python3 curl "$@"
    [ "$BUILT" ] || install_llhttp
}

# The program alone.
build()
{
    [ -z "$BUILT" ] || return 0
    say "building in $BUILD"
    configure "$BUILD"
    compile "$BUILD" src/bouncer:executable
}

# --- telling the story ------------------------------------------------------

now_ms()
{
    echo "$(($(date +%s%N) / 1000000))"
}

began=$(now_ms)

tell()
{
    passed=$(($(now_ms) - began))
    printf '%3d.%d s  %s\n' $((passed / 1000)) $((passed / 100 % 10)) "$*"
}

# The journal's new entries, as the bouncer wrote them.
seen=0
tell_journal()
{
    [ -n "$URL" ] || return 0
    entries=$(ask "/api/v1/journal?since=$seen" |
        python3 -c '
import json, sys
for entry in json.load(sys.stdin)["entries"]:
    words = [entry.get(key) for key in ("step", "result", "guard")]
    if "to" in entry:
        words.append(entry["from"] + " -> " + entry["to"])
    words = " ".join(word for word in words if word)
    print(entry["seq"], "bouncer:", entry["reason"],
          f"({words})" if words else "", entry.get("detail", ""))') ||
        return 0
    [ -n "$entries" ] || return 0
    while read -r seq words; do
        [ "$seq" -gt "$seen" ] || continue
        seen=$seq
        tell "  $words"
    done <<END
$entries
END
}

# wait_for SECONDS WHAT COMMAND…: tells the journal meanwhile
wait_for()
{
    limit=$1
    what=$2
    shift 2
    deadline=$(($(date +%s) + limit))
    until "$@"; do
        for pid in $PIDS; do
            [ -d "/proc/$pid" ] || fail "process $pid ended too early"
        done
        [ "$(date +%s)" -lt "$deadline" ] ||
            fail "$what: not within $limit seconds"
        tell_journal
        sleep 0.2
    done
    tell_journal
}

fail()
{
    tell "FAILED: $*"
    for log in "$WORK"/*.log; do
        [ ! -s "$log" ] || { echo "--- $log" && tail -n 20 "$log"; }
    done
    exit 1
}

# --- starting and stopping --------------------------------------------------

start()
{
    log=$1
    shift
    "$@" </dev/null >"$WORK/$log.log" 2>&1 &
    PIDS="$! $PIDS"
}

free_port()
{
    python3 -c '
import socket
with socket.socket() as sock:
    sock.bind(("127.0.0.1", 0))
    print(sock.getsockname()[1])'
}

answers()
{
    curl -fsS --max-time 2 -o /dev/null "$1" 2>/dev/null
}

# What was started, by its process id, the last one first; by sudo or not.
stop_processes()
{
    for pid in $PIDS; do
        # shellcheck disable=SC2086 # sudo or nothing
        ${ENGINE_SUDO:-} kill "$pid" 2>/dev/null || true
    done
    for pid in $PIDS; do
        wait "$pid" 2>/dev/null || true
    done
}

# The process that restart.sh started.
stop_exporter()
{
    [ ! -s "$WORK/exporter.pid" ] ||
        kill -KILL "$(cat "$WORK/exporter.pid")" 2>/dev/null || true
}

# --- what the bouncer says --------------------------------------------------

# Of the monitor $MONITOR.
state_is()
{
    ask /api/v1/monitors 2>/dev/null | python3 -c '
import json, sys
monitors = json.load(sys.stdin)["monitors"]
states = {monitor["name"]: monitor["state"] for monitor in monitors}
sys.exit(states.get(sys.argv[1]) != sys.argv[2])' "$MONITOR" "$1"
}

# The journal has such an entry of it, or of a member of it.
journal_has()
{
    ask /api/v1/journal | python3 -c '
import json, sys
monitor, key, value = sys.argv[1:]
entries = json.load(sys.stdin)["entries"]
sys.exit(not any(entry.get(key) == value and
                 (entry["monitor"] + "/").startswith(monitor + "/")
                 for entry in entries))' "$MONITOR" "$1" "$2"
}
