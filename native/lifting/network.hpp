// The weights and numbers of an operator, and the bounds that make its arithmetic exact.
#pragma once

#include "j2kl.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl::lifting {

constexpr std::size_t largest_kernel = 7, largest_proposal = 25; // sides

// One convolution: sums of weights x inputs, shifted with rounding.
struct Convolution {
    std::vector<std::int16_t> weights; // (outputs, inputs, kernel, kernel)
    std::size_t outputs, inputs, kernel;
    std::int32_t shift;
};

// The largest sum of positive products and the largest magnitude of a sum of negative products, rounding included,
// of any output. `low` and `high` bound the inputs.
std::int64_t largest_sum(const Convolution &convolution, std::int64_t low, std::int64_t high);

// A network that predicts `outputs` maps from `inputs` maps. Linear proposals are blended by opacities, which the
// layers `first`, `blocks` and `last` compute.
struct Network {
    // Throws Failure if a size or a number is out of range, or if a sum can exceed 32 bits.
    Network(const j2kl_operator_shape &shape, const std::int16_t *first, const std::int16_t *blocks,
            const std::int16_t *last, const std::int16_t *proposals, const j2kl_operator_numbers &numbers);

    std::size_t inputs, outputs, count, width; // count: proposals of an output
    Convolution first;
    std::vector<Convolution> hidden; // two for every residual block
    Convolution last;
    Convolution proposals; // the outputs are ordered by output, then by proposal
    std::int32_t offset;
    float input_scale, output_scale; // powers of two

    // Half-widths, in samples.
    std::size_t opacity_radius() const { return first.kernel / 2 + hidden.size() + last.kernel / 2; }
    std::size_t radius() const
    {
        return opacity_radius() < proposals.kernel / 2 ? proposals.kernel / 2 : opacity_radius();
    }
};

} // namespace j2kl::lifting
