// One level of the non-separable 5/3 on integers (docs/format-lossless.md): without rounding it is the 5/3 of T.800. It
// lifts in two dimensions at once, so it rounds every coefficient once, where T.800 rounds after each direction.
#pragma once

#include "base/geometry.hpp"
#include "wavelet/wavelet.hpp"

#include <cstddef>
#include <cstdint>

namespace j2kl {

// The arguments are those of analyse() and synthesise(). Single high-pass samples are doubled, and halved. Sums wrap
// around, and the synthesis is the inverse of the analysis for all integers.
void analyse_non_separable53(Plane<const std::int32_t> plane, const Rect &area, const Bands<std::int32_t> &bands,
                             std::size_t threads);
void synthesise_non_separable53(const Bands<const std::int32_t> &bands, const Rect &area, Plane<std::int32_t> plane,
                                std::size_t threads);

} // namespace j2kl
