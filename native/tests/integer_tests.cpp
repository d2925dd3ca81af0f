// Integer convolutions compared with plain loops, for every instruction set that the
// processor supports; rows of mixtures.
#include "fuzz/mixture_tables.hpp"
#include "j2kl.h"
#include "tests/check.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace {

using check::Random;

struct Shape {
    std::uint32_t outputs, size, inputs, height, width;
};

struct Case {
    Shape shape;
    std::vector<std::int16_t> weights, x, residual;
    std::vector<std::int32_t> bias, shift;
    std::int32_t low, high;
};

std::string name(const Shape &s)
{
    return std::to_string(s.inputs) + " to " + std::to_string(s.outputs) + ", size " +
           std::to_string(s.size) + ", " + std::to_string(s.height) + "x" + std::to_string(s.width);
}

std::int16_t short_of(std::int32_t value)
{
    return static_cast<std::int16_t>(value);
}

// Inputs are at most `most`; weights are so small that sums stay below 2^31.
Case random_case(const Shape &s, std::int32_t most, bool extreme, Random &random)
{
    Case c = {};
    c.shape = s;
    const std::size_t filter = std::size_t{s.size} * s.size * s.inputs,
                      pixels = std::size_t{s.height} * s.width;
    const auto weight = static_cast<std::int32_t>(
        std::min<std::int64_t>(32767, 2000000000 / (static_cast<std::int64_t>(filter) * most)));
    const auto value = [&](std::int32_t limit) {
        return short_of(extreme ? (random.next() % 2 != 0 ? limit : -limit) : random.integer(-limit, limit));
    };
    for (std::size_t i = 0; i < filter * s.outputs; ++i) {
        c.weights.push_back(value(weight));
    }
    for (std::size_t i = 0; i < pixels * s.inputs; ++i) {
        c.x.push_back(value(most));
    }
    for (std::size_t i = 0; i < pixels * s.outputs; ++i) {
        c.residual.push_back(value(32767));
    }
    for (std::uint32_t i = 0; i < s.outputs; ++i) {
        c.bias.push_back(random.integer(-100000000, 100000000));
        c.shift.push_back(random.integer(0, 20));
    }
    c.low = random.integer(-32768, 0);
    c.high = random.integer(0, 32767);
    return c;
}

std::vector<std::int16_t> by_plain_loops(const Case &c, bool residual)
{
    const auto height = static_cast<std::int64_t>(c.shape.height),
               width = static_cast<std::int64_t>(c.shape.width);
    const auto size = static_cast<std::int64_t>(c.shape.size),
               inputs = static_cast<std::int64_t>(c.shape.inputs);
    std::vector<std::int16_t> y;
    for (std::int64_t row = 0; row < height; ++row) {
        for (std::int64_t column = 0; column < width; ++column) {
            for (std::size_t output = 0; output < c.shape.outputs; ++output) {
                std::int64_t sum = c.bias[output] + ((std::int64_t{1} << c.shift[output]) >> 1);
                for (std::int64_t i = 0; i < size * size * inputs; ++i) {
                    const std::int64_t from = row + i / (size * inputs) - size / 2;
                    const std::int64_t at = column + i / inputs % size - size / 2;
                    if (from >= 0 && from < height && at >= 0 && at < width) {
                        const auto place =
                            static_cast<std::size_t>((from * width + at) * inputs + i % inputs);
                        const auto w = output * static_cast<std::size_t>(size * size * inputs);
                        sum += std::int64_t{c.weights[w + static_cast<std::size_t>(i)]} * c.x[place];
                    }
                }
                const std::int64_t more = residual ? c.residual[y.size()] : 0;
                y.push_back(static_cast<std::int16_t>(
                    std::clamp<std::int64_t>((sum >> c.shift[output]) + more, c.low, c.high)));
            }
        }
    }
    return y;
}

