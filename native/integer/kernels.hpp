// Rows of integer convolutions, one version per instruction set. All versions give the same results.
#pragma once

#include "base/instructions.hpp"

#include <cstddef>
#include <cstdint>

namespace j2kl {

// Outputs are divided into groups of 16, one vector of 512 bits; a block has up to four groups.
constexpr std::size_t group_channels = 16, block_groups = 4;

// One row of pixels of one block of outputs. Inputs are read in pairs: inputs 2 t and 2 t + 1 of a sum lie
// side by side at pixel + offsets[t].
struct IntegerRow {
    const std::int16_t *input;     // of the first pixel
    std::ptrdiff_t input_stride;   // from one pixel to the next
    const std::ptrdiff_t *offsets; // one per pair
    const std::int16_t *weights;   // pairs x groups x 16 x 2
    std::size_t pairs, groups;     // groups: 1 .. 4
    const std::int32_t *bias;      // groups x 16, rounding included
    const std::int32_t *shift;     // groups x 16
    std::int32_t low, high;
    const std::int16_t *residual; // same layout as the output; may be null
    std::int16_t *output;         // of the first pixel
    std::ptrdiff_t output_stride; // from one pixel to the next
    std::size_t channels;         // number of outputs, at most groups x 16
    std::size_t pixels;
};

// Two rows of a convolution of 3x3 that has as many inputs as outputs, by Winograd's F(2x2, 3x3): a tile of
// 2x2 outputs takes 16 products instead of 36. The transformed weights are four times those of the textbook,
// so they are integers, and the sums are exactly four times those of the direct convolution. Columns are
// computed in batches: the rows must have room for a multiple of `winograd_columns` outputs, and for two
// inputs more.
constexpr std::size_t winograd_columns = 24, winograd_tiles = winograd_columns / 2;

struct WinogradRows {
    const std::int16_t
        *input[4]; // the row above, the two rows, the row below; left of the first output; 0 .. 8191
    const std::int16_t *weights;     // see winograd_weights
    const std::int32_t *bias;        // 4 x bias, rounding included
    std::int32_t shift;              // two more than that of the direct convolution
    std::size_t channels;            // a multiple of 16
    std::int16_t high;               // outputs are 0 .. high
    const std::int16_t *residual[2]; // 0 .. high; both may be null
    std::int16_t *output[2];
    std::size_t columns;
    std::int16_t *inputs_scratch;   // winograd::positions x winograd_tiles x channels
    std::int32_t *products_scratch; // the same number
};

// A row of a convolution of 3x3 with eight outputs: half a group would be wasted. Columns are computed in
// batches.
constexpr std::size_t eight_outputs_columns = 12;

struct EightOutputsRow {
    const std::int16_t *input[3]; // left of the first pixel
    const std::int16_t *weights;  // 9 x inputs / 2 pairs x 8 x 2
    const std::int32_t *bias;     // eight, rounding included
    std::int32_t shift;
    std::size_t inputs;           // even
    std::int16_t high;            // outputs are 0 .. high
    const std::int16_t *residual; // 0 .. high; may be null
    std::int16_t *output;
    std::size_t columns; // a multiple of eight_outputs_columns: inputs and outputs have room for these
};

// A row of a convolution of 3x3 with four outputs, which are next to each other at every pixel.
struct FourOutputsRow {
    const std::int16_t
        *input[3]; // left of the first pixel; there may be any numbers up to a multiple of four pixels
    const std::int16_t *weights; // 4 x 3 rows of four_outputs_row() elements: 3 x channels, then zeros
    const std::int32_t *bias;    // four, rounding included
    std::int32_t shift;
    std::size_t channels; // a multiple of 8; inputs of 8 channels have room for another pixel
    std::int16_t *output; // room for a multiple of four pixels
    std::size_t pixels;
};

constexpr std::size_t four_outputs_row(std::size_t channels)
{
    return (3 * channels + 15) / 16 * 16;
}

// The processor must support `instructions`.
void convolve_row(const IntegerRow &row, Instructions instructions);
void convolve_four(const FourOutputsRow &row, Instructions instructions);

// Only for the sets for which `has_winograd` is true.
void convolve_winograd(const WinogradRows &rows, Instructions instructions);
bool has_winograd(Instructions instructions);

// Only for the sets for which `has_eight_outputs` is true.
void convolve_eight(const EightOutputsRow &row, Instructions instructions);
bool has_eight_outputs(Instructions instructions);

} // namespace j2kl
