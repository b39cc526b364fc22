#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Shows the bouncer at work on this machine: an exporter that pushes to it every
# second hangs, the bouncer notices after three seconds, restarts it, and sees
# it recover. Ends with 0 only if that really happened. Runs on Debian 12 or
# 13, as root or as one who may use sudo; what is missing is installed.
#
#   examples/quickstart/run.sh [--docker | --registry] [--keep]
#
#   --docker    the exporter is a container of a private dockerd
#   --registry  the other story: registry.sh
#   --keep      leave everything running and say how to stop it
#
# BUILD is the build directory (default: build); BOUNCER is a program that is
# built already.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
HERE=$ROOT/examples/quickstart
MONITOR="Little exporter"
# shellcheck source=examples/quickstart/story.sh
. "$HERE/story.sh"

docker=
registry=
keep=
for argument in "$@"; do
    case $argument in
    --docker) docker=yes ;;
    --registry) registry=yes ;;
    --keep) keep=yes ;;
    -h | --help)
        sed -n '3,15s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) die "unknown argument $argument, see --help" ;;
    esac
done
[ -z "$docker$registry" ] || [ "$docker$registry" = yes ] ||
    die "--docker and --registry are two stories"
[ -z "$registry" ] || exec "$HERE/registry.sh" ${keep:+--keep}

# ask PATH: of the bouncer
ask()
{
    curl -fsS --max-time 5 "$URL$1"
}

# --- starting and stopping --------------------------------------------------

WORK=$(mktemp -d /tmp/bouncer-quickstart.XXXXXX)

stop_all()
{
    [ -z "$docker" ] || engine DELETE '/containers/little_exporter?force=1' \
        >/dev/null 2>&1 || true
    stop_exporter
    stop_processes
    # What an engine has mounted below its directory stays when it ends.
    awk -v work="$WORK/" 'index($2, work) == 1 { print $2 }' /proc/mounts |
        sort -r | while read -r point; do
            # shellcheck disable=SC2086 # sudo or nothing
            $ENGINE_SUDO umount -l "$point" || true
        done
    # shellcheck disable=SC2086 # sudo or nothing
    $ENGINE_SUDO rm -rf "$WORK"
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
    "$HERE/restart.sh" "$WORK" "$HERE/exporter.sh" "$URL" >/dev/null
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

# --- and now ----------------------------------------------------------------

prepare
ENGINE_SUDO=
if [ -n "$docker" ]; then
    install_required busybox-static
    install_optional dockerd=docker.io
    DOCKERD=$(PATH=$PATH:/usr/sbin:/sbin command -v dockerd) ||
        die "there is no dockerd on this machine"
    [ "$(id -u)" -eq 0 ] || ENGINE_SUDO=sudo
fi

build
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
wait_for 40 "the bouncer notices and restarts it" journal_has result ok
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
