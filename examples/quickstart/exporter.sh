#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A little exporter: pushes one metric to a gateway every second, until it is
# told to hang (USR1). Then it lives on and does nothing, as programs do.
#
#   exporter.sh URL_OF_GATEWAY
set -u

url=$1/metrics/job/little_exporter
hangs=
n_pushes=0
trap 'hangs=yes' USR1
trap 'exit 0' TERM INT

push()
{
    metric="# TYPE little_exporter_pushes gauge
little_exporter_pushes $n_pushes
"
    if command -v curl >/dev/null; then
        printf '%s' "$metric" | curl -sS --max-time 5 --data-binary @- "$url"
    else
        # Busybox's; with a time limit (-T) Debian's static one crashes.
        wget -q -O /dev/null --post-data "$metric" "$url"
    fi
}

while :; do
    n_pushes=$((n_pushes + 1))
    [ "$hangs" ] || push
    sleep 1
done
