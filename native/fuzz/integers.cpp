// The integer arithmetic behind learned files and the neural profile: layers, operators, networks for
// de-quantisation and mixtures, of any size and with any numbers. All instruction sets give the same results.
#include "fuzz/mixture_tables.hpp"
#include "fuzz/targets.hpp"
#include "j2kl.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace j2kl::fuzz {

namespace {

// Takes numbers from the input; zeros at its end.
class Input {
public:
    Input(const std::uint8_t *data, std::size_t size) : data_(data), size_(size) {}

    std::uint8_t byte()
    {
        if (size_ == 0) {
            return 0;
        }
        --size_;
        return *data_++;
    }
    std::int32_t integer(std::int32_t low, std::int32_t high) // at most 65536 values
    {
        const std::uint32_t value = (std::uint32_t{byte()} << 8) | byte();
        return low + static_cast<std::int32_t>(value % (static_cast<std::uint32_t>(high - low) + 1));
    }
    std::uint32_t number(std::uint32_t low, std::uint32_t high)
    {
        return static_cast<std::uint32_t>(
            integer(static_cast<std::int32_t>(low), static_cast<std::int32_t>(high)));
    }
    // Weights in `bits` bits, so that sums of products often fit.
    std::vector<std::int16_t> weights(std::size_t count, std::uint32_t bits)
    {
        std::vector<std::int16_t> result(count);
        for (std::size_t i = 0; i < count; ++i) {
            const std::int32_t value = size_ > 0 ? integer(-32768, 32767) : spread(i);
            result[i] = static_cast<std::int16_t>(value / (1 << (15 - bits)));
        }
        return result;
    }
    std::vector<float> samples(std::size_t count)
    {
        std::vector<float> result(count);
        for (std::size_t i = 0; i < count; ++i) {
            std::uint32_t bits = 0;
            switch (size_ > 0 ? byte() % 8 : 7) {
            case 0: // any number at all, infinities and NaN included
                bits = (number(0, 65535) << 16) | number(0, 65535);
                std::memcpy(&result[i], &bits, sizeof bits);
                break;
            case 1: result[i] = static_cast<float>(byte()) * 8388608.0F; break;
            default: result[i] = static_cast<float>(size_ > 0 ? byte() : spread(i)) / 7 - 100;
            }
        }
        return result;
    }

private:
    static std::int32_t spread(std::size_t i)
    {
        return static_cast<std::int32_t>(i * 40503 % 65536) - 32768;
    }

