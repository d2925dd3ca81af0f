#include "lifting/winograd.hpp"

#include "lifting/arithmetic.hpp"

#include <algorithm>
#include <array>

namespace j2kl::lifting::winograd {

namespace {

using Tile = std::array<std::int32_t, positions>;

Tile transform(const std::int16_t *kernel)
{
    static constexpr std::int32_t twice_g[4][3] = {{2, 0, 0}, {1, 1, 1}, {1, -1, 1}, {0, 0, 2}};
    Tile tile{};
    for (std::size_t i = 0; i < positions; ++i) {
        for (std::size_t k = 0; k < 9; ++k) {
            tile[i] += twice_g[i / 4][k / 3] * twice_g[i % 4][k % 3] * kernel[k];
        }
    }
    return tile;
}

} // namespace

std::vector<std::int16_t> transformed(const Convolution &layer)
{
    std::vector<std::int16_t> result;
    for (std::size_t filter = 0; filter < layer.outputs * layer.inputs; ++filter) {
        for (const std::int32_t value : transform(layer.weights.data() + 9 * filter)) {
            result.push_back(static_cast<std::int16_t>(value));
        }
    }
    return result;
}

bool is_exact(const Convolution &layer)
{
    constexpr std::int64_t limit = std::int64_t{1} << 29;
    constexpr std::int32_t largest_shift = 28;
    if (layer.kernel != 3 || layer.shift > largest_shift || largest_sum(layer, 0, most_activation) >= limit) {
        return false;
    }
    for (std::size_t filter = 0; filter < layer.outputs * layer.inputs; ++filter) {
        const Tile tile = transform(layer.weights.data() + 9 * filter);
        const auto [least, most] = std::minmax_element(tile.begin(), tile.end());
        if (*least < INT16_MIN || *most > INT16_MAX) {
            return false;
        }
    }
    return true;
}

} // namespace j2kl::lifting::winograd
