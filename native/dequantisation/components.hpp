// The samples of components, and the noise of their positions: blocks of 2x2 or 4x4 samples that begin at
// multiples of their side on the grid.
#pragma once

#include "dequantisation/network.hpp"
#include "j2kl.h"

#include <cstddef>
#include <cstdint>

namespace j2kl::dequantisation {

// As many sources as the network reads, and as many targets and arrays of noise as it writes. The components
// that are written are the last ones of those that are read.
struct Components {
    const float *sources[most_reads]; // the samples at (y0, x0)
    float *targets[most_writes];
    std::ptrdiff_t source_stride, target_stride;
    std::int32_t y0, x0, y1, x1;
    j2kl_rect part;                         // what to write, inside the area
    const std::int16_t *noise[most_writes]; // codes: log2 of the noise in units of 2^-noise_bits
    std::ptrdiff_t noise_stride;            // 0: one code for all positions

    // The code of the noise of a component that is written, at a position of the area.
    std::int16_t code(std::size_t written, std::ptrdiff_t y, std::ptrdiff_t x) const
    {
        return noise_stride == 0 ? noise[written][0] : noise[written][y * noise_stride + x];
    }
};

// A half-open range of positions.
struct Range {
    std::ptrdiff_t begin, end;
};

// The positions of the samples from `from` to `to`; `side` is 2 or 4.
inline Range position_range(std::int32_t from, std::int32_t to, std::ptrdiff_t side)
{
    const int bits = side == 2 ? 1 : 2;
    return {from >> bits, (std::ptrdiff_t{to} + side - 1) >> bits};
}

// The number of positions of the samples from `from` to `to`.
inline std::ptrdiff_t position_count(std::int32_t from, std::int32_t to, std::ptrdiff_t side)
{
    const Range range = position_range(from, to, side);
    return range.end - range.begin;
}

} // namespace j2kl::dequantisation
