// Rows of the inputs and of the outputs of the de-quantisation network, one version per instruction set.
// Float operations are rounded one by one, so all versions give the same results. docs/format.md defines
// them.
#pragma once

#include "base/instructions.hpp"

#include <cstddef>
#include <cstdint>

namespace j2kl::dequantisation {

// A position is a block of 2x2 or 4x4 samples. Its samples are the phases, in the order of rows; kernels process
// them four at a time.
constexpr std::size_t shortest_side = 2, longest_side = 4, phases_at_once = 4;

// Fractional bits of samples over noise, and of the inputs of the network.
constexpr int sample_bits = 7, feature_bits = 10;

// Inputs of the network are at most this in magnitude.
constexpr std::int32_t largest_feature = 8943;

// Fractional bits of log2 of the noise, and its range.
constexpr int noise_bits = 8;
constexpr std::int32_t lowest_noise = -2560, highest_noise = 5632;

// Positions on each side of a position that belong to the window of its local mean: 9x9 for 2x2 samples, 5x5
// for 4x4.
constexpr std::ptrdiff_t mean_reach_of(std::size_t side)
{
    return side == shortest_side ? 4 : 2;
}

// The compression is linear between `compression_steps` nodes of each of its octaves.
constexpr int compression_octaves = 17, compression_steps = 32;
constexpr std::size_t compression_nodes = compression_octaves * compression_steps + 1;

// One row of positions. Arrays have `count` elements for each phase or position.
struct SampleRow {
    std::size_t side;
    const float *rows[longest_side]; // `side` rows of side x count samples
    const float *factors;            // 2^sample_bits / noise
    std::size_t count;
    std::int32_t *quotients; // phases, `stride` elements apart
    std::size_t stride;
    std::int32_t *means; // of all phases
};

struct FeatureRow {
    std::size_t side;
    const std::int32_t *quotients; // as in SampleRow
    std::size_t stride;
    const std::int32_t
        *sums; // of the window's rows of means, from its reach before the first position on
    std::int32_t *scratch;     // count + twice the reach of the window
    const std::int32_t *table; // pairs of a node and the step to the next one
    std::size_t count;
    std::int16_t *features; // of the first position; the phases are side by side
    std::size_t channels;   // from one position to the next
};

struct CorrectionRow {
    std::size_t side;
    const std::int16_t *outputs; // the phases of the first position, side by side
    std::size_t stride;          // from one position to the next
    const float *scales;         // noise / 2^output_bits
    std::size_t count;
    float *rows[longest_side]; // `side` rows of side x count corrections
};

struct RowKernels {
    void (*quotients)(const SampleRow &row);
    // sums += added - removed
    void (*slide)(std::int32_t *sums, const std::int32_t *added, const std::int32_t *removed,
                  std::size_t count);
    void (*features)(const FeatureRow &row);
    void (*corrections)(const CorrectionRow &row);
    // target = source + correction, where NaN counts as 0
    void (*add)(float *target, const float *source, const float *corrections, std::size_t count);
};

const RowKernels &row_kernels(Instructions instructions);

} // namespace j2kl::dequantisation
