// The choice of the instruction set, for all kernels of the library.
#pragma once

#include <cstdint>

namespace j2kl {

// In order of speed; the values are those of j2kl.h.
enum class Instructions : std::uint32_t { best = 0, portable = 1, avx2 = 2, avx512 = 3, avx512_vnni = 4 };

// Whether the processor supports the set and J2KLEARN_CPU allows it. The environment variable names the fastest
// set that may be used; other values have no effect. It is read once.
bool available(Instructions instructions);

// The fastest set that is available.
Instructions best_instructions();

// The set that `instructions` stands for.
inline Instructions resolved(Instructions instructions)
{
    return instructions == Instructions::best ? best_instructions() : instructions;
}

} // namespace j2kl
