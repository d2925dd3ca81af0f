// Analysis of components: the base wavelet and the learned steps in integers.
#pragma once

#include "base/geometry.hpp"
#include "decoder/integer_model.hpp"
#include "decoder/synthesis.hpp"

#include <cstddef>
#include <cstdint>

namespace j2kl::picture {

// Decomposes components that share opacities, and returns their coefficients in the order of SubbandLayout. `planes` have
// the samples of `area` in 8-bit grey levels; they are freed early. With `base_chroma`, all components but the first have
// no learned steps at the finest level.
Planes analyse(const IntegerModel &model, Planes planes, const Rect &area, std::uint32_t levels, bool base_chroma,
               std::size_t threads);

} // namespace j2kl::picture
