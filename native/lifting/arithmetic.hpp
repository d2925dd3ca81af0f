// The integer arithmetic of operators: ranges, rounding, and the conversion of samples.
#pragma once

#include <algorithm>
#include <cstdint>

namespace j2kl::lifting {

constexpr std::int32_t most_input = 32767;      // magnitude of a source sample
constexpr std::int32_t most_activation = 8191;  // of the hidden layers
constexpr std::int32_t most_likelihood = 65535; // offset included
constexpr std::int32_t most_proposal = 32767;   // magnitude
constexpr std::int32_t opacity_bits = 14;       // fractional bits of an opacity

// What is added before a shift, so that the shift rounds: half a unit.
inline std::int32_t half_of(std::int32_t shift)
{
    return static_cast<std::int32_t>((std::uint32_t{1} << shift) >> 1);
}

inline std::int32_t round_shift(std::int32_t sum, std::int32_t shift)
{
    return (sum + half_of(shift)) >> shift;
}

// The nearest integer of x * scale, the even one of two, within most_input; 0 for NaN. The scale is a power of two.
// It does not depend on the rounding mode of the processor: every operation is exact, but for a product that is far
// below one half.
inline std::int32_t quantised(float x, float scale)
{
    const float value = x * scale;
    if (!(value > -32767.0F)) {
        return value <= -32767.0F ? -most_input : 0;
    }
    if (value >= 32767.0F) {
        return most_input;
    }
    const auto whole = static_cast<std::int32_t>(value); // towards zero
    const float rest = value - static_cast<float>(whole);
    const bool odd = (whole & 1) != 0;
    if (rest > 0.5F || (rest == 0.5F && odd)) {
        return whole + 1;
    }
    return rest < -0.5F || (rest == -0.5F && odd) ? whole - 1 : whole;
}

// An opacity: a likelihood divided by the sum of all. `reciprocal` is floor(2^30 / sum). The product is at most 2^30,
// as the likelihood is a part of the sum.
inline std::int32_t opacity_of(std::int32_t likelihood, std::int32_t reciprocal)
{
    return (likelihood * reciprocal + (1 << 15)) >> 16;
}

inline std::int32_t reciprocal_of(std::int32_t sum)
{
    return (1 << 30) / sum;
}

} // namespace j2kl::lifting
