#!/usr/bin/env bash
# Build OpenJPEG as a shared library, for wheels made by cibuildwheel: build-openjpeg.sh PREFIX
#
# Its images have no OpenJPEG, or an old one. The commit is the first one with repairs of all faults that SECURITY.md says
# no release repairs and that have a repair; take a release in its place as soon as there is one.
# OPENJPEG_REPOSITORY and OPENJPEG_COMMIT name others.
set -euo pipefail

prefix=$(mkdir -p "$1" && cd "$1" && pwd)
repository=${OPENJPEG_REPOSITORY:-https://github.com/uclouvain/openjpeg.git}
commit=${OPENJPEG_COMMIT:-a38e970fa59abd796c703ec469e578b09f7ffa33}

source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
git -C "$source" init --quiet
git -C "$source" fetch --quiet --depth 1 "$repository" "$commit"
git -C "$source" checkout --quiet FETCH_HEAD
cmake -S "$source" -B "$source/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" \
    -DCMAKE_INSTALL_LIBDIR=lib -DBUILD_SHARED_LIBS=ON -DBUILD_STATIC_LIBS=OFF -DBUILD_CODEC=OFF
cmake --build "$source/build" --config Release --parallel 2
cmake --install "$source/build" --config Release
