// The entry points of libFuzzer. The environment variable J2KL_FUZZ_TARGET names the target.
#include "fuzz/targets.hpp"

#include <cstdio>
#include <cstdlib>

namespace {

const j2kl::fuzz::Target *chosen = nullptr;

} // namespace

extern "C" {

std::size_t LLVMFuzzerMutate(std::uint8_t *data, std::size_t size, std::size_t capacity);

int LLVMFuzzerInitialize(int *, char ***)
{
    const char *name = std::getenv("J2KL_FUZZ_TARGET");
    chosen = name != nullptr ? j2kl::fuzz::target(name) : nullptr;
    if (chosen == nullptr) {
        std::fputs("set J2KL_FUZZ_TARGET to one of:", stderr);
        for (const j2kl::fuzz::Target &one : j2kl::fuzz::targets) {
            std::fprintf(stderr, " %s", one.name);
        }
        std::fputs("\n", stderr);
        std::exit(2);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    chosen->run(data, size);
    return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t *data, std::size_t size, std::size_t capacity, unsigned int seed)
{
    const std::size_t changed = LLVMFuzzerMutate(data, size, capacity);
    if (chosen->checksums && seed % 16 != 0) {
        j2kl::fuzz::correct_checksums(data, changed);
    }
    return changed;
}
}
