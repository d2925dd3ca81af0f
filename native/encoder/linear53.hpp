// Analysis by the 5/3 without rounding to integers (docs/format-integer.md), on float planes; see decoder/linear53.hpp.
#pragma once

#include "base/geometry.hpp"
#include "wavelet/wavelet.hpp"

#include <cstddef>

namespace j2kl::picture {

// One level, as j2kl::analyse. Every operation is rounded by itself.
void analyse_linear53(Plane<const float> plane, const Rect &area, const Bands<float> &bands, std::size_t threads);

} // namespace j2kl::picture
