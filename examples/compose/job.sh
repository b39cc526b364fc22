#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A job that pushes every second, until it is told to hang (USR1): then it lives
# on and does nothing, as programs do.
#
#   job.sh URL_OF_GATEWAY
set -u

url=$1/metrics/job/importer
n_pushes=0
hangs=
trap 'hangs=yes' USR1
trap 'exit 0' TERM INT

while :; do
    n_pushes=$((n_pushes + 1))
    [ "$hangs" ] || wget -q -O /dev/null --post-data \
        "# TYPE importer_pushes gauge
importer_pushes $n_pushes
" "$url"
    sleep 1
done
