// Synthesis by the 5/3 without rounding to integers (docs/format-integer.md), on float planes.
#pragma once

#include "base/geometry.hpp"
#include "wavelet/wavelet.hpp"

#include <cstddef>

namespace j2kl::picture {

// One level, as j2kl::synthesise. Every operation is rounded by itself.
void synthesise_linear53(const Bands<const float> &bands, const Rect &area, Plane<float> plane,
                         std::size_t threads);

} // namespace j2kl::picture
