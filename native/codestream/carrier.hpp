// The main header with which the carrier of a lossless learned file is decoded (docs/format-lossless.md).
#pragma once

#include "base/bytes.hpp"
#include "codestream/new_header.hpp"

#include <cstdint>

namespace j2kl {

// Bits of the samples of a carrier. That of a lower layer may exceed the bits of the whole file.
inline constexpr std::uint32_t carrier_precision = 24;

// Ssiz of the components (T.800 Table A.11).
inline constexpr std::uint8_t carrier_ssiz = 0x80 | (carrier_precision - 1);

// Declares signed samples of carrier_precision bits, so that no sample is clipped. Throws Failure if the main header
// is damaged.
NewHeader carrier_header(const Bytes &codestream);

} // namespace j2kl
