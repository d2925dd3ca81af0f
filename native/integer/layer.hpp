// One integer convolution: packs the weights for the kernels, and applies them to whole planes.
#pragma once

#include "base/aligned.hpp"
#include "integer/kernels.hpp"

#include <vector>

namespace j2kl {

class IntegerLayer {
public:
    // See j2kl_layer_create.
    IntegerLayer(const std::int16_t *weights, const std::int32_t *bias, const std::int32_t *shift,
                 std::uint32_t outputs, std::uint32_t size, std::uint32_t inputs, std::int32_t low,
                 std::int32_t high);

    // See j2kl_layer_apply.
    void apply(const std::int16_t *x, std::uint32_t height, std::uint32_t width, const std::int16_t *residual,
               std::int16_t *y, Instructions instructions, std::uint32_t threads) const;

private:
    // Two adjacent inputs in a row of the filter.
    struct Pair {
        std::uint32_t row, element;
    };

    struct Block {
        std::size_t first_channel, channels, groups;
        std::vector<Pair> pairs;
        Aligned<std::int16_t> weights;
        Aligned<std::int32_t> bias, shift;
    };

    struct Planes {
        const std::int16_t *x, *residual;
        std::int16_t *y;
        std::size_t height, width;
    };

    Block pack(const std::int16_t *weights, const std::int32_t *bias, const std::int32_t *shift,
               std::size_t first_channel, std::size_t channels) const;
    void apply_to_pixels(const Planes &planes, std::size_t first, std::size_t count,
                         Instructions instructions) const;
    void apply_to_rows(const Planes &planes, std::size_t first, std::size_t count,
                       Instructions instructions) const;
    void run(const std::int16_t *input, std::size_t row_elements, const Planes &planes,
             std::size_t first_pixel, std::size_t pixels, Instructions instructions) const;

    std::size_t outputs_, size_, inputs_;
    std::int32_t low_, high_;
    std::vector<Block> blocks_;
};

} // namespace j2kl
