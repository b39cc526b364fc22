#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A job that pushes a value to localhost every second, until it is told to hang
# (USR1): then it lives on and does nothing, as programs do.
set -u

url=http://localhost:9090/metrics/job/sensor
hangs=
trap 'hangs=yes' USR1
trap 'exit 0' TERM INT

while :; do
    read -r load _ </proc/loadavg
    [ "$hangs" ] || wget -q -O /dev/null --post-data "# TYPE sensor_load gauge
sensor_load $load
" "$url"
    sleep 1
done
