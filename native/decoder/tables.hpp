// The tables of de-quantisation (docs/format.md, "The same in integers").
#pragma once

#include <array>
#include <cstdint>

namespace j2kl::picture {

// 0.7 * asinh(v) with 10 fractional bits: node 32 i + j is that of v + 1 = 2^i * (1 + j / 32).
const std::array<std::int16_t, 545> &compression_nodes();

// 2^(k / 256) in single precision.
const std::array<float, 256> &octave_powers();

} // namespace j2kl::picture
