#!/bin/sh
# Install what `make fuzz` needs beside the rest: Clang with libFuzzer and the sanitizers. Only fuzzing needs it.
set -eu

works() {
    command -v clang++ >/dev/null 2>&1 &&
        printf 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char *, unsigned long) { return 0; }\n' |
        clang++ -fsanitize=fuzzer,address -x c++ - -o /dev/null 2>/dev/null
}

works && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "j2klearn: make fuzz needs clang++ with libFuzzer (compiler-rt); install them, then run it again" >&2
    exit 1
fi
# shellcheck source=scripts/root.sh
. "$(dirname "$0")/root.sh"
sudo=
if ! find_root; then
    echo "j2klearn: run this command, then make fuzz again: sudo apt-get install -y clang" >&2
    exit 1
fi
$sudo apt-get update -qq || true  # an unrelated package source may be broken
# libFuzzer and the sanitizers are in libclang-rt, which clang recommends.
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --install-recommends clang
works || { echo "j2klearn: clang++ has no libFuzzer; install libclang-rt of its version" >&2; exit 1; }
