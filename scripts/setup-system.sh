#!/bin/sh
# Install the system packages that j2klearn needs and that are missing: setup-system.sh PYTHON
# Uses apt-get as root, or through sudo where sudo asks for no password; else says what to type.
# A browser is wanted too, but only for one test, which is skipped without it: nothing fails for want of it.
set -eu

python=${1:-}
if [ -z "$python" ]; then
    echo "j2klearn: no Python 3.11 or newer found; install one, or name it: make PYTHON=/path/to/python3.11" >&2
    exit 1
fi

missing=
wanted=
have() { command -v "$1" >/dev/null 2>&1; }
need() { missing="$missing $1"; }
without_browser() {
    echo "j2klearn: the test of the benchmark's report will be skipped; to run it, install $wanted" >&2
}
unless_only_wanted() { [ -n "$missing" ] || { without_browser; exit 0; }; }

have cmake || need cmake
have make || need make
have c++ || need g++
have pkg-config || need pkg-config
pkg-config --exists libopenjp2 2>/dev/null || need libopenjp2-7-dev
have opj_compress || need libopenjp2-tools
"$python" -c 'import ensurepip' 2>/dev/null ||
    need "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"

{ have chromium || have chromium-browser || have google-chrome; } && have chromedriver ||
    wanted="chromium chromium-driver"

[ -n "$missing$wanted" ] || exit 0

if ! have apt-get; then
    unless_only_wanted
    echo "j2klearn: install what these Debian packages hold, then run make again:$missing" >&2
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    sudo=
elif sudo -n true 2>/dev/null; then
    sudo="sudo -n"
else
    unless_only_wanted
    echo "j2klearn: system packages are missing; type this, then run make again:" >&2
    echo "    sudo apt-get update && sudo apt-get install -y$missing" >&2
    exit 1
fi

install() {
    echo "Installing system packages: $*"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}
$sudo apt-get update -qq || true  # a broken list of another source need not matter
# shellcheck disable=SC2086  # lists of words
{
    [ -z "$missing" ] || install $missing
    [ -z "$wanted" ] || install $wanted || without_browser
}