void agree(const Case &c)
{
    j2kl_layer *layer = nullptr;
    CHECK(j2kl_layer_create(c.weights.data(), c.bias.data(), c.shift.data(), c.shape.outputs, c.shape.size,
                            c.shape.inputs, c.low, c.high, &layer) == J2KL_OK,
          name(c.shape));
    for (const bool residual : {false, true}) {
        const std::vector<std::int16_t> expected = by_plain_loops(c, residual);
        for (std::uint32_t set = J2KL_INSTRUCTIONS_BEST; set <= J2KL_INSTRUCTIONS_AVX512_VNNI; ++set) {
            for (const std::uint32_t threads : {1U, 3U}) {
                if (j2kl_instructions_available(set) == 0) {
                    continue;
                }
                std::vector<std::int16_t> y(expected.size(), 77);
                CHECK(j2kl_layer_apply(layer, c.x.data(), c.shape.height, c.shape.width,
                                       residual ? c.residual.data() : nullptr, y.data(), set,
                                       threads) == J2KL_OK,
                      name(c.shape));
                CHECK(y == expected, name(c.shape) + ", instructions " + std::to_string(set));
            }
        }
    }
    j2kl_layer_free(layer);
}

void layers()
{
    Random random(3);
    for (const std::uint32_t size : {1U, 3U, 5U}) {
        for (const std::uint32_t inputs : {1U, 2U, 3U, 15U, 32U}) {
            for (const std::uint32_t outputs : {1U, 3U, 16U, 27U, 64U}) {
                const Shape shape = {outputs, size, inputs, 1 + random.next() % 3, 1 + random.next() % 20};
                agree(random_case(shape, 4095, false, random));
            }
        }
        agree(random_case({81, size, 48, 1, 1}, 4095, true, random));
        agree(random_case({64, size, 64, 3, 13}, 32767, true, random));
    }
    agree(random_case({16, 3, 16, 40, 50}, 4095, false, random)); // for several strips and threads
    agree(random_case({32, 1, 33, 60, 70}, 4095, false, random));
    Case masked = random_case({32, 3, 8, 9, 9}, 4095, false, random);
    for (std::size_t i = 0; i < masked.weights.size(); ++i) {
        if (i / 8 % 9 >= 4) {
            masked.weights[i] = 0;
        }
    }
    agree(masked);
    std::fill(masked.weights.begin(), masked.weights.end(), std::int16_t{0});
    agree(masked);
}

void refused_layers()
{
    const std::int16_t weight = 1;
    const std::int32_t bias = 0, shift = 3, wild = 31;
    j2kl_layer *layer = nullptr;
    const auto create = [&](const std::int32_t *s, std::uint32_t outputs, std::uint32_t size,
                            std::int32_t low) {
        return j2kl_layer_create(&weight, &bias, s, outputs, size, 1, low, 100, &layer);
    };
    CHECK(create(&wild, 1, 1, 0) == J2KL_ERROR_ARGUMENT && layer == nullptr, "shift");
    CHECK(create(&shift, 0, 1, 0) == J2KL_ERROR_ARGUMENT, "outputs");
    CHECK(create(&shift, 5000, 1, 0) == J2KL_ERROR_ARGUMENT, "outputs");
    CHECK(create(&shift, 1, 2, 0) == J2KL_ERROR_ARGUMENT, "size");
    CHECK(create(&shift, 1, 1, 101) == J2KL_ERROR_ARGUMENT, "range");
    CHECK(create(nullptr, 1, 1, 0) == J2KL_ERROR_ARGUMENT, "null");
    CHECK(create(&shift, 1, 1, 0) == J2KL_OK && layer != nullptr, "the smallest layer");
    std::int16_t x = 24, y = 0;
    CHECK(j2kl_layer_apply(layer, &x, 1, 1, nullptr, &y, 99, 1) == J2KL_ERROR_ARGUMENT, "instructions");
    CHECK(j2kl_layer_apply(layer, nullptr, 1, 1, nullptr, &y, 0, 1) == J2KL_ERROR_ARGUMENT, "null");
    CHECK(j2kl_layer_apply(layer, nullptr, 0, 5, nullptr, nullptr, 0, 4) == J2KL_OK, "empty");
    CHECK(j2kl_layer_apply(layer, &x, 1, 1, nullptr, &y, 0, 1) == J2KL_OK && y == 3, "one pixel");
    j2kl_layer_free(layer);
    j2kl_layer_free(nullptr);
}

