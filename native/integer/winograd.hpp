// Winograd's algorithm F(2x2, 3x3) in integers: four outputs by 16 products instead of 36.
//
// With g the weights and d the inputs of a tile of 4x4, the outputs are A' [(G g G') * (B' d B)] A, where * multiplies
// element by element. G has halves; with 2 G the outputs are four times as large, and all numbers are integers. So the
// algorithm is exact, modulo 2^32 in between, if four times every output fits 32 bits.
#pragma once

#include <cstddef>
#include <cstdint>

namespace j2kl::winograd {

constexpr std::size_t positions = 16; // of a tile of 4x4

// Sums below this fit 32 bits when they are four times as large.
constexpr std::int64_t sum_limit = std::int64_t{1} << 29;

// Writes 4 G g G' of a filter of 3x3, 16 numbers. Returns whether they fit 16 bits.
bool transform(const std::int16_t *filter, std::int16_t *transformed);

} // namespace j2kl::winograd