    const std::uint8_t *data_;
    std::size_t size_;
};

constexpr std::uint32_t sets[] = {J2KL_INSTRUCTIONS_AVX2, J2KL_INSTRUCTIONS_AVX512,
                                  J2KL_INSTRUCTIONS_AVX512_VNNI, J2KL_INSTRUCTIONS_BEST};

// Whether two arrays have the same bits, NaN included.
template <class T> bool same(const std::vector<T> &a, const std::vector<T> &b)
{
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

void layer(Input &input)
{
    constexpr std::uint32_t kernels[] = {1, 3, 5};
    const std::uint32_t size = kernels[input.number(0, 2)], inputs = input.number(1, 20),
                        outputs = input.number(1, 40), height = input.number(0, 9), width = input.number(0, 40);
    const std::uint32_t bits = input.number(1, 15);
    const auto residuals = input.byte() % 2 != 0;
    std::vector<std::int32_t> bias(outputs), shift(outputs);
    for (std::uint32_t i = 0; i < outputs; ++i) {
        bias[i] = input.integer(-32768, 32767) * 1024;
        shift[i] = input.integer(0, 31); // one too many
    }
    const auto weights = input.weights(std::size_t{outputs} * size * size * inputs, bits);
    const auto x = input.weights(std::size_t{height} * width * inputs, bits);
    const auto residual = input.weights(std::size_t{height} * width * outputs, bits);
    j2kl_layer *handle = nullptr;
    if (j2kl_layer_create(weights.data(), bias.data(), shift.data(), outputs, size, inputs,
                          input.integer(-32768, 32767), input.integer(-32768, 32767), &handle) != J2KL_OK) {
        return;
    }
    const auto apply = [&](std::uint32_t instructions) {
        std::vector<std::int16_t> y(residual.size());
        const int code = j2kl_layer_apply(handle, x.data(), height, width, residuals ? residual.data() : nullptr,
                                          y.data(), instructions, 1);
        expect(code == J2KL_OK || y.empty(), "a layer can be applied");
        return y;
    };
    const auto wanted = apply(J2KL_INSTRUCTIONS_PORTABLE);
    for (const std::uint32_t set : sets) {
        expect(j2kl_instructions_available(set) == 0 || same(apply(set), wanted), "layers agree");
    }
    j2kl_layer_free(handle);
}

void lifting(Input &input)
{
    constexpr std::uint32_t kernels[] = {1, 3, 5, 7};
    j2kl_operator_shape shape{};
    shape.inputs = input.number(1, 3);
    shape.outputs = input.number(1, 3);
    shape.proposals = input.number(1, 8);
    shape.width = input.number(1, 16);
    shape.blocks = input.number(0, 2);
    shape.first_kernel = kernels[input.number(0, 3)];
    shape.last_kernel = kernels[input.number(0, 3)];
    shape.proposal_kernel = 2 * input.number(0, 7) + 1;
    j2kl_operator_numbers numbers{};
    numbers.input_bits = input.integer(-17, 17);
    numbers.output_bits = input.integer(-17, 17);
    numbers.first_shift = input.integer(0, 31);
    for (std::int32_t &shift : numbers.block_shifts) {
        shift = input.integer(0, 31);
    }
    numbers.last_shift = input.integer(0, 31);
    numbers.proposal_shift = input.integer(0, 31);
    numbers.offset = input.integer(0, 65535);
    const std::uint32_t bits = input.number(1, 15), components = input.number(1, 3);
    const auto shared = input.byte() % 2, minus = input.byte() % 2;
    const auto square = [](std::uint32_t kernel) { return std::size_t{kernel} * kernel; };
    const auto first = input.weights(shape.width * shape.inputs * square(shape.first_kernel), bits);
    const auto blocks = input.weights(std::size_t{2} * shape.blocks * shape.width * shape.width * 9, bits);
    const auto last = input.weights(shape.proposals * shape.width * square(shape.last_kernel), bits);
    const auto proposals = input.weights(
        std::size_t{shape.outputs} * shape.proposals * shape.inputs * square(shape.proposal_kernel), bits);
    j2kl_operator *handle = nullptr;
    if (j2kl_operator_create(&shape, first.data(), blocks.data(), last.data(), proposals.data(), &numbers, nullptr,
                             &handle) != J2KL_OK) {
        return;
    }
    struct Area {
        std::int32_t y0, x0, y1, x1;
        std::size_t count() const
        {
            return static_cast<std::size_t>(y1 - y0) * static_cast<std::size_t>(x1 - x0);
        }
    };
    const auto area = [&] {
        Area result{};
        result.y0 = input.integer(-8, 8);
        result.x0 = input.integer(-8, 8);
        result.y1 = result.y0 + input.integer(0, 12);
        result.x1 = result.x0 + input.integer(0, 40);
        return result;
    };
    std::vector<Area> source_areas, target_areas;
    std::vector<std::vector<float>> sources, targets;
    for (std::uint32_t i = 0; i < components * shape.inputs; ++i) {
        source_areas.push_back(area());
        sources.push_back(input.samples(source_areas.back().count()));
    }
    for (std::uint32_t i = 0; i < components * shape.outputs; ++i) {
        target_areas.push_back(area());
        targets.push_back(input.samples(target_areas.back().count()));
    }
    const j2kl_rect grid = {-4, -4, 8, 30};
    const bool limited = input.byte() % 2 != 0;
    int code = J2KL_OK;
    const auto lift = [&](std::uint32_t instructions) {
        auto lifted = targets;
        const auto planes = [](std::vector<std::vector<float>> &samples, const std::vector<Area> &areas) {
            std::vector<j2kl_plane> result;
            for (std::size_t i = 0; i < areas.size(); ++i) {
                const Area &at = areas[i];
                result.push_back({samples[i].data(), at.x1 - at.x0, at.y0, at.x0, at.y1, at.x1});
            }
            return result;
        };
        const auto from = planes(sources, source_areas), to = planes(lifted, target_areas);
        code = j2kl_operator_lift(handle, from.data(), to.data(), components, shared, minus != 0 ? -1 : 1,
                                  limited ? &grid : nullptr, instructions, 1, nullptr);
        return lifted;
    };
    const auto wanted = lift(J2KL_INSTRUCTIONS_PORTABLE);
    for (const std::uint32_t set : sets) {
        if (code == J2KL_OK && j2kl_instructions_available(set) != 0) {
            const auto lifted = lift(set);
            for (std::size_t i = 0; i < wanted.size(); ++i) {
                expect(same(lifted[i], wanted[i]), "operators agree");
            }
        }
    }
    j2kl_operator_destroy(handle);
}

void dequantiser(Input &input)
{
    j2kl_dequantiser_numbers numbers{};
    const bool chroma = input.byte() % 2 != 0;
    numbers.reads = chroma ? 3 : 1;
    numbers.writes = chroma ? 2 : 1;
    numbers.width = input.number(1, 20);
    numbers.pairs = input.number(1, 2);
    numbers.side = input.byte() % 2 != 0 ? 4 : 2;
    const std::size_t phases = std::size_t{numbers.side} * numbers.side;
    numbers.first_shift = input.integer(0, 29);
    for (std::int32_t &shift : numbers.body_shifts) {
        shift = input.integer(0, 29);
    }
    numbers.last_shift = input.integer(0, 29);
    numbers.output_bits = input.integer(0, 25);
    const std::uint32_t bits = input.number(1, 15);
    const std::size_t square = std::size_t{numbers.width} * numbers.width * 9;
    const auto first = input.weights(std::size_t{numbers.width} * (phases * numbers.reads + numbers.writes) * 9, bits);
    const auto body = input.weights(2 * numbers.pairs * square, bits);
    const auto last = input.weights(std::size_t{numbers.width} * phases * numbers.writes * 9, bits);
    std::vector<std::int32_t> biases((2 * numbers.pairs + 1) * numbers.width + phases * numbers.writes);
    for (std::int32_t &bias : biases) {
        bias = input.integer(-32768, 32767) * 64;
    }
    std::vector<std::int16_t> compression(545);
    std::vector<float> octaves(256);
    for (std::size_t i = 0; i < compression.size(); ++i) {
        compression[i] = static_cast<std::int16_t>(8943 * i / 544);
    }
    for (std::size_t i = 0; i < octaves.size(); ++i) {
        octaves[i] = static_cast<float>(std::exp2(static_cast<double>(i) / 256));
    }
    j2kl_dequantiser *handle = nullptr;
    if (j2kl_dequantiser_create(&numbers, first.data(), body.data(), last.data(), biases.data(),
                                compression.data(), octaves.data(), nullptr, &handle) != J2KL_OK) {
        return;
    }
    const std::int32_t y0 = input.integer(-5, 5), x0 = input.integer(-5, 5), y1 = y0 + input.integer(1, 12),
                       x1 = x0 + input.integer(1, 40);
    const std::ptrdiff_t width = x1 - x0;
    const std::size_t count = static_cast<std::size_t>(width) * static_cast<std::size_t>(y1 - y0);
    std::vector<std::vector<float>> sources;
    std::vector<const float *> from;
    for (std::uint32_t i = 0; i < numbers.reads; ++i) {
        sources.push_back(input.samples(count));
    }
    for (const auto &source : sources) {
        from.push_back(source.data());
    }
    const std::size_t noise_width = 24;
    std::vector<std::int16_t> noise(noise_width * 16 * numbers.writes);
    for (std::int16_t &value : noise) {
        value = static_cast<std::int16_t>(input.integer(-2560, 5632));
    }
    const std::int16_t *const noises[] = {noise.data(), noise.data() + noise.size() / 2};
    const bool single = input.byte() % 2 != 0;
    int code = J2KL_OK;
    const auto apply = [&](std::uint32_t instructions) {
        std::vector<float> target(count * numbers.writes);
        float *const to[] = {target.data(), target.data() + target.size() - count};
        code = j2kl_dequantiser_apply(handle, from.data(), width, to, width, y0, x0, y1, x1, nullptr, noises,
                                      single ? 0 : static_cast<std::ptrdiff_t>(noise_width), instructions, 1,
                                      nullptr);
        return target;
    };
    const auto wanted = apply(J2KL_INSTRUCTIONS_PORTABLE);
    for (const std::uint32_t set : sets) {
        expect(code != J2KL_OK || j2kl_instructions_available(set) == 0 || same(apply(set), wanted),
               "networks for de-quantisation agree");
    }
    j2kl_dequantiser_free(handle);
}

void mixture(Input &input)
{
    static const MixtureTables data;
    const j2kl_mixture_tables tables = data.tables();
    const std::uint32_t components = input.number(1, 4);
    const std::size_t count = input.number(1, 40);
    const auto parameters = input.weights(count * 3 * components, input.number(8, 15));
    std::vector<std::int32_t> inside(count), centre(count), width(count), raw(count);
    expect(j2kl_mixture_bins(&tables, parameters.data(), count, components, inside.data(), centre.data(),
                             width.data(), raw.data(), 1) == J2KL_OK,
           "mixtures have bins");
    const auto whole = [](const float *row, std::size_t symbols) {
        double sum = 0;
        for (std::size_t i = 0; i < symbols; ++i) {
            expect(row[i] >= 0, "frequencies are positive");
            sum += static_cast<double>(row[i]) + 1;
        }
        return sum == 16777216;
    };
    std::vector<float> rows(count * 17);
    expect(j2kl_mixture_outside(&tables, parameters.data(), count, components, centre.data(), width.data(),
                                rows.data(), 1) == J2KL_OK,
           "bins of mixtures are valid");
    std::vector<std::int32_t> low(count), step(count), bits(count);
    for (std::size_t i = 0; i < count; ++i) {
        expect(whole(&rows[17 * i], 17), "frequencies have their sum");
        low[i] = input.integer(-32768, 32767) * 129; // beyond 2^22
        step[i] = input.integer(0, 15);
        bits[i] = input.integer(0, 5);
    }
    if (j2kl_mixture_digits(&tables, parameters.data(), count, components, low.data(), step.data(), bits.data(),
                            rows.data(), 1) == J2KL_OK) {
        for (std::size_t i = 0; i < count; ++i) {
            expect(whole(&rows[16 * i], 16), "frequencies have their sum");
        }
    }
}

} // namespace

void integers(const std::uint8_t *data, std::size_t size)
{
    Input input(data, size);
    switch (input.byte() % 4) {
    case 0: layer(input); break;
    case 1: lifting(input); break;
    case 2: dequantiser(input); break;
    default: mixture(input); break;
    }
}

} // namespace j2kl::fuzz
