#include "dequantisation/network.hpp"

#include "base/failure.hpp"
#include "integer/winograd.hpp"
#include "j2kl.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace j2kl::dequantisation {

namespace {

constexpr std::size_t taps = 9;

// Networks of at most this many channels have kernels of their own.
constexpr std::size_t few_channels = 8;

constexpr std::int64_t sum_limit = std::int64_t{1} << 31;

std::int32_t half(std::int32_t shift)
{
    return shift > 0 ? std::int32_t{1} << (shift - 1) : 0;
}

std::size_t rounded_up(std::size_t value, std::size_t multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

// The weights of one layer as they are passed in: (outputs, inputs, 3, 3).
struct Weights {
    const std::int16_t *weights;
    const std::int32_t *bias;
    std::int32_t shift;
    std::size_t outputs, inputs;
    std::int64_t low, high; // of the inputs

    std::int16_t at(std::size_t output, std::size_t input, std::size_t tap) const
    {
        return output < outputs && input < inputs ? weights[(output * inputs + input) * taps + tap]
                                                  : std::int16_t{0};
    }

    std::int32_t rounded_bias(std::size_t output) const
    {
        return output < outputs ? bias[output] + half(shift) : half(shift);
    }

    // The largest magnitude of a sum of some of the products, bias and rounding included.
    std::int64_t largest_sum() const
    {
        std::int64_t largest = 0;
        for (std::size_t output = 0; output < outputs; ++output) {
            std::int64_t above = half(shift), below = 0;
            (bias[output] > 0 ? above : below) += bias[output];
            for (std::size_t i = 0; i < inputs * taps; ++i) {
                const std::int64_t weight = weights[output * inputs * taps + i];
                above += std::max(weight * high, weight * low);
                below += std::min(weight * high, weight * low);
            }
            largest = std::max({largest, above, -below});
        }
        return largest;
    }

    void check(const char *name) const
    {
        require(shift >= 0 && shift <= 28, "a shift of the de-quantisation network is out of range");
        if (largest_sum() >= sum_limit) {
            throw Failure(J2KL_ERROR_ARGUMENT,
                          std::string("sums of the ") + name +
                              " convolution of the de-quantisation network could overflow");
        }
    }
};

void pack_winograd(const Weights &w, Convolution &packed)
{
    if (packed.inputs != packed.outputs || packed.outputs % group_channels != 0 ||
        w.largest_sum() >= winograd::sum_limit) {
        return;
    }
    const std::size_t channels = packed.outputs;
    Aligned<std::int16_t> all(winograd::positions * channels * channels);
    for (std::size_t output = 0; output < channels; ++output) {
        for (std::size_t input = 0; input < channels; ++input) {
            std::int16_t filter[taps], transformed[winograd::positions];
            for (std::size_t tap = 0; tap < taps; ++tap) {
                filter[tap] = w.at(output, input, tap);
            }
            if (!winograd::transform(filter, transformed)) {
                return;
            }
            for (std::size_t p = 0; p < winograd::positions; ++p) {
                const std::size_t group = p * packed.groups + output / group_channels;
                const std::size_t pair = group * channels / 2 + input / 2;
                all[(pair * group_channels + output % group_channels) * 2 + input % 2] = transformed[p];
            }
        }
    }
    packed.winograd = std::move(all);
    for (std::size_t output = 0; output < channels; ++output) {
        packed.winograd_bias.push_back(4 * w.rounded_bias(output));
    }
}

// Pairs of inputs, tap by tap, of some outputs.
Aligned<std::int16_t> pack_pairs(const Weights &w, std::size_t inputs, std::size_t outputs)
{
    Aligned<std::int16_t> packed;
    for (std::size_t tap = 0; tap < taps; ++tap) {
        for (std::size_t input = 0; input < inputs; input += 2) {
            for (std::size_t output = 0; output < outputs; ++output) {
                packed.push_back(w.at(output, input, tap));
                packed.push_back(w.at(output, input + 1, tap));
            }
        }
    }
    return packed;
}

Convolution pack(const Weights &w, std::size_t inputs, std::size_t outputs, const char *name)
{
    w.check(name);
    Convolution packed = {};
    packed.inputs = inputs;
    packed.outputs = outputs;
    packed.groups = rounded_up(outputs, group_channels) / group_channels;
    const std::size_t lanes = packed.groups * group_channels;
    packed.shift.assign(lanes, w.shift);
    for (std::size_t output = 0; output < lanes; ++output) {
        packed.bias.push_back(w.rounded_bias(output));
    }
    packed.weights = pack_pairs(w, inputs, lanes);
    return packed;
}

// A hidden layer is packed for the faster kernels, too.
Convolution pack_hidden(const Weights &w, std::size_t inputs, std::size_t outputs, const char *name)
{
    Convolution packed = pack(w, inputs, outputs, name);
    if (outputs == few_channels) {
        packed.eight = pack_pairs(w, inputs, outputs);
    }
    pack_winograd(w, packed);
    return packed;
}

// Packs the outputs from `begin` on.
LastConvolution pack_last(const Weights &w, std::size_t begin, std::size_t inputs)
{
    LastConvolution packed = {};
    packed.shift = w.shift;
    for (std::size_t at = 0; at < phases_at_once; ++at) {
        const std::size_t output = begin + at;
        packed.bias[at] = w.rounded_bias(output);
        for (std::size_t tap = 0; tap < taps; ++tap) {
            for (std::size_t input = 0; input < inputs; ++input) {
                packed.weights.push_back(w.at(output, input, tap));
            }
            if (tap % 3 == 2) { // the end of a row
                packed.weights.resize(packed.weights.size() + four_outputs_row(inputs) - 3 * inputs);
            }
        }
    }
    return packed;
}

} // namespace

Network::Network(const j2kl_dequantiser_numbers &numbers, const std::int16_t *first_weights,
                 const std::int16_t *body_weights, const std::int16_t *last_weights,
                 const std::int32_t *biases, const std::int16_t *nodes, const float *powers)
    : reads(numbers.reads), writes(numbers.writes), side(numbers.side), output_bits(numbers.output_bits)
{
    require(first_weights != nullptr && body_weights != nullptr && last_weights != nullptr &&
                biases != nullptr && nodes != nullptr && powers != nullptr,
            "weights or tables of the de-quantisation network are missing");
    require((reads == 1 && writes == 1) || (reads == most_reads && writes == most_writes),
            "a de-quantisation network reads one component, or three of which it corrects two");
    require(side == shortest_side || side == longest_side,
            "the side of the positions of the de-quantisation network is neither 2 nor 4");
    const std::size_t width = numbers.width, layers = 2 * std::size_t{numbers.pairs};
    require(width >= 1 && width <= most_channels, "the width of the de-quantisation network is out of range");
    require(numbers.pairs >= 1 && numbers.pairs <= most_pairs,
            "the number of pairs of the de-quantisation network is out of range");
    require(output_bits >= 0 && output_bits <= 24,
            "the output bits of the de-quantisation network are out of range");
    channels = width <= few_channels ? few_channels : rounded_up(width, group_channels);
    const std::size_t inputs = phases() * reads + writes, filter = width * taps;
    first =
        pack_hidden({first_weights, biases, numbers.first_shift, width, inputs, -largest_feature, largest_feature},
                    rounded_up(inputs, 2), channels, "first");
    for (std::size_t i = 0; i < layers; ++i) {
        body.push_back(pack_hidden({body_weights + i * width * filter, biases + (i + 1) * width,
                                    numbers.body_shifts[i], width, width, 0, largest_activation},
                                   channels, channels, "body's"));
    }
    const Weights outputs = {
        last_weights, biases + (layers + 1) * width, numbers.last_shift, phases() * writes, width, 0,
        largest_activation};
    if (side == longest_side) {
        all_last = pack(outputs, channels, outputs.outputs, "last");
    } else {
        outputs.check("last");
        for (std::size_t at = 0; at < writes; ++at) {
            last.push_back(pack_last(outputs, at * phases(), channels));
        }
    }
    for (std::size_t i = 0; i < compression_nodes; ++i) {
        const std::int32_t node = nodes[i], next = nodes[std::min(i + 1, compression_nodes - 1)];
        require(node >= 0 && next >= node && next <= largest_feature,
                "the table of the compression is wrong");
        compression.push_back(node << 16 | (next - node));
    }
    octaves.assign(powers, powers + (std::size_t{1} << noise_bits));
    require(std::all_of(octaves.begin(), octaves.end(), [](float p) { return p >= 1.0F && p < 2.0F; }),
            "the table of the octaves is wrong");
}

float Network::power(std::int32_t exponent, std::int32_t more) const
{
    const float fraction = octaves[static_cast<std::size_t>(exponent & ((1 << noise_bits) - 1))];
    std::int32_t bits;
    std::memcpy(&bits, &fraction, sizeof bits);
    // an exponent of a normal number: it is at most 32 in magnitude, and so is `more`
    bits += ((exponent >> noise_bits) + more) * (1 << 23);
    float result;
    std::memcpy(&result, &bits, sizeof result);
    return result;
}

} // namespace j2kl::dequantisation
