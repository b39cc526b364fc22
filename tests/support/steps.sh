# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034 # constants are for who sources this
# steps.sh: what the scripts that build and test share. Sourced, never run; the
# caller has set ROOT to the top of the tree and works under `set -eu`.
#
#   say            what happens now
#   as_root        run a command as root, by sudo if need be
#   install_…      Debian packages that are missing; starts no service
#   configure      a build directory
#   tally_…        one count over all parts: N passed, N failed, N skipped

say()
{
    printf '== %s\n' "$*"
}

die()
{
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

as_root()
{
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "run as root, or install sudo: needed for: $*"
    fi
}

# --- packages ---------------------------------------------------------------

BUILD_PACKAGES="gcc libc6-dev meson ninja-build pkg-config libuv1-dev \
libcyaml-dev libyaml-dev libjansson-dev libmbedtls-dev libwslay-dev libsqlite3-dev \
zlib1g-dev libcmocka-dev"
LLHTTP_PACKAGES="libllhttp-dev node-llhttp" # the first that there is
# Python to test with, and what the engines only recommend.
INTEGRATION_PACKAGES="g++ python3 python3-pytest python3-prometheus-client \
python3-yaml python3-jsonschema busybox-static openssl apparmor uidmap iproute2 procps curl"
LINTERS="clang-format-14=clang-format-14 clang-tidy-14=clang-tidy-14 \
shellcheck=shellcheck mandoc=mandoc"

# To build the package with, and a Debian to install it in.
PACKAGING="dh=debhelper dpkg-buildpackage=dpkg-dev lintian=lintian \
debootstrap=debootstrap systemd-analyze=systemd systemd-nspawn=systemd-container"

# program=package: whoever has the program from elsewhere keeps it.
PEERS="prometheus-pushgateway=prometheus-pushgateway prometheus=prometheus \
prometheus-alertmanager=prometheus-alertmanager \
dockerd=docker.io podman=podman lxd=lxd docker-compose=docker-compose \
prometheus-node-exporter=prometheus-node-exporter zsh=zsh node=nodejs npm=npm"

POLICY=/usr/sbin/policy-rc.d
POLICY_ASIDE=$POLICY.before-bouncer
POLICY_MARK="# put here by the tests of bouncer while packages are installed"

is_installed()
{
    dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null |
        grep -qx installed
}

is_available()
{
    apt-cache show --no-all-versions "$1" 2>/dev/null | grep -q '^Package:'
}

# Those of the words that are not installed.
missing_packages()
{
    for package in "$@"; do
        is_installed "$package" || printf '%s ' "$package"
    done
}

# Debian starts the services of a package when it is installed, unless this
# file forbids it; what the machine already runs is left alone.
forbid_services()
{
    if [ -e $POLICY ] && ! grep -qF "$POLICY_MARK" $POLICY; then
        as_root mv $POLICY $POLICY_ASIDE
    fi
    printf '#!/bin/sh\n%s\nexit 101\n' "$POLICY_MARK" |
        as_root tee $POLICY >/dev/null
    as_root chmod 755 $POLICY
    trap allow_services EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

allow_services()
{
    trap - EXIT HUP INT TERM
    if [ -e $POLICY_ASIDE ]; then
        as_root mv $POLICY_ASIDE $POLICY
    else
        as_root rm -f $POLICY
    fi
}

installed_packages()
{
    dpkg-query -W -f '${Package}\n' | sort -u
}

# disable_new_services FILE: services of packages that the list in FILE does
# not have are not to start with the machine because tests were run on it.
disable_new_services()
{
    command -v systemctl >/dev/null || return 0
    for package in $(installed_packages | comm -13 "$1" -); do
        dpkg-query -L "$package"
    done |
        sed -n 's|.*/systemd/system/\([^/@]*\.\(service\|socket\|timer\)\)$|\1|p' |
        while read -r unit; do
            as_root systemctl disable --quiet "$unit" >/dev/null 2>&1 || true
        done
}

# apt_install PACKAGE…: never at the price of a package that is there
apt_install()
{
    say "apt-get install $*"
    before=$(mktemp)
    installed_packages >"$before"
    forbid_services
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends --no-remove "$@" \
        </dev/null >/dev/null && apt_status=0 || apt_status=1
    allow_services
    disable_new_services "$before"
    rm -f "$before"
    return "$apt_status"
}

# Once is enough.
apt_update()
{
    [ -z "${apt_is_fresh:-}" ] || return 0
    apt_is_fresh=yes
    command -v apt-get >/dev/null || die "this is not Debian; install: $*"
    say "apt-get update"
    as_root apt-get -qq update </dev/null
}

# install_required PACKAGE…: fails if one of them is not to be had
install_required()
{
    # shellcheck disable=SC2046 # a list
    set -- $(missing_packages "$@")
    [ $# -gt 0 ] || return 0
    apt_update "$@"
    apt_install "$@" || die "apt-get could not install: $*"
}

# install_optional PROGRAM=PACKAGE…: what cannot be had is left out, and what
# needs it says so
install_optional()
{
    for pair in "$@"; do
        [ -z "$(PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}")" ] ||
            continue
        package=${pair#*=}
        apt_update "$package"
        if ! is_available "$package"; then
            say "no package $package here; what needs it will be skipped"
        elif ! apt_install "$package"; then
            say "cannot install $package; what needs it will be skipped"
        fi
    done
}

# For meson.build: pkg-config's libllhttp, else the sources of Debian 12.
install_llhttp()
{
    for package in $LLHTTP_PACKAGES; do
        is_installed "$package" && return
    done
    for package in $LLHTTP_PACKAGES; do
        if is_available "$package"; then
            install_required "$package"
            return
        fi
    done
    die "none of these packages is to be had: $LLHTTP_PACKAGES"
}

# --- building ---------------------------------------------------------------

n_jobs()
{
    nproc 2>/dev/null || echo 2
}

# configure DIRECTORY [meson options]
configure()
{
    directory=$1
    shift
    if [ -e "$directory/build.ninja" ]; then
        [ $# -eq 0 ] || meson configure "$directory" "$@" >/dev/null
    else
        meson setup "$directory" "$ROOT" "$@" >"$directory.log" 2>&1 || {
            cat "$directory.log"
            die "meson could not set up $directory"
        }
        rm -f "$directory.log"
    fi
}

# compile DIRECTORY [TARGET…]: quiet unless it fails
compile()
{
    directory_compiled=$1
    shift
    if ! meson compile -C "$directory_compiled" -j "$(n_jobs)" "$@" \
        >"$directory_compiled/compile.log" 2>&1; then
        cat "$directory_compiled/compile.log"
        return 1
    fi
}

# meson_test NAME DIRECTORY SUITE…: runs them and counts their cases
meson_test()
{
    name=$1
    directory=$2
    shift 2
    suites=
    for suite in "$@"; do
        suites="$suites --suite $suite"
    done
    rm -f "$directory/meson-logs/testlog.json"
    # shellcheck disable=SC2086 # a list
    meson test -C "$directory" --no-rebuild --print-errorlogs \
        --num-processes "$(n_jobs)" $suites </dev/null && status=0 || status=$?
    # why, and what helps: only the log has it
    sed -n '/^SKIPPED: /p' "$directory"/meson-logs/testlog.txt
    tally_results "$name" "$status" "$directory/meson-logs/testlog.json"
}

# --- counting ---------------------------------------------------------------
# A script that runs another hands it TALLY, the file of counts; only the
# outermost prints the total, so that there is one such line, and the last.

tally_begin()
{
    if [ -n "${TALLY:-}" ]; then
        tally_is_ours=
    else
        tally_is_ours=yes
        TALLY=$(mktemp)
        : >"$TALLY.failed"
        export TALLY
    fi
    # what stands there already is the result of others
    tally_start=$(wc -l <"$TALLY")
}

# tally NAME PASSED FAILED SKIPPED
tally()
{
    printf '%s\n' "$2 $3 $4 $1" >>"$TALLY"
}

# tally_results NAME STATUS FILE: what meson (testlog.json) or pytest (JUnit
# XML) wrote. No file is a failure, and so is a bad exit status that no failed
# case explains.
tally_results()
{
    results=$(python3 "$ROOT/tests/support/count.py" "$3") || results="0 1 0"
    counts=$(printf '%s\n' "$results" | head -n 1)
    printf '%s\n' "$results" | sed -n "2,\$s|^|FAILED: |p" >>"$TALLY.failed"
    [ "$2" -eq 0 ] ||
        counts=$(echo "$counts" | awk '{ print $1, $2 ? $2 : 1, $3 }')
    # shellcheck disable=SC2086 # three numbers
    tally "$1" $counts
}

# Prints what failed and what was counted. Fails if anything failed or nothing ran.
tally_end()
{
    if [ -z "$tally_is_ours" ]; then
        ! awk -v start="$tally_start" \
            'NR > start && $2 > 0 { found = 1 } END { exit !found }' "$TALLY"
        return
    fi
    printf '\n'
    cat "$TALLY.failed"
    awk '{
            line = sprintf("%6d passed %4d failed %4d skipped", $1, $2, $3)
            passed += $1; failed += $2; skipped += $3
            $1 = $2 = $3 = ""
            sub(/^ +/, "")
            printf "%s  %s\n", line, $0
        }
        END {
            if (passed + failed == 0)
                print "nothing ran"
            printf "%d passed, %d failed, %d skipped\n",
                passed, failed, skipped
            exit !(failed == 0 && passed > 0)
        }' "$TALLY" && tally_status=0 || tally_status=1
    rm -f "$TALLY" "$TALLY.failed"
    return "$tally_status"
}
