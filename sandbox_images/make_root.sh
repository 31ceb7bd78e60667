#!/bin/sh
# Build a root file system with debootstrap, as base of the image for sandboxes where there is no
# registry: python3 and what it takes to compile extension modules, nothing of this machine.
set -eu
umask 022

usage() {
    cat >&2 <<'USAGE'
usage: make_root.sh SUITE TARGET [PACKAGE...]
  SUITE    Debian or Ubuntu release that debootstrap knows, for example bookworm
  TARGET   folder to create; must not exist, and its parents must be accessible to others
  PACKAGE  additional Debian packages
The environment variables MIRROR and INCLUDE replace the mirror and the standard packages.
USAGE
    exit 2
}

fail() {
    echo "make_root.sh: $1" >&2
    exit 1
}

[ $# -ge 2 ] || usage
suite=$1
target=$2
shift 2

case $target in
    /*) ;;
    *) target=$(pwd)/$target ;;
esac
[ ! -e "$target" ] || fail "$target exists; choose a new folder, or remove it first"
parent=$(dirname "$target")
folder=$parent
while [ "$folder" != / ]; do
    if [ ! -e "$folder" ]; then
        folder=$(dirname "$folder")
        continue
    fi
    # The sandbox's user has to pass through every one of these.
    [ $((0$(stat -c %a "$folder") & 1)) = 1 ] || fail "$folder is not accessible to other users (chmod o+x)"
    folder=$(dirname "$folder")
done

[ "$(id -u)" = 0 ] || fail "must run as root: debootstrap creates files of other users"
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
mkdir -p "$parent"

include=${INCLUDE:-python3,python3-dev,python3-venv,build-essential,pkg-config,ca-certificates,tzdata,media-types,gettext,git}
for package in "$@"; do
    include=$include,$package
done

# Built beside its place and renamed when it is whole: a broken off build is never taken for one.
building=$target.building
trap 'rm -rf --one-file-system "$building"' EXIT
trap 'exit 130' INT TERM
rm -rf --one-file-system "$building"
build() {
    # shellcheck disable=SC2086  # no mirror given means no argument
    debootstrap --variant=minbase --include="$include" "$suite" "$building" ${MIRROR:-}
}
# A mirror drops a download at times; the second try keeps what the first one has.
build || build

rm -rf "$building"/var/cache/apt/archives/*.deb "$building"/var/lib/apt/lists/* "${building:?}"/dev/*
[ -x "$building/usr/bin/python3" ] || fail "the tree has no python3"
chmod 0755 "$building"
for name in hosts nsswitch.conf resolv.conf; do
    # A sandbox lays its own over these; that takes a file to lie on.
    [ -e "$building/etc/$name" ] || : >"$building/etc/$name"
done
mv "$building" "$target"
trap - EXIT
echo "Import it: tar --numeric-owner -C $target -c . | docker import - mergewright-base:$suite"
