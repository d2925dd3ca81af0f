#include "lifting/packed.hpp"

#include "integer/winograd.hpp"
#include "lifting/arithmetic.hpp"
#include "lifting/winograd.hpp"

#include <algorithm>

namespace j2kl::lifting {

namespace {

// The weights of a tap for all outputs of a layer.
struct WeightedTap {
    Tap tap;
    std::vector<std::int16_t> weights; // (outputs, 2)
};

class Packer {
public:
    explicit Packer(const Convolution &layer) : layer_(layer) {}

    // A pair of weights (input, y, x); the second may be outside the kernel and is 0 then.
    struct Place {
        std::size_t input, y, x;
    };

    void add(std::size_t map, const Place &a, const Place &b)
    {
        const auto reach = static_cast<std::ptrdiff_t>(layer_.kernel / 2);
        WeightedTap tap = {
            {map, static_cast<std::ptrdiff_t>(a.y) - reach, static_cast<std::ptrdiff_t>(a.x) - reach}, {}};
        bool used = false;
        for (std::size_t output = 0; output < layer_.outputs; ++output) {
            for (const Place &place : {a, b}) {
                tap.weights.push_back(weight(output, place));
                used = used || tap.weights.back() != 0;
            }
        }
        if (used || (taps_.empty() && map == 0 && a.y + a.x == 0)) { // a layer has at least one tap
            taps_.push_back(std::move(tap));
        }
    }

    void add_channels(std::size_t map, std::size_t input)
    {
        for (std::size_t y = 0; y < layer_.kernel; ++y) {
            for (std::size_t x = 0; x < layer_.kernel; ++x) {
                add(map, {input, y, x}, {input + 1, y, x});
            }
        }
    }

    void add_neighbours(const SourceMaps &maps, std::size_t input)
    {
        std::size_t y = 0;
        for (; y + 1 < layer_.kernel; y += 2) {
            for (std::size_t x = 0; x < layer_.kernel; ++x) {
                add(maps.vertical, {input, y, x}, {input, y + 1, x});
            }
        }
        for (std::size_t x = 0; x < layer_.kernel; x += 2) {
            add(maps.horizontal, {input, y, x}, {input, y, x + 1});
        }
    }

    // `outputs` outputs from the output `first` on; outputs that the layer does not have get zeros.
    PackedLayer packed(std::size_t maps, std::size_t first, std::size_t outputs, std::size_t unit,
                       std::size_t most) const
    {
        PackedLayer result = {
            block_starts(outputs, unit, most), {}, {}, maps, layer_.kernel, false, layer_.shift};
        for (const WeightedTap &tap : taps_) {
            result.taps.push_back(tap.tap);
        }
        for (std::size_t i = 0; i + 1 < result.starts.size(); ++i) {
            for (const WeightedTap &tap : taps_) {
                for (std::size_t k = 2 * (first + result.starts[i]); k < 2 * (first + result.starts[i + 1]);
                     ++k) {
                    result.weights.push_back(k < tap.weights.size() ? tap.weights[k] : std::int16_t{0});
                }
            }
        }
        return result;
    }

    // Blocks of similar sizes, multiples of `unit`.
    static std::vector<std::size_t> block_starts(std::size_t outputs, std::size_t unit, std::size_t most)
    {
        const std::size_t units = outputs / unit, blocks = (outputs + most - 1) / most;
        std::vector<std::size_t> starts;
        for (std::size_t i = 0; i <= blocks; ++i) {
            starts.push_back(units * i / blocks * unit);
        }
        return starts;
    }

private:
    std::int16_t weight(std::size_t output, const Place &place) const
    {
        if (place.input >= layer_.inputs || place.x >= layer_.kernel) {
            return 0;
        }
        const std::size_t filter = output * layer_.inputs + place.input;
        return layer_.weights[(filter * layer_.kernel + place.y) * layer_.kernel + place.x];
    }

    const Convolution &layer_;
    std::vector<WeightedTap> taps_;
};

Packer pack_sources(const Convolution &layer, const SourceMaps &maps)
{
    Packer packer(layer);
    if (layer.inputs > 1) {
        packer.add_channels(maps.channels, 0);
    }
    if (maps.odd) {
        packer.add_neighbours(maps, layer.inputs - 1);
    }
    return packer;
}

PackedLayer pack_winograd(const Convolution &layer, const std::vector<std::int16_t> &transformed,
                          std::size_t outputs, std::size_t unit, std::size_t most)
{
    const std::size_t pairs = (layer.inputs + 1) / 2;
    PackedLayer result = {Packer::block_starts(outputs, unit, most), {}, {}, pairs,
                          3,  true, layer.shift + 2};
    const auto weight = [&](std::size_t output, std::size_t input, std::size_t position) {
        return output < layer.outputs && input < layer.inputs
                   ? transformed[(output * layer.inputs + input) * winograd::positions + position]
                   : std::int16_t{0};
    };
    for (std::size_t i = 0; i + 1 < result.starts.size(); ++i) {
        for (std::size_t position = 0; position < winograd::positions; ++position) {
            for (std::size_t input = 0; input < 2 * pairs; input += 2) {
                for (std::size_t output = result.starts[i]; output < result.starts[i + 1]; ++output) {
                    result.weights.push_back(weight(output, input, position));
                    result.weights.push_back(weight(output, input + 1, position));
                }
            }
        }
    }
    return result;
}

PackedLayer pack_channels(const Convolution &layer, std::size_t outputs, std::size_t unit, std::size_t most)
{
    if (const auto transformed = winograd_weights(layer)) {
        return pack_winograd(layer, *transformed, outputs, unit, most);
    }
    Packer packer(layer);
    for (std::size_t input = 0; input < layer.inputs; input += 2) {
        packer.add_channels(input / 2, input);
    }
    return packer.packed((layer.inputs + 1) / 2, 0, outputs, unit, most);
}

} // namespace

PackedNetwork::PackedNetwork(const Network &source, std::size_t most_outputs)
    : network(source), maps(source.inputs), pairs((source.width + 1) / 2),
      first(pack_sources(source.first, maps).packed(maps.count, 0, 2 * pairs, 2, most_outputs)),
      last(pack_channels(source.last, source.count, 1, most_outputs))
{
    for (const Convolution &layer : source.hidden) {
        hidden.push_back(pack_channels(layer, 2 * pairs, 2, most_outputs));
    }
    const Packer packer = pack_sources(source.proposals, maps);
    for (std::size_t output = 0; output < source.outputs; ++output) {
        proposals.push_back(packer.packed(maps.count, output * source.count, source.count, 1, most_outputs));
    }
}

} // namespace j2kl::lifting
