// Winograd's algorithm F(2x2, 3x3) in integers: four outputs by 16 products instead of 36.
//
// With g the weights and d the inputs of a tile of 4x4, the outputs are A' [(G g G') * (B' d B)] A, where * multiplies
// element by element. G has halves; with 2 G the outputs are four times as large, and all numbers are integers. So the
// algorithm is exact, modulo 2^32 in between, if four times every output fits 32 bits.
#pragma once

#include "lifting/network.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl::lifting::winograd {

constexpr std::size_t positions = 16; // of a tile of 4x4

// The transformed weights 4 G g G', shape (outputs, inputs, 16).
std::vector<std::int16_t> transformed(const Convolution &layer);

// Whether the transformed weights fit 16 bits and the sums fit 32 bits. The inputs are activations: at most 8191, so
// that the transformed inputs, sums of four, fit 16 bits.
bool is_exact(const Convolution &layer);

} // namespace j2kl::lifting::winograd
