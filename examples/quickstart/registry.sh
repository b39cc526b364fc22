#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Shows the registry at work on this machine, with the real programs around it:
# what it is told, a Prometheus scrapes; an exporter that is killed fires an
# alert, somebody is told, the exporter is bounced, and all is well again. Ends
# with 0 only if that really happened. Runs on Debian 12 or 13, as root or as
# one who may use sudo; what is missing is installed, and no service started.
#
#   examples/quickstart/registry.sh [--keep]
#
#   --keep  leave everything running and say how to stop it
#
# BUILD is the build directory (default: build); BOUNCER is a program that is
# built already.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
HERE=$ROOT/examples/quickstart
MONITOR=exporters
# shellcheck source=examples/quickstart/story.sh
. "$HERE/story.sh"

keep=
for argument in "$@"; do
    case $argument in
    --keep) keep=yes ;;
    -h | --help)
        sed -n '3,15s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) die "unknown argument $argument, see --help" ;;
    esac
done

# Over the control socket, where nobody needs a token.
ask()
{
    curl -fsS --max-time 5 --unix-socket "$WORK/control.sock" \
        "http://bouncer$1"
}

bouncer()
{
    "$BOUNCER" "$@" --socket "$WORK/control.sock"
}

# --- starting and stopping --------------------------------------------------

stop_all()
{
    stop_exporter
    stop_processes
    rm -rf "$WORK"
}

# fill_in FILE…: into $WORK, without the `registry-` in front
fill_in()
{
    for file in "$@"; do
        sed -e "s|@ADDR@|$ADDR|" -e "s|@WORK@|$WORK|" -e "s|@HERE@|$HERE|" \
            -e "s|@PROMETHEUS@|$PROMETHEUS|" -e "s|@RECEIVER@|$RECEIVER|" \
            -e "s|@ALERTMANAGER@|$ALERTMANAGER|" \
            -e "s|@EXPORTER_PORT@|${EXPORTER##*:}|" \
            "$HERE/$file" >"$WORK/${file#registry-}"
    done
}

start_registry()
{
    mkdir "$WORK/state"
    start registry "$BOUNCER" registry --config "$WORK/registry.yml"
    wait_for 20 "the registry is ready" answers "http://$ADDR/-/ready"
    URL=http://$ADDR
    tell "the registry is there: $URL, where every path needs a token"
    for pair in worker=read alertmanager=alerts; do
        (umask 077 && bouncer registry token create "${pair%=*}" \
            --scope "${pair#*=}" >"$WORK/${pair%=*}.token")
    done
    tell "made two tokens, for a worker and for Alertmanager"
}

start_alertmanager()
{
    # A group waits ten seconds for others; here nobody does.
    "$BOUNCER" registry alertmanager-config --url "$URL" \
        --token-file "$WORK/alertmanager.token" |
        sed -e 's/group_wait: .*/group_wait: 1s/' \
            -e 's/group_interval: .*/group_interval: 2s/' \
            >"$WORK/alertmanager.yml"
    start alertmanager prometheus-alertmanager \
        --config.file="$WORK/alertmanager.yml" \
        --storage.path="$WORK/alertmanager" --cluster.listen-address= \
        --web.listen-address="$ALERTMANAGER"
    wait_for 60 "Alertmanager is ready" answers "http://$ALERTMANAGER/-/ready"
}

start_prometheus()
{
    mkdir "$WORK/found"
    start prometheus prometheus --config.file="$WORK/prometheus.yml" \
        --storage.tsdb.path="$WORK/prometheus" --web.enable-lifecycle \
        --web.listen-address="$PROMETHEUS"
    wait_for 60 "Prometheus is ready" answers "http://$PROMETHEUS/-/ready"
    start worker "$BOUNCER" worker --registry "$URL" --server "$PROMETHEUS" \
        --token-file "$WORK/worker.token" \
        --targets "$WORK/found/targets.json" --rules "$WORK/found/rules.yml"
    tell "Prometheus and Alertmanager are there, and a worker, which hands" \
        "Prometheus what the registry has for it"
}

