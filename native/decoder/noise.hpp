// The noise of a component for de-quantisation: log2 in 1/256, between the centres of the tiles
// (docs/format.md).
#pragma once

#include "base/geometry.hpp"
#include "decoder/segment.hpp"

#include <cstdint>
#include <vector>

namespace j2kl::picture {

struct NoiseCodes {
    std::vector<std::int16_t> codes; // empty if the component is not de-quantised
    std::ptrdiff_t stride = 0;       // 0: one code for all
};

// Whether a component has noise in all tiles. `layer` is the number of decoded layers, from 1 on.
bool has_noise(const Segment &segment, std::uint32_t component, std::uint32_t layer);

// The codes of a component in an area, one for every position: a block of side x side samples at multiples of
// `side`, which is 2 or 4.
NoiseCodes noise_codes(const Segment &segment, const TileGrid &tiles, std::uint32_t component,
                       std::uint32_t layer, const Rect &area, std::uint32_t side);

} // namespace j2kl::picture
