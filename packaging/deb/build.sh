#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the Debian package with dpkg-buildpackage, from a copy of this tree
# to which debian/ is added. Needs the packages of debian/control and
# dpkg-dev; as any user, without network.
#
#   packaging/deb/build.sh [DIRECTORY]
#
# DIRECTORY (default: build-deb) gets the copy and the package.
# DEB_BUILD_OPTIONS as usual: nocheck, parallel=N.
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/support/steps.sh
. "$ROOT/tests/support/steps.sh"

case ${1:-} in
-h | --help)
    sed -n '3,11s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac
mkdir -p "${1:-$ROOT/build-deb}"
out=$(cd "${1:-$ROOT/build-deb}" && pwd)

version=$(sed -n "s/^  version: '\(.*\)',$/\1/p" "$ROOT/meson.build")
packaged=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$ROOT/packaging/deb/debian/changelog")
[ "$version" = "$packaged" ] ||
    die "meson.build has version $version, debian/changelog has $packaged"

tree=$out/bouncer-$version
rm -rf "$tree"
mkdir "$tree"
tar -C "$ROOT" --exclude=./.git --exclude='./build*' --exclude=__pycache__ \
    -cf - . | tar -C "$tree" -xf -
cp -r "$ROOT/packaging/deb/debian" "$tree"

say "dpkg-buildpackage in $tree"
cd "$tree"
DEB_BUILD_OPTIONS=${DEB_BUILD_OPTIONS:-parallel=$(n_jobs)} \
    dpkg-buildpackage -b -us -uc >"$out/build.log" 2>&1 || {
    cat "$out/build.log"
    die "dpkg-buildpackage failed"
}
find "$out" -maxdepth 1 -name '*.deb'
