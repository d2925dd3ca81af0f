// Rows of integer convolutions, one version per instruction set. All versions give the same results.
#pragma once

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

// In order of speed; the values are those of j2kl.h.
enum class Instructions : std::uint32_t { best = 0, portable = 1, avx2 = 2, avx512 = 3, avx512_vnni = 4 };

bool available(Instructions instructions);
Instructions best_instructions();

// The processor must support `instructions`.
void convolve_row(const IntegerRow &row, Instructions instructions);

} // namespace j2kl
