// Rows of integer convolutions, one version per instruction set; all give the same.
#pragma once

#include <cstddef>
#include <cstdint>

namespace j2kl {

// Outputs come in groups of 16, what a vector of 512 bits holds; a block is up to four groups.
constexpr std::size_t group_channels = 16, block_groups = 4;

// One row of pixels of one block. Inputs are taken two at a time: input 2 t and 2 t + 1 of the sums lie next
// to each other at pixel + offsets[t].
struct IntegerRow {
    const std::int16_t *input;     // of the first pixel
    std::ptrdiff_t input_stride;   // from one pixel to the next
    const std::ptrdiff_t *offsets; // pairs
    const std::int16_t *weights;   // pairs x groups x 16 x 2
    std::size_t pairs, groups;     // groups: 1 .. 4
    const std::int32_t *bias;      // groups x 16, with the rounding
    const std::int32_t *shift;     // groups x 16
    std::int32_t low, high;
    const std::int16_t *residual; // laid out as the output; or null
    std::int16_t *output;         // of the first pixel
    std::ptrdiff_t output_stride; // from one pixel to the next
    std::size_t channels;         // outputs that exist, at most groups x 16
    std::size_t pixels;
};

// In the order of their speed; values are those of j2kl.h.
enum class Instructions : std::uint32_t { best = 0, portable = 1, avx2 = 2, avx512 = 3, avx512_vnni = 4 };

bool available(Instructions instructions);
Instructions best_instructions();

// `instructions` has to be available.
void convolve_row(const IntegerRow &row, Instructions instructions);

} // namespace j2kl
