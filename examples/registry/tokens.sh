#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes what is not there yet: the token that workers read with, and the one with
# which Alertmanager posts alerts. Nobody but them and the registry may read it.
set -eu

BOUNCER=65532   # the registry and the workers
NOBODY=65534    # the group of Alertmanager

make_token()
{
    path=/run/tokens/$1
    [ ! -s "$path" ] || return 0
    (umask 277 && tr -dc A-Za-z0-9 </dev/urandom | head -c 40 >"$path.new")
    chown "$BOUNCER:$2" "$path.new"
    chmod 440 "$path.new"
    mv "$path.new" "$path"
}

make_token read "$BOUNCER"
make_token alerts "$NOBODY"
