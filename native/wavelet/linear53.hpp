// One level of the 5/3 without rounding to integers (docs/format-integer.md), on float planes. Every operation is rounded
// by itself.
#pragma once

#include "base/geometry.hpp"
#include "wavelet/wavelet.hpp"

#include <cstddef>

namespace j2kl {

// The arguments are those of analyse() and synthesise().
void analyse_linear53(Plane<const float> plane, const Rect &area, const Bands<float> &bands, std::size_t threads);
void synthesise_linear53(const Bands<const float> &bands, const Rect &area, Plane<float> plane,
                         std::size_t threads);

} // namespace j2kl
