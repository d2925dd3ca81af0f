// Decoding of areas of the carrier: tier-1's integers, without reconstruction.
#pragma once

#include "base/geometry.hpp"
#include "base/report.hpp"
#include "decoder/main_header.hpp"
#include "decoder/segment.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace j2kl::picture {

// Samples that are decoded on each side of the area whose coefficients are needed: the 5/3, through which
// OpenJPEG hands out the integers of tier-1, reads two samples on either side of a low-pass sample.
constexpr std::uint32_t carrier_margin = 2;

// What to decode of a codestream.
struct CarrierRequest {
    Bytes codestream;
    const MainHeader &header;
    std::uint32_t components; // that the segment declares
    std::uint32_t layers, threads;
    bool half_steps; // the coefficients are quantised; see j2kl_request
};

// Decodes an area of the reference grid with `reduce` levels left out, and hands over the subbands of `levels` levels of
// each component, in the order of SubbandLayout. Messages go to `reporter`, also those of a failure in `take`.
void decode_carrier(const CarrierRequest &request, std::uint32_t reduce, const Rect &area, std::uint32_t levels,
                    Reporter &reporter,
                    const std::function<void(std::uint32_t component, std::vector<std::int32_t> values)> &take);

// An area of the reference grid that contains an area of a resolution.
Rect on_grid_of(const Rect &area, std::uint32_t reduce, const Rect &picture);

// Copies the part of a plane that covers `outer` which lies in `inner`.
template <class T> void copy_part(const T *from, const Rect &outer, const Rect &inner, T *to)
{
    for (std::size_t row = 0; row < inner.height() && inner.width() > 0; ++row) {
        const T *source = from + (row + inner.y0 - outer.y0) * outer.width() + (inner.x0 - outer.x0);
        std::copy_n(source, inner.width(), to + row * inner.width());
    }
}

} // namespace j2kl::picture
