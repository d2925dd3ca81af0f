// The synthesis of lossless files: the learned steps and the 5/3, in integers (docs/format-lossless.md).
#pragma once

#include "decoder/coefficients.hpp"
#include "decoder/integer_model.hpp"
#include "decoder/segment.hpp"

#include <cstdint>
#include <vector>

namespace j2kl::picture {

// Synthesises all components of a picture, which cover the same area. `reduce` is the number of finest levels that are
// left out. The coefficients are used up. Returns the planes, row by row without gaps.
std::vector<std::vector<std::int32_t>> synthesise_reversible(const IntegerModel &model, const Segment &segment,
                                                             std::vector<Coefficients<std::int32_t>> components,
                                                             std::uint32_t reduce, std::size_t threads);

} // namespace j2kl::picture
