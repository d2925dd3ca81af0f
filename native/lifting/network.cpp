#include "lifting/network.hpp"

#include "base/failure.hpp"
#include "lifting/arithmetic.hpp"

#include <cmath>
#include <string>

namespace j2kl::lifting {

namespace {

constexpr std::uint32_t most_maps = 3, most_proposals = 32, most_width = 64, most_blocks = 4;
constexpr std::int32_t most_bits = 16, largest_shift = 30;
constexpr std::int64_t sum_limit = std::int64_t{1} << 31;

void require_size(const char *what, std::uint32_t value, std::uint32_t low, std::uint32_t high)
{
    if (value < low || value > high) {
        throw Failure(J2KL_ERROR_ARGUMENT, "an operator has " + std::to_string(low) + " to " +
                                               std::to_string(high) + " " + what + ", not " +
                                               std::to_string(value));
    }
}

void require_kernel(const char *what, std::uint32_t side, std::size_t largest)
{
    if (side % 2 == 0 || side > largest) {
        throw Failure(J2KL_ERROR_ARGUMENT, std::string("the kernel side of ") + what + " is odd and at most " +
                                               std::to_string(largest) + ", not " + std::to_string(side));
    }
}

void require_number(const char *what, std::int32_t value, std::int32_t low, std::int32_t high)
{
    if (value < low || value > high) {
        throw Failure(J2KL_ERROR_ARGUMENT, std::string(what) + " must be " + std::to_string(low) + " to " +
                                               std::to_string(high) + ", not " + std::to_string(value));
    }
}

void check(const j2kl_operator_shape &shape, const j2kl_operator_numbers &numbers)
{
    require_size("inputs", shape.inputs, 1, most_maps);
    require_size("outputs", shape.outputs, 1, most_maps);
    require_size("proposals", shape.proposals, 1, most_proposals);
    require_size("channels", shape.width, 1, most_width);
    require_size("residual blocks", shape.blocks, 0, most_blocks);
    require_kernel("the first layer", shape.first_kernel, largest_kernel);
    require_kernel("the last layer", shape.last_kernel, largest_kernel);
    require_kernel("the proposals", shape.proposal_kernel, largest_proposal);
    require_number("the number of fractional bits of the inputs", numbers.input_bits, -most_bits, most_bits);
    require_number("the number of fractional bits of the outputs", numbers.output_bits, -most_bits, most_bits);
    require_number("the shift of the first layer", numbers.first_shift, 0, largest_shift);
    for (std::uint32_t i = 0; i < 2 * shape.blocks; ++i) {
        require_number("the shift of a block", numbers.block_shifts[i], 0, largest_shift);
    }
    require_number("the shift of the last layer", numbers.last_shift, 0, largest_shift);
    require_number("the shift of the proposals", numbers.proposal_shift, 0, largest_shift);
    require_number("the offset of likelihoods", numbers.offset, 1, most_likelihood);
}

Convolution copied(const std::int16_t *weights, std::size_t outputs, std::size_t inputs, std::size_t kernel,
                   std::int32_t shift)
{
    require(weights != nullptr, "the weights of a layer are missing");
    return {{weights, weights + outputs * inputs * kernel * kernel}, outputs, inputs, kernel, shift};
}

void require_exact(const char *what, const Convolution &convolution, std::int64_t low, std::int64_t high)
{
    if (largest_sum(convolution, low, high) >= sum_limit) {
        throw Failure(J2KL_ERROR_ARGUMENT,
                      std::string("the weights of ") + what + " are too large: a sum can exceed 32 bits");
    }
}

} // namespace

std::int64_t largest_sum(const Convolution &convolution, std::int64_t low, std::int64_t high)
{
    const std::size_t filter = convolution.inputs * convolution.kernel * convolution.kernel;
    std::int64_t largest = 0;
    for (std::size_t output = 0; output < convolution.outputs; ++output) {
        std::int64_t positive = half_of(convolution.shift), negative = 0;
        for (std::size_t i = 0; i < filter; ++i) {
            const std::int64_t weight = convolution.weights[output * filter + i];
            positive += std::max({weight * low, weight * high, std::int64_t{0}});
            negative -= std::min({weight * low, weight * high, std::int64_t{0}});
        }
        largest = std::max({largest, positive, negative});
    }
    return largest;
}

Network::Network(const j2kl_operator_shape &shape, const std::int16_t *first_weights,
                 const std::int16_t *block_weights, const std::int16_t *last_weights,
                 const std::int16_t *proposal_weights, const j2kl_operator_numbers &numbers)
{
    check(shape, numbers);
    inputs = shape.inputs;
    outputs = shape.outputs;
    count = shape.proposals;
    width = shape.width;
    offset = numbers.offset;
    input_scale = std::ldexp(1.0F, numbers.input_bits);
    output_scale = std::ldexp(1.0F, -numbers.output_bits);
    first = copied(first_weights, width, inputs, shape.first_kernel, numbers.first_shift);
    require_exact("the first layer", first, -most_input, most_input);
    for (std::size_t i = 0; i < 2 * std::size_t{shape.blocks}; ++i) {
        require(block_weights != nullptr, "the weights of the blocks are missing");
        hidden.push_back(
            copied(block_weights + i * width * width * 9, width, width, 3, numbers.block_shifts[i]));
        require_exact("a block", hidden.back(), 0, most_activation);
    }
    last = copied(last_weights, count, width, shape.last_kernel, numbers.last_shift);
    require_exact("the last layer", last, 0, most_activation);
    proposals =
        copied(proposal_weights, outputs * count, inputs, shape.proposal_kernel, numbers.proposal_shift);
    require_exact("the proposals", proposals, -most_input, most_input);
}

} // namespace j2kl::lifting
