#include "lifting/portable.hpp"

#include "lifting/arithmetic.hpp"

#include <vector>

namespace j2kl::lifting::portable {

namespace {

template <class T> struct Maps {
    Maps(std::size_t maps, std::size_t rows, std::size_t columns)
        : count(maps), height(rows), width(columns), values(maps * rows * columns)
    {
    }
    T *row(std::size_t map, std::size_t y) { return values.data() + (map * height + y) * width; }
    const T *row(std::size_t map, std::size_t y) const { return values.data() + (map * height + y) * width; }

    std::size_t count, height, width;
    std::vector<T> values;
};

using Inputs = Maps<std::int16_t>; // of a layer
using Values = Maps<std::int32_t>;

// sums[x] += weight * input[x]
void add_products(std::int32_t *sums, std::int32_t weight, const std::int16_t *input, std::size_t width)
{
    for (std::size_t x = 0; x < width; ++x) {
        sums[x] += weight * input[x];
    }
}

// Calls finish(value, map, y, x) for all values of the outputs first .. first + count, shifted. The outputs
// have `margin` rows and columns less than the inputs on every side, at least the half-width of the kernel.
template <class Finish>
void convolve(const Convolution &layer, std::size_t first, std::size_t count, const Inputs &inputs,
              std::size_t margin, const Finish &finish)
{
    const std::size_t height = inputs.height - 2 * margin, width = inputs.width - 2 * margin;
    const std::size_t start = margin - layer.kernel / 2;
    std::vector<std::int32_t> sums(width);
    for (std::size_t map = 0; map < count; ++map) {
        for (std::size_t y = 0; y < height; ++y) {
            std::fill(sums.begin(), sums.end(), half_of(layer.shift));
            const std::int16_t *weight =
                layer.weights.data() + (first + map) * layer.inputs * layer.kernel * layer.kernel;
            for (std::size_t input = 0; input < layer.inputs; ++input) {
                for (std::size_t dy = 0; dy < layer.kernel; ++dy) {
                    const std::int16_t *row = inputs.row(input, y + start + dy) + start;
                    for (std::size_t dx = 0; dx < layer.kernel; ++dx) {
                        add_products(sums.data(), *weight++, row + dx, width);
                    }
                }
            }
            for (std::size_t x = 0; x < width; ++x) {
                finish(sums[x] >> layer.shift, map, y, x);
            }
        }
    }
}

// The sources of a component around an area. Outside a plane its border samples are repeated; an empty plane
// counts as zeros.
Inputs window(const Network &network, const Step &step, std::size_t component, const Area &area)
{
    const auto radius = static_cast<std::int64_t>(network.radius());
    Inputs maps(network.inputs, area.height() + 2 * network.radius(), area.width() + 2 * network.radius());
    for (std::size_t input = 0; input < network.inputs; ++input) {
        const j2kl_plane &plane = step.sources[component * network.inputs + input];
        if (area_of(plane).empty()) {
            continue;
        }
        for (std::size_t row = 0; row < maps.height; ++row) {
            const std::int64_t y = area.y0 - radius + static_cast<std::int64_t>(row);
            const std::int64_t inside = std::clamp<std::int64_t>(y, plane.y0, std::int64_t{plane.y1} - 1);
            std::int16_t *values = maps.row(input, row);
            for (std::size_t column = 0; column < maps.width; ++column) {
                const std::int64_t x = area.x0 - radius + static_cast<std::int64_t>(column);
                const float *at =
                    sample(plane, inside, std::clamp<std::int64_t>(x, plane.x0, std::int64_t{plane.x1} - 1));
                values[column] = static_cast<std::int16_t>(quantised(*at, network.input_scale));
            }
        }
    }
    return maps;
}

std::int16_t activation(std::int32_t value)
{
    return static_cast<std::int16_t>(std::clamp(value, 0, most_activation));
}

// A layer of 3x3 without a residual: one row and column less on every side.
Inputs activations(const Convolution &layer, const Inputs &inputs, std::size_t margin)
{
    Inputs maps(layer.outputs, inputs.height - 2 * margin, inputs.width - 2 * margin);
    convolve(layer, 0, layer.outputs, inputs, margin,
             [&](std::int32_t value, std::size_t map, std::size_t y, std::size_t x) {
                 maps.row(map, y)[x] = activation(value);
             });
    return maps;
}

Inputs residual_block(const Convolution &first, const Convolution &second, const Inputs &inputs)
{
    const Inputs middle = activations(first, inputs, 1);
    Inputs maps(second.outputs, middle.height - 2, middle.width - 2);
    convolve(second, 0, second.outputs, middle, 1,
             [&](std::int32_t value, std::size_t map, std::size_t y, std::size_t x) {
                 const std::int32_t limited = std::clamp(value, -most_input, most_input);
                 maps.row(map, y)[x] = activation(limited + inputs.row(map, y + 2)[x + 2]);
             });
    return maps;
}

Values opacities(const Network &network, const Inputs &sources)
{
    const std::size_t margin =
        network.radius() - network.opacity_radius() + network.first.kernel / 2;
    Inputs maps = activations(network.first, sources, margin);
    for (std::size_t i = 0; i < network.hidden.size(); i += 2) {
        maps = residual_block(network.hidden[i], network.hidden[i + 1], maps);
    }
    const std::size_t reach = network.last.kernel / 2;
    Values values(network.count, maps.height - 2 * reach, maps.width - 2 * reach);
    convolve(network.last, 0, network.count, maps, reach,
             [&](std::int32_t value, std::size_t map, std::size_t y, std::size_t x) {
                 values.row(map, y)[x] =
                     std::clamp(value, 0, most_likelihood - network.offset) + network.offset;
             });
    for (std::size_t y = 0; y < values.height; ++y) {
        for (std::size_t x = 0; x < values.width; ++x) {
            std::int32_t sum = 0;
            for (std::size_t k = 0; k < network.count; ++k) {
                sum += values.row(k, y)[x];
            }
            const std::int32_t reciprocal = reciprocal_of(sum);
            for (std::size_t k = 0; k < network.count; ++k) {
                std::int32_t &value = values.row(k, y)[x];
                value = opacity_of(value, reciprocal);
            }
        }
    }
    return values;
}

void add_predictions(const Values &sums, const j2kl_plane &target, const Area &area, float scale)
{
    const Area inside = area.intersection(area_of(target));
    for (std::int64_t y = inside.y0; y < inside.y1 && !inside.empty(); ++y) {
        const std::int32_t *row = sums.row(0, static_cast<std::size_t>(y - area.y0)) + (inside.x0 - area.x0);
        float *out = sample(target, y, inside.x0);
        for (std::size_t x = 0; x < inside.width(); ++x) {
            out[x] += static_cast<float>(round_shift(row[x], opacity_bits)) * scale;
        }
    }
}

} // namespace

void lift(const Network &network, const Step &step, const Part &part)
{
    const std::size_t margin = network.radius();
    Values blend(0, 0, 0);
    for (std::size_t i = 0; i < part.components; ++i) {
        const std::size_t component = part.first_component + i;
        const Inputs sources = window(network, step, component, part.area);
        if (i == 0) {
            blend = opacities(network, sources);
        }
        for (std::size_t output = 0; output < network.outputs; ++output) {
            Values sums(1, part.area.height(), part.area.width());
            // |sum of proposals x opacities| < 2^30: the opacities of a sample sum to at most 2^14 + 16
            for (std::size_t k = 0; k < network.count; ++k) {
                convolve(network.proposals, output * network.count + k, 1, sources, margin,
                         [&](std::int32_t value, std::size_t, std::size_t y, std::size_t x) {
                             sums.row(0, y)[x] +=
                                 std::clamp(value, -most_proposal, most_proposal) * blend.row(k, y)[x];
                         });
            }
            add_predictions(sums, step.targets[component * network.outputs + output], part.area, step.scale);
        }
    }
}

} // namespace j2kl::lifting::portable
