#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Shows the bouncer at work on this machine: an exporter that pushes to it every
# second hangs, the bouncer notices after three seconds, restarts it, and sees
# it recover. Ends with 0 only if that really happened. Runs on Debian 12 or
# 13, as root or as one who may use sudo; what is missing is installed.
#
#   examples/quickstart/run.sh [--docker] [--keep]
#
#   --docker  the exporter is a container of a private dockerd
#   --keep    leave everything running and say how to stop it
#
# BUILD is the build directory (default: build); BOUNCER is a program that is
# built already.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
HERE=$ROOT/examples/quickstart
BUILD=${BUILD:-$ROOT/build}
BUILT=${BOUNCER:+yes}
BOUNCER=${BOUNCER:-$BUILD/src/bouncer}
MONITOR="Little exporter"
URL= # of the bouncer, once it is there
# shellcheck source=tests/support/steps.sh
. "$ROOT/tests/support/steps.sh"

docker=
keep=
for argument in "$@"; do
    case $argument in
    --docker) docker=yes ;;
    --keep) keep=yes ;;
    -h | --help)
        sed -n '3,14s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) die "unknown argument $argument; there are --docker and --keep" ;;
    esac
done

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
    entries=$(curl -fsS --max-time 5 "$URL/api/v1/journal?since=$seen" |
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
        [ -z "$URL" ] || tell_journal
        sleep 0.2
    done
    [ -z "$URL" ] || tell_journal
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

WORK=$(mktemp -d /tmp/bouncer-quickstart.XXXXXX)
PIDS=

# Everything that was started, by its process id; the last one first.
stop_all()
{
    [ -z "$docker" ] || engine DELETE '/containers/little_exporter?force=1' \
        >/dev/null 2>&1 || true
    [ ! -s "$WORK/exporter.pid" ] ||
        kill -KILL "$(cat "$WORK/exporter.pid")" 2>/dev/null || true
    for pid in $PIDS; do
        # shellcheck disable=SC2086 # sudo or nothing
        $ENGINE_SUDO kill "$pid" 2>/dev/null || true
    done
    for pid in $PIDS; do
        wait "$pid" 2>/dev/null || true
    done
    # What an engine has mounted below its directory stays when it ends.
    awk -v work="$WORK/" 'index($2, work) == 1 { print $2 }' /proc/mounts |
        sort -r | while read -r point; do
            # shellcheck disable=SC2086 # sudo or nothing
            $ENGINE_SUDO umount -l "$point" || true
        done
    # shellcheck disable=SC2086 # sudo or nothing
    $ENGINE_SUDO rm -rf "$WORK"
}

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

# engine METHOD PATH [curl options]: one call to the private dockerd
engine()
{
    method=$1
    path=$2
    shift 2
    # shellcheck disable=SC2086 # sudo or nothing
    $ENGINE_SUDO curl -fsS --max-time 60 --unix-socket "$WORK/docker.sock" \
        -X "$method" "http://docker/v1.41$path" "$@"
}

engine_answers()
{
    engine GET /_ping -o /dev/null 2>/dev/null
}

start_exporter_process()
{
    "$HERE/restart.sh" "$WORK" "$URL" >/dev/null
    tell "the exporter is process $(cat "$WORK/exporter.pid")," \
        "and pushes every second"
}

start_dockerd()
{
    # shellcheck disable=SC2086 # sudo or nothing
    start dockerd $ENGINE_SUDO "$DOCKERD" --data-root "$WORK/data" \
        --exec-root "$WORK/exec" --pidfile "$WORK/docker.pid" \
        --host "unix://$WORK/docker.sock" --bridge=none --iptables=false
    wait_for 60 "the private dockerd is ready" engine_answers
}

start_exporter_container()
{
    mkdir -p "$WORK/root/bin" "$WORK/root/dev" "$WORK/root/proc"
    cp "$(command -v busybox)" "$WORK/root/bin/busybox"
    for applet in sh sleep wget; do
        ln -s busybox "$WORK/root/bin/$applet"
    done
    cp "$HERE/exporter.sh" "$WORK/root/exporter.sh"
    tar -C "$WORK/root" -c . |
        engine POST '/images/create?fromSrc=-&repo=exporter&tag=latest' \
            -o /dev/null -H 'Content-Type: application/x-tar' --data-binary @-
    engine POST '/containers/create?name=little_exporter' -o /dev/null \
        -H 'Content-Type: application/json' -d "{
            \"Image\": \"exporter:latest\",
            \"Cmd\": [\"/bin/sh\", \"/exporter.sh\", \"$URL\"],
            \"HostConfig\": { \"NetworkMode\": \"host\" } }"
    engine POST /containers/little_exporter/start
    tell "the exporter is a container of a private dockerd," \
        "and pushes every second"
}

# Changes with every restart.
exporter_identity()
{
    if [ -n "$docker" ]; then
        engine GET /containers/little_exporter/json |
            python3 -c 'import json, sys
print(json.load(sys.stdin)["State"]["StartedAt"])'
    else
        cat "$WORK/exporter.pid"
    fi
}

hang_exporter()
{
    if [ -n "$docker" ]; then
        engine POST '/containers/little_exporter/kill?signal=USR1'
    else
        kill -USR1 "$(cat "$WORK/exporter.pid")"
    fi
}

# --- what the bouncer says --------------------------------------------------

state_is()
{
    curl -fsS --max-time 5 "$URL/api/v1/monitors" 2>/dev/null |
        python3 -c '
import json, sys
monitors = json.load(sys.stdin)["monitors"]
states = {monitor["name"]: monitor["state"] for monitor in monitors}
sys.exit(states.get(sys.argv[1]) != sys.argv[2])' "$MONITOR" "$1"
}

# The journal has a step of this monitor that ended well.
step_was_taken()
{
    curl -fsS --max-time 5 "$URL/api/v1/journal" | python3 -c '
import json, sys
entries = json.load(sys.stdin)["entries"]
sys.exit(not any(entry["event"] == "step" and entry["result"] == "ok"
                 and entry["monitor"] == sys.argv[1] for entry in entries))
' "$MONITOR"
}

# --- and now ----------------------------------------------------------------

say "packages"
needed=
[ "$BUILT" ] || needed=$BUILD_PACKAGES
# shellcheck disable=SC2086 # a list
install_required $needed python3 curl
[ "$BUILT" ] || install_llhttp
ENGINE_SUDO=
if [ -n "$docker" ]; then
    install_required busybox-static
    install_optional dockerd=docker.io
    DOCKERD=$(PATH=$PATH:/usr/sbin:/sbin command -v dockerd) ||
        die "there is no dockerd on this machine"
    [ "$(id -u)" -eq 0 ] || ENGINE_SUDO=sudo
fi

if [ -z "$BUILT" ]; then
    say "building in $BUILD"
    configure "$BUILD"
    compile "$BUILD" src/bouncer:executable # the program alone
fi

say "the story"
began=$(now_ms)
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
ADDR=127.0.0.1:$(free_port)
[ -z "$docker" ] || start_dockerd

mkdir "$WORK/state"
sed -e "s|@ADDR@|$ADDR|" -e "s|@WORK@|$WORK|" -e "s|@HERE@|$HERE|" \
    "$HERE/config${docker:+-docker}.yml" >"$WORK/config.yml"
# shellcheck disable=SC2086 # sudo or nothing
start bouncer $ENGINE_SUDO "$BOUNCER" run --config "$WORK/config.yml"
wait_for 20 "the bouncer is ready" answers "http://$ADDR/-/ready"
URL=http://$ADDR
tell "the bouncer is there; jobs push to $URL, which also shows its status"

if [ -n "$docker" ]; then
    start_exporter_container
else
    start_exporter_process
fi
wait_for 20 "the first push is seen" state_is good
before=$(exporter_identity)

hang_exporter
tell "the exporter hangs: it lives, and pushes no more"
wait_for 40 "the bouncer notices and restarts it" step_was_taken
wait_for 40 "the bouncer sees it recover" state_is good

after=$(exporter_identity)
[ "$before" != "$after" ] || fail "the exporter was not restarted"
if [ -n "$docker" ]; then
    tell "the container was restarted, and pushes again"
else
    tell "the exporter is process $after now, and pushes again"
fi

tell "this is what \`bouncer status\` shows:"
"$BOUNCER" status --url "$URL"

if [ -n "$keep" ]; then
    trap - EXIT
    tell "all of it is left running; the status page is $URL/"
    tell "to stop it: kill $PIDS $(cat "$WORK/exporter.pid" 2>/dev/null)"
else
    tell "that was all; everything is stopped again"
fi
