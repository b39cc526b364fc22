#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Called as: clean.sh INSTANCE MOUNTPOINT. Nothing of an alert is read by a shell
# unless a script does it: keep the quotes.
set -eu

echo "$1 $2" >>cleaned
echo "would clean $2 of $1: ${BOUNCER_ANNOTATION_summary:-}"