// Rows have the right sum for any parameters. Tables of roughly the right form are enough for this.
void mixtures()
{
    const j2kl::fuzz::MixtureTables data;
    const j2kl_mixture_tables tables = data.tables();
    Random random(4);
    const std::size_t count = 2500;
    for (std::uint32_t components = 1; components <= 4; ++components) {
        std::vector<std::int16_t> parameters;
        for (std::size_t i = 0; i < count * 3 * components; ++i) {
            const std::int32_t most = i / (3 * components) % 2 != 0 ? 32767 : 400;
            parameters.push_back(short_of(random.integer(-most, most)));
        }
        std::vector<std::int32_t> centre(count), width(count);
        const auto bins_with = [&](std::uint32_t threads) {
            std::vector<std::int32_t> inside(count), raw(count);
            CHECK(j2kl_mixture_bins(&tables, parameters.data(), count, components, inside.data(),
                                    centre.data(), width.data(), raw.data(), threads) == J2KL_OK,
                  "bins");
            for (std::size_t i = 0; i < count; ++i) {
                CHECK(raw[i] >= 0 && raw[i] <= width[i] && width[i] <= 15 && std::abs(centre[i]) <= 1024,
                      "places");
                CHECK(inside[i] >= 0 && inside[i] <= 1 << 24, "inside");
            }
            return inside;
        };
        CHECK(bins_with(1) == bins_with(3), "threads");
        std::vector<float> rows(count * 17), digits(count * 16);
        CHECK(j2kl_mixture_outside(&tables, parameters.data(), count, components, centre.data(), width.data(),
                                   rows.data(), 2) == J2KL_OK,
              "outside");
        std::vector<std::int32_t> low(count), step(count), bits(count);
        for (std::size_t i = 0; i < count; ++i) {
            low[i] = random.integer(-1000, 1000);
            step[i] = random.integer(0, 14);
            bits[i] = random.integer(1, 4);
        }
        CHECK(j2kl_mixture_digits(&tables, parameters.data(), count, components, low.data(), step.data(),
                                  bits.data(), digits.data(), 2) == J2KL_OK,
              "digits");
        CHECK(*std::min_element(rows.begin(), rows.end()) >= 0, "frequencies");
        CHECK(*std::min_element(digits.begin(), digits.end()) >= 0, "frequencies");
        for (std::size_t i = 0; i < count; ++i) {
            CHECK(std::accumulate(&rows[17 * i], &rows[17 * i] + 17, 0.0) == 16777216 - 17, "sums");
            CHECK(std::accumulate(&digits[16 * i], &digits[16 * i] + 16, 0.0) == 16777216 - 16, "sums");
        }
        width[5] = 16;
        CHECK(j2kl_mixture_outside(&tables, parameters.data(), count, components, centre.data(), width.data(),
                                   rows.data(), 1) == J2KL_ERROR_ARGUMENT,
              "width");
        bits[7] = 5;
        CHECK(j2kl_mixture_digits(&tables, parameters.data(), count, components, low.data(), step.data(),
                                  bits.data(), digits.data(), 1) == J2KL_ERROR_ARGUMENT,
              "bits");
    }
    CHECK(j2kl_mixture_bins(&tables, nullptr, 0, 3, nullptr, nullptr, nullptr, nullptr, 1) == J2KL_OK,
          "empty");
    CHECK(j2kl_mixture_bins(&tables, nullptr, 1, 3, nullptr, nullptr, nullptr, nullptr, 1) ==
              J2KL_ERROR_ARGUMENT,
          "null");
    CHECK(j2kl_mixture_bins(&tables, nullptr, 0, 5, nullptr, nullptr, nullptr, nullptr, 1) ==
              J2KL_ERROR_ARGUMENT,
          "components");
    CHECK(j2kl_mixture_bins(nullptr, nullptr, 0, 3, nullptr, nullptr, nullptr, nullptr, 1) ==
              J2KL_ERROR_ARGUMENT,
          "tables");
}

} // namespace

void integer_tests()
{
    layers();
    refused_layers();
    mixtures();
}
