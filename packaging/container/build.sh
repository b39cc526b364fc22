#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds a static program and of it a container image. Needs what building
# needs (tests/run.sh installs it) and docker or podman; no network.
#
#   packaging/container/build.sh [--program-only] [IMAGE]
#
#   --program-only   only the program and the image's context
#   IMAGE            its name (default: bouncer:latest); bouncer-mon:latest and
#                    bouncer-autoheal:latest take the place of docker-mon and
#                    docker-autoheal
#
# BUILD is the build directory (default: build-static), CONTAINER_ENGINE the
# command that builds the image (default: docker, else podman). The context is
# left in BUILD/context.
#
# The program is linked with glibc, since 2.34 of which look-ups in /etc/hosts
# and in the DNS are in libc itself: names are resolved without any other file
# but /etc/resolv.conf, which the engine puts there. The linker's warning about
# getaddrinfo is about other services of nsswitch.conf; an image from scratch
# has none.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${BUILD:-$ROOT/build-static}
# shellcheck source=tests/support/steps.sh
. "$ROOT/tests/support/steps.sh"

image=bouncer:latest
program_only=
for argument in "$@"; do
    case $argument in
    --program-only) program_only=yes ;;
    -h | --help)
        sed -n '3,22s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    -*) die "unknown argument $argument" ;;
    *) image=$argument ;;
    esac
done

find_engine()
{
    for engine in ${CONTAINER_ENGINE:-docker podman}; do
        command -v "$engine" >/dev/null || continue
        echo "$engine"
        return
    done
    die "neither docker nor podman is installed"
}

say "building a static program in $BUILD"
mkdir -p "$(dirname "$BUILD")"
configure "$BUILD" -Dstatic=true -Dtests=false
compile "$BUILD" src/bouncer:executable

context=$BUILD/context
rm -rf "$context"
mkdir -p "$context/state" "$context/run" "$context/links"
ln -s bouncer "$context/links/mon"
ln -s bouncer "$context/links/autoheal"
strip -o "$context/bouncer" "$BUILD/src/bouncer"
cp "$ROOT/packaging/container/Dockerfile" "$context"
! readelf -l "$context/bouncer" | grep -q 'INTERP' ||
    die "$context/bouncer is not static"
say "$(wc -c <"$context/bouncer") bytes"
[ -z "$program_only" ] || exit 0

engine=$(find_engine)
# The steps of the Dockerfile run nothing; what there is to fetch is nothing.
if [ "$engine" = podman ]; then
    # the image format that has health checks
    set -- --format=docker
else
    set --
fi

# name and tag; a colon before the last slash is that of a port
case ${image##*/} in
*:*) name=${image%:*} tag=${image##*:} ;;
*) name=$image tag=latest ;;
esac
for target in mon autoheal bouncer; do
    [ "$target" = bouncer ] && suffix= || suffix=-$target
    say "$engine build: $name$suffix:$tag"
    DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0} "$engine" build "$@" \
        --network=none --quiet --target "$target" \
        --tag "$name$suffix:$tag" "$context"
done
