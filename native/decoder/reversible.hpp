// The synthesis of lossless files: the learned steps and the base wavelet, in integers (docs/format-lossless.md).
#pragma once

#include "base/geometry.hpp"
#include "decoder/integer_model.hpp"
#include "decoder/segment.hpp"

#include <cstdint>
#include <vector>

namespace j2kl::picture {

// The subbands of a component, in the order of SubbandLayout.
struct IntegerBands {
    Rect area;
    std::uint32_t levels = 0;
    std::vector<std::int32_t> values;
};

// One plane for every component, row by row without gaps.
using IntegerPlanes = std::vector<std::vector<std::int32_t>>;

// Synthesises all components of a picture, which cover the same area. `reduce` is the number of finest levels that are
// left out. The subbands are used up.
IntegerPlanes synthesise_reversible(const IntegerModel &model, const Segment &segment,
                                    std::vector<IntegerBands> components, std::uint32_t reduce,
                                    std::size_t threads);

} // namespace j2kl::picture
