// De-quantisation of one strip of columns: all layers row by row, with a few rows of each layer in memory.
#pragma once

#include "dequantisation/network.hpp"
#include "j2kl.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl::dequantisation {

// The samples of a component, and the noise of its positions: blocks of 2x2 samples at even grid positions.
struct Component {
    const float *source; // the sample at (y0, x0)
    float *target;
    std::ptrdiff_t source_stride, target_stride;
    std::int32_t y0, x0, y1, x1;
    j2kl_rect part;                  // what to write, inside the area
    const std::int16_t *noise;       // codes: log2 of the noise in units of 2^-noise_bits
    std::ptrdiff_t noise_stride;     // 0: one code for all positions
};

// A half-open range of positions.
struct Range {
    std::ptrdiff_t begin, end;
};

// The positions of the samples from `from` to `to`.
inline Range position_range(std::int32_t from, std::int32_t to)
{
    return {from >> 1, (std::ptrdiff_t{to} + 1) >> 1};
}

// Positions of a strip, so that the hidden layers fill whole batches of Winograd's columns.
std::size_t strip_positions(const Network &network);

// Corrects the samples of some rows and columns of positions. At most strip_positions() columns.
void dequantise_strip(const Network &network, const Component &component, Range rows, Range columns,
                      Instructions instructions);

} // namespace j2kl::dequantisation
