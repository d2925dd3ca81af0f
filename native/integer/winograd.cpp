#include "integer/winograd.hpp"

namespace j2kl::winograd {

bool transform(const std::int16_t *filter, std::int16_t *transformed)
{
    static constexpr std::int32_t twice_g[4][3] = {{2, 0, 0}, {1, 1, 1}, {1, -1, 1}, {0, 0, 2}};
    for (std::size_t p = 0; p < positions; ++p) {
        std::int32_t sum = 0;
        for (std::size_t tap = 0; tap < 9; ++tap) {
            sum += twice_g[p / 4][tap / 3] * twice_g[p % 4][tap % 3] * filter[tap];
        }
        if (sum < INT16_MIN || sum > INT16_MAX) {
            return false;
        }
        transformed[p] = static_cast<std::int16_t>(sum);
    }
    return true;
}

} // namespace j2kl::winograd
