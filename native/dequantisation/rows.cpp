#include "dequantisation/rows.hpp"

#include "base/independent.hpp"
#include "base/x86.hpp"

#include <algorithm>
#include <cstring>

namespace j2kl::dequantisation {

namespace {

// A sum of 81 means of this size fits into 32 bits.
constexpr float largest_quotient = 16777216.0F;

// The compression's argument of 1, which is added so that the octaves begin there.
constexpr std::int32_t compression_offset = 1 << sample_bits;

// Differences above this count as this; with the offset they are exact in float.
constexpr std::int32_t largest_difference = (1 << 24) - 1 - compression_offset;

// The first node by the upper bits of its float: exponent and five bits of the fraction.
constexpr std::int32_t first_node = (127 + sample_bits) * compression_steps;

// Positions whose features are computed before they are stored.
constexpr std::size_t block = 64;

inline std::int32_t bits_of(float value)
{
    std::int32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

#define J2KL_KERNELS "dequantisation/rows.inc"
#include "base/variants.inc"

} // namespace

const RowKernels &row_kernels(Instructions instructions)
{
    return variant_for(instructions, portable::kernels, avx2::kernels, avx512::kernels);
}

} // namespace j2kl::dequantisation