start_exporter()
{
    "$HERE/restart.sh" "$WORK" prometheus-node-exporter \
        --web.listen-address="$EXPORTER" >/dev/null
    tell "an exporter is process $(cat "$WORK/exporter.pid"), on $EXPORTER"
}

# --- what is said -----------------------------------------------------------

# What a command prints, as part of the story.
tell_output()
{
    output=$("$@") || fail "this did not go well: $*"
    while read -r line; do
        tell "  $line"
    done <<END
$output
END
}

# prometheus_has EXPRESSION
prometheus_has()
{
    curl -fsS --max-time 5 -G --data-urlencode "query=$1" \
        "http://$PROMETHEUS/api/v1/query" 2>/dev/null | python3 -c '
import json, sys
sys.exit(not json.load(sys.stdin)["data"]["result"])' 2>/dev/null
}

was_told()
{
    grep -q "is $1\$" "$WORK/receiver.log"
}

is_another_process()
{
    [ "$(cat "$WORK/exporter.pid")" != "$1" ]
}

# --- and now ----------------------------------------------------------------

prepare
for name in prometheus prometheus-alertmanager prometheus-node-exporter; do
    install_optional $name=$name
    command -v $name >/dev/null || die "there is no $name on this machine"
done
build

say "the story"
began=$(now_ms)
WORK=$(mktemp -d /tmp/bouncer-quickstart.XXXXXX)
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
ADDR=127.0.0.1:$(free_port)
PROMETHEUS=127.0.0.1:$(free_port)
ALERTMANAGER=127.0.0.1:$(free_port)
RECEIVER=127.0.0.1:$(free_port)
EXPORTER=127.0.0.1:$(free_port)
fill_in registry.yml registry-shop.yml registry-prometheus.yml

start_registry
start_alertmanager
start_prometheus
start receiver "$HERE/receiver.py" "$RECEIVER"
start_exporter

tell "bouncer registry apply shop.yml"
tell_output bouncer registry apply "$WORK/shop.yml"
tell "bouncer registry stock-rules --down-minutes 0"
tell_output bouncer registry stock-rules --down-minutes 0
wait_for 40 "Prometheus scrapes the exporter" \
    prometheus_has 'up{service="shop", project="web"} == 1'
tell "Prometheus scrapes it, as job node of shop/web"

before=$(cat "$WORK/exporter.pid")
kill -KILL "$before"
tell "the exporter was killed"
wait_for 40 "the alert fires" \
    prometheus_has 'ALERTS{alertname="service_down", alertstate="firing"}'
tell "Prometheus has seen it: service_down fires"
wait_for 40 "the alert comes back to the registry, and is told of" \
    was_told firing
tell "the registry was told of it, knows whose it is, and told them:" \
    "$(grep -m 1 'is firing$' "$WORK/receiver.log")"
wait_for 40 "the exporter is bounced" is_another_process "$before"
tell "the exporter was bounced, and is process $(cat "$WORK/exporter.pid")"
wait_for 40 "Prometheus scrapes it again" \
    prometheus_has 'up{service="shop", project="web"} == 1'
wait_for 60 "the alert is resolved" was_told resolved
tell "they are told, too: $(grep -m 1 'is resolved$' "$WORK/receiver.log")"
wait_for 40 "the bouncer sees that it helped" journal_has reason recovered

tell "this is what \`bouncer registry alerts\` and \`servers\` show:"
bouncer registry alerts
bouncer registry servers

if [ -n "$keep" ]; then
    trap - EXIT
    tell "all of it is left running; ask it by: $BOUNCER registry servers" \
        "--socket $WORK/control.sock"
    tell "Prometheus is http://$PROMETHEUS/, Alertmanager" \
        "http://$ALERTMANAGER/"
    tell "to stop it: kill $PIDS$(cat "$WORK/exporter.pid")"
else
    tell "that was all; everything is stopped again"
fi
