// Rewrites the main header of a codestream of the 9/7 so that a decoder of the 5/3 returns the integers of tier-1.
//
// A decoded coefficient is a whole number n of half quantiser steps: n = 2 q + 2^(Mb - Nb) for a quantiser index q > 0
// of which Nb bit-planes are decoded (T.800 equation E-6 with r = 1/2). The rewritten header declares one bit-plane more
// than the file has, no quantisation, the 5/3, no component transform, and signed samples of 31 bits. The reversible
// path of a decoder then reconstructs n itself, and its samples are the inverse 5/3 of these integers.
#pragma once

#include "base/bytes.hpp"
#include "codestream/new_header.hpp"

#include <cstdint>

namespace j2kl {

inline constexpr std::uint32_t half_step_precision = 31; // OpenJPEG decodes no more bits per sample

// Throws Failure if the codestream is not of the 9/7 with a quantiser step for every subband, if it has regions of
// interest, if a tile-part header changes the coding or the quantisation, or if the main header is damaged.
NewHeader half_step_header(const Bytes &codestream, std::uint64_t tiles);

} // namespace j2kl
