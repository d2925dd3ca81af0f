// The layers of a de-quantisation network in integers: checked, and packed for the kernels.
#pragma once

#include "base/aligned.hpp"
#include "dequantisation/rows.hpp"
#include "integer/kernels.hpp"

#include <cstdint>
#include <vector>

struct j2kl_dequantiser_numbers;

namespace j2kl::dequantisation {

// Hidden activations are 0 .. 8191, so that Winograd's sums of four of them fit into int16.
constexpr std::int16_t largest_activation = 8191;

constexpr std::size_t most_channels = 64, most_pairs = 4;

// A network reads components and corrects the last ones of them.
constexpr std::size_t most_reads = 3, most_writes = 2;

// A convolution of 3x3. Channels are padded: inputs to an even number, outputs to eight or to groups.
struct Convolution {
    std::size_t inputs, outputs, groups; // padded
    Aligned<std::int16_t> weights;       // for IntegerRow: 9 x inputs / 2 pairs x groups x 16 x 2
    Aligned<std::int32_t> bias;          // of the lanes of all groups, rounding included
    Aligned<std::int32_t> shift;         // the same for all lanes
    Aligned<std::int16_t> eight;         // for EightOutputsRow; empty for other numbers of outputs
    Aligned<std::int16_t> winograd;      // for WinogradRows; empty if its sums might not fit
    Aligned<std::int32_t> winograd_bias;
};

// The part of the last convolution that corrects one component, if positions have 2x2 samples: four outputs.
struct LastConvolution {
    Aligned<std::int16_t> weights; // for FourOutputsRow
    std::int32_t bias[4];              // rounding included
    std::int32_t shift;
};

struct Network {
    // See j2kl_dequantiser_create. Throws Failure if a number is out of range or a sum could overflow.
    Network(const j2kl_dequantiser_numbers &numbers, const std::int16_t *first, const std::int16_t *body,
            const std::int16_t *last, const std::int32_t *biases, const std::int16_t *compression,
            const float *octaves);

    // 2^exponent, of an exponent in units of 2^-noise_bits, times 2^more
    float power(std::int32_t exponent, std::int32_t more) const;

    // Samples of a position.
    std::size_t phases() const { return side * side; }
    std::ptrdiff_t mean_reach() const { return mean_reach_of(side); }

    std::size_t reads, writes; // components
    std::size_t side;          // of a position, 2 or 4
    std::size_t channels;      // of the hidden layers, padded
    Convolution first;
    std::vector<Convolution> body; // two for every pair
    std::vector<LastConvolution> last; // one for every component that is written, if positions have 2x2 samples
    Convolution all_last;              // of all components that are written, if positions have 4x4 samples
    std::int32_t output_bits;
    std::vector<std::int32_t> compression; // pairs for FeatureRow
    std::vector<float> octaves;
};

} // namespace j2kl::dequantisation
