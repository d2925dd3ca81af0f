#include "lifting/winograd.hpp"

#include "integer/winograd.hpp"
#include "lifting/arithmetic.hpp"

namespace j2kl::lifting {

std::optional<std::vector<std::int16_t>> winograd_weights(const Convolution &layer)
{
    constexpr std::int32_t largest_shift = 28;
    if (layer.kernel != 3 || layer.shift > largest_shift ||
        largest_sum(layer, 0, most_activation) >= winograd::sum_limit) {
        return std::nullopt;
    }
    const std::size_t filters = layer.outputs * layer.inputs;
    std::vector<std::int16_t> weights(filters * winograd::positions);
    for (std::size_t filter = 0; filter < filters; ++filter) {
        if (!winograd::transform(layer.weights.data() + 9 * filter,
                                 weights.data() + winograd::positions * filter)) {
            return std::nullopt;
        }
    }
    return weights;
}

} // namespace j2kl::lifting
