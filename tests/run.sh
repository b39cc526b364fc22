#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds Bouncer and runs all its tests on Debian 12 or 13, as root or as one
# who may use sudo. What is missing is installed by apt-get; no service is
# left running. The last line is: N passed, N failed, N skipped.
#
#   tests/run.sh [--unit | --trixie]
#
#   --unit    only what needs no daemon: unit, io and corpus tests
#   --trixie  instead of all that, the tests of engines with those of Debian 13:
#             Docker 26, Podman 5 and Incus 6, in a tree that is made once with
#             debootstrap and kept in BOUNCER_TRIXIE_DIR (default:
#             /var/tmp/bouncer-trixie, 900 MB). Needs root.
#
# BUILD is the build directory (default: build), SETUP_OPTIONS are handed to
# meson with it.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$ROOT/build}
# shellcheck source=tests/support/steps.sh
. "$ROOT/tests/support/steps.sh"

integration=yes
trixie=
for argument in "$@"; do
    case $argument in
    --unit) integration= ;;
    --trixie) trixie=yes ;;
    -h | --help)
        sed -n '3,16s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) die "unknown argument $argument; there are --unit and --trixie" ;;
    esac
done

# What asks engines, and so may find others.
TRIXIE_TESTS="test_trixie test_runtime_engines test_lxd_runtime test_docker \
test_podman test_lxd test_health"

run_trixie()
{
    report=$BUILD/trixie.xml
    as_root rm -f "$report"
    set --
    for test in $TRIXIE_TESTS; do
        set -- "$@" "$ROOT/tests/integration/$test.py"
    done
    as_root env BOUNCER="$BUILD/src/bouncer" PYTHONDONTWRITEBYTECODE=1 \
        BOUNCER_TRIXIE_DIR="${BOUNCER_TRIXIE_DIR:-}" \
        /usr/bin/python3 -m pytest --trixie "$@" -v \
        --junitxml="$report" </dev/null && status=0 || status=$?
    tally_results "engines of Debian 13" "$status" "$report"
}

# The tests mostly wait, so they run in shares, side by side, each with daemons
# of its own; what a share says is shown when it has ended.
SHARES=2

run_share()
{
    as_root env BOUNCER="$BUILD/src/bouncer" PYTHONDONTWRITEBYTECODE=1 \
        /usr/bin/python3 -m pytest "$ROOT/tests/integration" -v \
        --share="$1/$SHARES" --junitxml="$2.xml" </dev/null >"$2.log" 2>&1 &&
        status=0 || status=$?
    echo "$status" >"$2.status"
}

run_integration()
{
    as_root rm -f "$BUILD"/integration-*
    for share in $(seq $SHARES); do
        run_share "$share" "$BUILD/integration-$share" &
    done
    wait
    for share in $(seq $SHARES); do
        report=$BUILD/integration-$share
        cat "$report.log"
        tally_results "integration, share $share of $SHARES" \
            "$(cat "$report.status")" "$report.xml"
    done
}

tally_begin

say "packages"
# shellcheck disable=SC2086 # lists
install_required $BUILD_PACKAGES ${integration:+$INTEGRATION_PACKAGES}
install_llhttp
# shellcheck disable=SC2086 # a list
[ -z "$integration" ] || install_optional $PEERS $PACKAGING

say "building in $BUILD"
mkdir -p "$(dirname "$BUILD")"
# shellcheck disable=SC2086 # a list of options
configure "$BUILD" ${SETUP_OPTIONS:-}
compile "$BUILD"

if [ -n "$trixie" ]; then
    say "integration tests with the engines of Debian 13"
    run_trixie
    tally_end
    exit
fi

say "unit, io and corpus tests"
meson_test "unit" "$BUILD" unit
meson_test "io" "$BUILD" io
meson_test "fuzz corpora" "$BUILD" fuzz

if [ -n "$integration" ]; then
    say "integration tests with real daemons"
    run_integration
fi

tally_end
