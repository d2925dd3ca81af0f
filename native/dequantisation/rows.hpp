// Rows of the inputs and of the outputs of the de-quantisation network, one version per instruction set.
// Float operations are rounded one by one, so all versions give the same results. docs/format.md defines
// them.
#pragma once

#include "base/instructions.hpp"

#include <cstddef>
#include <cstdint>

namespace j2kl::dequantisation {

// Samples of a position, in the order of the phases: even rows before odd ones.
constexpr std::size_t phases = 4;

// Fractional bits of samples over noise, and of the inputs of the network.
constexpr int sample_bits = 7, feature_bits = 10;

// Inputs of the network are at most this in magnitude.
constexpr std::int32_t largest_feature = 8943;

// Fractional bits of log2 of the noise, and its range.
constexpr int noise_bits = 8;
constexpr std::int32_t lowest_noise = -2560, highest_noise = 5632;

// Positions on each side of the local mean's window of 9 x 9.
constexpr std::ptrdiff_t mean_reach = 4;

// The compression is linear between `compression_steps` nodes of each of its octaves.
constexpr int compression_octaves = 17, compression_steps = 32;
constexpr std::size_t compression_nodes = compression_octaves * compression_steps + 1;

// One row of positions. Arrays have `count` elements for each phase or position.
struct SampleRow {
    const float *upper, *lower; // 2 x count samples
    const float *factors;       // 2^sample_bits / noise
    std::size_t count;
    std::int32_t *quotients; // phases, `stride` elements apart
    std::size_t stride;
    std::int32_t *means; // of the four phases
};

struct FeatureRow {
    const std::int32_t *quotients; // as in SampleRow
    std::size_t stride;
    const std::int32_t
        *sums; // of the 9 rows of means, from mean_reach positions before the first one; a scratch row
    std::int32_t *scratch;     // count + 2 x mean_reach elements
    const std::int32_t *table; // pairs of a node and the step to the next one
    std::size_t count;
    std::int16_t *features; // of the first position; the phases are side by side
    std::size_t channels;   // from one position to the next
};

struct CorrectionRow {
    const std::int16_t *outputs; // count x phases
    const float *scales;         // noise / 2^output_bits
    std::size_t count;
    float *upper, *lower; // 2 x count corrections
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
