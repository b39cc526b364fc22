#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Somebody who is told: prints the body of each request and says thank you.
set -eu

answer()
{
    n=0
    while IFS= read -r line; do
        line=${line%"$(printf '\r')"}
        [ -n "$line" ] || break
        case $line in
        [Cc]ontent-[Ll]ength:*) n=${line#*: } ;;
        esac
    done
    head -c "$n" >&2
    echo >&2
    printf 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
}

if [ "${1:-}" = answer ]; then
    answer
else
    trap 'exit 0' TERM INT
    while :; do
        nc -l -p 8080 -e /bin/sh "$0" answer &
        wait $!
    done
fi
