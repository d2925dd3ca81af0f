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

// That of three variants which is written for a set; the one for AVX-512 needs no VNNI.
template <class Variant>
const Variant &variant_for(Instructions instructions, const Variant &portable, const Variant &avx2,
                           const Variant &avx512)
{
    switch (resolved(instructions)) {
    case Instructions::avx2:
        return avx2;
    case Instructions::avx512:
    case Instructions::avx512_vnni:
        return avx512;
    default:
        return portable;
    }
}

} // namespace j2kl
