#!/bin/sh
# Install the missing system packages that j2klearn needs: setup-system.sh PYTHON
# Uses apt-get as root, or through sudo if sudo asks for no password. Otherwise it prints the commands to run.
# A browser is optional: only the tests of the benchmark's report in a browser need it, and they are skipped without it.
set -eu

python=${1:-}
if [ -z "$python" ]; then
    echo "j2klearn: found no Python 3.11 or newer; install it, or give its path: make PYTHON=/path/to/python3.11" >&2
    exit 1
fi

missing=
optional=
have() { command -v "$1" >/dev/null 2>&1; }
need() { missing="$missing $1"; }
without_browser() {
    echo "j2klearn: the browser tests of the benchmark's report will be skipped; to run them, install $optional" >&2
}
exit_if_only_optional() { [ -n "$missing" ] || { without_browser; exit 0; }; }

have cmake || need cmake
have make || need make
have c++ || need g++
have pkg-config || need pkg-config
pkg-config --exists libopenjp2 2>/dev/null || need libopenjp2-7-dev
have opj_compress || need libopenjp2-tools
"$python" -c 'import ensurepip' 2>/dev/null ||
    need "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"

{ have chromium || have chromium-browser || have google-chrome; } && have chromedriver ||
    optional="chromium chromium-driver"

[ -n "$missing$optional" ] || exit 0

if ! have apt-get; then
    exit_if_only_optional
    echo "j2klearn: there is no apt-get; install the equivalent of these Debian packages, then run make again:$missing" >&2
    exit 1
fi
# shellcheck source=scripts/root.sh
. "$(dirname "$0")/root.sh"
sudo=
if ! find_root; then
    exit_if_only_optional
    echo "j2klearn: system packages are missing; run this command, then make again:" >&2
    echo "    sudo apt-get update && sudo apt-get install -y$missing" >&2
    exit 1
fi

install() {
    echo "Installing system packages: $*"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}
$sudo apt-get update -qq || true  # an unrelated package source may be broken
# shellcheck disable=SC2086  # lists of words
{
    [ -z "$missing" ] || install $missing
    [ -z "$optional" ] || install $optional || without_browser
}
