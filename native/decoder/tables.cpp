#include "decoder/tables.hpp"

#include <cmath>
#include <cstddef>

namespace j2kl::picture {

// No node is nearer to the middle between two integers, and no power nearer to the middle between two floats,
// than the errors of double precision by a factor of more than a thousand. So every library of mathematics
// gives these tables.
const std::array<std::int16_t, 545> &compression_nodes()
{
    static const std::array<std::int16_t, 545> table = [] {
        std::array<std::int16_t, 545> nodes{};
        for (std::size_t node = 0; node < nodes.size(); ++node) {
            const double v =
                std::ldexp(1 + static_cast<double>(node % 32) / 32, static_cast<int>(node / 32)) - 1;
            nodes[node] = static_cast<std::int16_t>(std::lround(0.7 * 1024 * std::asinh(v)));
        }
        return nodes;
    }();
    return table;
}

const std::array<float, 256> &octave_powers()
{
    static const std::array<float, 256> table = [] {
        std::array<float, 256> powers{};
        for (std::size_t k = 0; k < powers.size(); ++k) {
            powers[k] = static_cast<float>(std::exp2(static_cast<double>(k) / 256));
        }
        return powers;
    }();
    return table;
}

} // namespace j2kl::picture
