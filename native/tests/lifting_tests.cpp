// Operators of lifting steps compared with plain loops in 64 bits, for every instruction set that the processor
// supports, any number of threads, and parts of the area; arguments that are out of range.
#include "j2kl.h"
#include "tests/check.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace {

using check::Random;
using Weights = std::vector<std::int16_t>;
using Numbers = std::vector<std::int64_t>;

struct Case {
    j2kl_operator_shape shape;
    j2kl_operator_numbers numbers;
    Weights first, blocks, last, proposals;

    std::int64_t opacity_radius() const
    {
        return shape.first_kernel / 2 + 2 * shape.blocks + shape.last_kernel / 2;
    }
    std::int64_t radius() const
    {
        return std::max<std::int64_t>(opacity_radius(), shape.proposal_kernel / 2);
    }
    std::string name() const
    {
        return std::to_string(shape.inputs) + " to " + std::to_string(shape.outputs) + ", " +
               std::to_string(shape.proposals) + " proposals, width " + std::to_string(shape.width) + ", " +
               std::to_string(shape.blocks) + " blocks, kernels " + std::to_string(shape.first_kernel) + " " +
               std::to_string(shape.last_kernel) + " " + std::to_string(shape.proposal_kernel);
    }
};

// Maps of a window of cells.
struct Window {
    std::int64_t maps, height, width;
    Numbers values;

    std::int64_t &at(std::int64_t map, std::int64_t y, std::int64_t x)
    {
        return values[static_cast<std::size_t>((map * height + y) * width + x)];
    }
    std::int64_t at(std::int64_t map, std::int64_t y, std::int64_t x) const
    {
        return values[static_cast<std::size_t>((map * height + y) * width + x)];
    }
};

Window window_of(std::int64_t maps, std::int64_t height, std::int64_t width)
{
    return {maps, height, width, Numbers(static_cast<std::size_t>(maps * height * width))};
}

std::int64_t rounded(std::int64_t sum, std::int64_t shift)
{
    return (sum + ((std::int64_t{1} << shift) >> 1)) >> shift;
}

Window cropped(const Window &in, std::int64_t margin)
{
    Window out = window_of(in.maps, in.height - 2 * margin, in.width - 2 * margin);
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(out.values.size()); ++i) {
        out.values[static_cast<std::size_t>(i)] =
            in.at(i / (out.height * out.width), i / out.width % out.height + margin, i % out.width + margin);
    }
    return out;
}

Window convolved(const Window &in, const std::int16_t *weights, std::int64_t maps, std::int64_t kernel,
                 std::int64_t shift)
{
    Window out = window_of(maps, in.height - kernel + 1, in.width - kernel + 1);
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(out.values.size()); ++i) {
        const std::int64_t map = i / (out.height * out.width), y = i / out.width % out.height,
                           x = i % out.width;
        std::int64_t sum = 0;
        for (std::int64_t k = 0; k < in.maps * kernel * kernel; ++k) {
            sum += weights[map * in.maps * kernel * kernel + k] *
                   in.at(k / (kernel * kernel), y + k / kernel % kernel, x + k % kernel);
        }
        out.values[static_cast<std::size_t>(i)] = rounded(sum, shift);
    }
    return out;
}

Window clamped(Window window, std::int64_t low, std::int64_t high)
{
    for (std::int64_t &value : window.values) {
        value = std::clamp(value, low, high);
    }
    return window;
}

Window opacities(const Case &c, const Window &sources)
{
    const Window q = cropped(sources, c.radius() - c.opacity_radius());
    const std::int64_t width = c.shape.width;
    Window h = clamped(convolved(q, c.first.data(), width, c.shape.first_kernel, c.numbers.first_shift), 0, 8191);
    for (std::uint32_t b = 0; b < c.shape.blocks; ++b) {
        const std::int16_t *weights = c.blocks.data() + 2 * b * width * width * 9;
        const Window g = clamped(convolved(h, weights, width, 3, c.numbers.block_shifts[2 * b]), 0, 8191);
        Window next = convolved(g, weights + width * width * 9, width, 3, c.numbers.block_shifts[2 * b + 1]);
        const Window centre = cropped(h, 2);
        for (std::size_t i = 0; i < next.values.size(); ++i) {
            next.values[i] += centre.values[i];
        }
        h = clamped(next, 0, 8191);
    }
    Window l = clamped(
        convolved(h, c.last.data(), c.shape.proposals, c.shape.last_kernel, c.numbers.last_shift), 0,
        65535 - c.numbers.offset);
    const std::size_t cells = static_cast<std::size_t>(l.height * l.width);
    for (std::size_t i = 0; i < cells; ++i) {
        std::int64_t sum = 0;
        for (std::size_t k = 0; k < c.shape.proposals; ++k) {
            sum += l.values[k * cells + i] += c.numbers.offset;
        }
        for (std::size_t k = 0; k < c.shape.proposals; ++k) {
            l.values[k * cells + i] = (l.values[k * cells + i] * ((1 << 30) / sum) + (1 << 15)) >> 16;
        }
    }
    return l;
}

struct Planes {
    std::vector<std::vector<float>> samples;
    std::vector<j2kl_plane> planes;

    void add(std::int32_t y0, std::int32_t x0, std::int32_t height, std::int32_t width)
    {
        samples.emplace_back(static_cast<std::size_t>(height) * static_cast<std::size_t>(width));
        planes.push_back({nullptr, width, y0, x0, y0 + height, x0 + width});
    }
    // Points to the samples: after they are complete.
    const j2kl_plane *get()
    {
        for (std::size_t i = 0; i < planes.size(); ++i) {
            planes[i].samples = samples[i].data();
        }
        return planes.data();
    }
};

Window quantised(const Case &c, const Planes &sources, std::size_t component, std::int64_t y0, std::int64_t x0,
                 std::int64_t height, std::int64_t width)
{
    Window out = window_of(c.shape.inputs, height, width);
    for (std::int64_t i = 0; i < c.shape.inputs; ++i) {
        const std::size_t index = component * c.shape.inputs + static_cast<std::size_t>(i);
        const j2kl_plane &plane = sources.planes[index];
        for (std::int64_t y = 0; y < height && plane.y1 > plane.y0 && plane.x1 > plane.x0; ++y) {
            for (std::int64_t x = 0; x < width; ++x) {
                const std::int64_t row = std::clamp<std::int64_t>(y0 + y, plane.y0, plane.y1 - 1) - plane.y0;
                const std::int64_t column =
                    std::clamp<std::int64_t>(x0 + x, plane.x0, plane.x1 - 1) - plane.x0;
                const double value = std::ldexp(
                    static_cast<double>(
                        sources.samples[index][static_cast<std::size_t>(row * plane.row_stride + column)]),
                    c.numbers.input_bits);
                out.at(i, y, x) = std::isnan(value) ? 0
                                                    : static_cast<std::int64_t>(
                                                          std::clamp(std::nearbyint(value), -32767.0, 32767.0));
            }
        }
    }
    return out;
}

// The samples of the targets after the step.
std::vector<std::vector<float>> by_plain_loops(const Case &c, const Planes &sources, const Planes &targets,
                                               std::size_t components, bool shared, int sign)
{
    std::vector<std::vector<float>> result = targets.samples;
    Window blend;
    const j2kl_plane &grid = targets.planes[0]; // all targets have the same area
    const std::int64_t radius = c.radius(), height = grid.y1 - grid.y0, width = grid.x1 - grid.x0;
    for (std::size_t component = 0; component < components; ++component) {
        const Window q = quantised(c, sources, component, grid.y0 - radius, grid.x0 - radius,
                                   height + 2 * radius, width + 2 * radius);
        if (component == 0 || !shared) {
            blend = opacities(c, q);
        }
        const Window p = clamped(convolved(cropped(q, radius - c.shape.proposal_kernel / 2), c.proposals.data(),
                                           c.shape.outputs * c.shape.proposals, c.shape.proposal_kernel,
                                           c.numbers.proposal_shift),
                                 -32767, 32767);
        for (std::size_t output = 0; output < c.shape.outputs; ++output) {
            std::vector<float> &samples = result[component * c.shape.outputs + output];
            for (std::size_t i = 0; i < samples.size(); ++i) {
                std::int64_t sum = 0;
                for (std::size_t k = 0; k < c.shape.proposals; ++k) {
                    sum += p.values[(output * c.shape.proposals + k) * samples.size() + i] *
                           blend.values[k * samples.size() + i];
                }
                samples[i] += static_cast<float>(sign) * std::ldexp(static_cast<float>(rounded(sum, 14)),
                                                                    -c.numbers.output_bits);
            }
        }
    }
    return result;
}

bool same(const std::vector<std::vector<float>> &a, const std::vector<std::vector<float>> &b)
{
    for (std::size_t i = 0; i < a.size(); ++i) {
        for (std::size_t k = 0; k < a[i].size(); ++k) {
            if (!(a[i][k] == b[i][k] || (std::isnan(a[i][k]) && std::isnan(b[i][k])))) {
                return false;
            }
        }
    }
    return a.size() == b.size();
}

Weights random_weights(std::size_t outputs, std::size_t filter, std::int32_t input, std::int32_t most,
                       bool extreme, Random &random)
{
    const auto limit = static_cast<std::int32_t>(std::min<std::int64_t>(
        most, 2130000000 / (static_cast<std::int64_t>(filter) * input)));
    Weights weights;
    for (std::size_t i = 0; i < outputs * filter; ++i) {
        weights.push_back(static_cast<std::int16_t>(
            extreme ? (random.next() % 2 != 0 ? limit : -limit) : random.integer(-limit, limit)));
    }
    return weights;
}

Case random_case(const j2kl_operator_shape &s, std::int32_t most, bool extreme, Random &random)
{
    Case c = {s, {}, {}, {}, {}, {}};
    const std::size_t deep = std::size_t{s.width} * 9, first = std::size_t{s.inputs} * s.first_kernel * s.first_kernel,
                      last = std::size_t{s.width} * s.last_kernel * s.last_kernel,
                      proposal = std::size_t{s.inputs} * s.proposal_kernel * s.proposal_kernel;
    c.first = random_weights(s.width, first, 32767, most, extreme, random);
    c.blocks = random_weights(std::size_t{2} * s.blocks * s.width, deep, 8191, most, extreme, random);
    c.last = random_weights(s.proposals, last, 8191, most, extreme, random);
    c.proposals =
        random_weights(std::size_t{s.outputs} * s.proposals, proposal, 32767, most, extreme, random);
    const auto shift = [&](std::size_t filter) {
        return random.integer(8, 11) + static_cast<std::int32_t>(std::log2(static_cast<double>(filter)) / 2);
    };
    c.numbers.input_bits = random.integer(-2, 8);
    c.numbers.output_bits = random.integer(-2, 8);
    c.numbers.first_shift = shift(first);
    for (std::int32_t &value : c.numbers.block_shifts) {
        value = shift(deep);
    }
    c.numbers.last_shift = shift(last);
    c.numbers.proposal_shift = shift(proposal);
    c.numbers.offset = extreme ? random.integer(1, 65535) : random.integer(1, 20);
    return c;
}

void fill(Planes &planes, bool extreme, Random &random)
{
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const float special[] = {0, -0.0F, 0.5F, -1.5F, 1e30F, infinity, -infinity, std::nanf(""), 1e-40F};
    for (std::vector<float> &samples : planes.samples) {
        for (float &value : samples) {
            value = extreme ? special[random.next() % 9] : random.real(500);
        }
    }
}

void agree(const Case &c, std::int32_t height, std::int32_t width, bool extreme, Random &random)
{
    j2kl_report report;
    j2kl_operator *handle = nullptr;
    CHECK(j2kl_operator_create(&c.shape, c.first.data(), c.blocks.data(), c.last.data(), c.proposals.data(),
                               &c.numbers, &report, &handle) == J2KL_OK,
          c.name() + ": " + report.error);
    const std::uint32_t components = 1 + random.next() % 3;
    Planes sources, targets;
    for (std::uint32_t i = 0; i < components * c.shape.inputs; ++i) { // phases of unlike sizes
        sources.add(random.integer(-1, 1), random.integer(-1, 1), height - random.integer(0, 1),
                    width - random.integer(0, 1));
    }
    for (std::uint32_t i = 0; i < components * c.shape.outputs; ++i) {
        targets.add(0, 0, height, width);
    }
    fill(sources, extreme, random);
    fill(targets, false, random);
    const bool shared = random.next() % 2 != 0;
    const int sign = random.next() % 2 != 0 ? 1 : -1;
    const auto expected = by_plain_loops(c, sources, targets, components, shared, sign);
    const std::int32_t middle_y = height / 3, middle_x = width / 2;
    const j2kl_rect parts[] = {{-9, -9, middle_y, middle_x},
                               {-9, middle_x, middle_y, width + 9},
                               {middle_y, -9, height + 9, middle_x},
                               {middle_y, middle_x, height + 9, width + 9}};
    for (std::uint32_t set = J2KL_INSTRUCTIONS_BEST; set <= J2KL_INSTRUCTIONS_AVX512_VNNI; ++set) {
        if (j2kl_instructions_available(set) == 0) {
            continue;
        }
        const std::string name = c.name() + ", instructions " + std::to_string(set);
        for (const std::uint32_t threads : {1U, 3U}) {
            Planes result = targets;
            CHECK(j2kl_operator_lift(handle, sources.get(), result.get(), components, shared ? 1 : 0, sign,
                                     nullptr, set, threads, nullptr) == J2KL_OK,
                  name);
            CHECK(same(result.samples, expected), name);
        }
        Planes result = targets;
        for (const j2kl_rect &part : parts) {
            CHECK(j2kl_operator_lift(handle, sources.get(), result.get(), components, shared ? 1 : 0, sign, &part,
                                     set, 1, &report) == J2KL_OK,
                  name + report.error);
        }
        CHECK(same(result.samples, expected), name + ", in parts");
    }
    j2kl_operator_destroy(handle);
}

void operators()
{
    constexpr j2kl_operator_shape shapes[] = {
        {1, 3, 9, 16, 2, 1, 3, 13}, {3, 1, 9, 16, 1, 3, 3, 7}, {1, 3, 8, 8, 1, 1, 3, 7},
        {1, 1, 1, 1, 0, 1, 1, 1},   {2, 2, 2, 3, 1, 5, 5, 3},  {2, 1, 5, 24, 1, 7, 1, 5},
        {3, 3, 7, 13, 0, 1, 7, 25}, {1, 2, 32, 6, 4, 3, 7, 1}, {3, 1, 17, 34, 1, 1, 3, 3},
    };
    Random random(5);
    for (const j2kl_operator_shape &shape : shapes) {
        agree(random_case(shape, 32767, false, random), 9, 21, false, random);
        agree(random_case(shape, 500, false, random), 6, 35, false, random); // by Winograd's algorithm
        agree(random_case(shape, 32767, true, random), 5, 17, true, random);
        agree(random_case(shape, 500, false, random), 1 + random.integer(1, 2), random.integer(2, 4), false, random);
    }
    agree(random_case(shapes[2], 500, false, random), 70, 150, false, random); // several strips and threads
}

int create(const Case &c, j2kl_report *report)
{
    j2kl_operator *handle = nullptr;
    const int code = j2kl_operator_create(&c.shape, c.first.data(), c.blocks.data(), c.last.data(),
                                          c.proposals.data(), &c.numbers, report, &handle);
    j2kl_operator_destroy(handle);
    return code;
}

template <class Change> void rejected(const Case &valid, const char *what, const Change &change)
{
    Case c = valid;
    change(c);
    j2kl_report report;
    CHECK(create(c, &report) == J2KL_ERROR_ARGUMENT && report.error[0] != '\0', what);
}

void invalid_operators()
{
    Random random(6);
    const Case valid = random_case({1, 1, 2, 4, 1, 1, 3, 3}, 100, false, random);
    j2kl_report report;
    CHECK(create(valid, &report) == J2KL_OK, report.error);
    rejected(valid, "no inputs", [](Case &c) { c.shape.inputs = 0; });
    rejected(valid, "outputs", [](Case &c) { c.shape.outputs = 4; });
    rejected(valid, "proposals", [](Case &c) { c.shape.proposals = 33; });
    rejected(valid, "width", [](Case &c) { c.shape.width = 65; });
    rejected(valid, "blocks", [](Case &c) { c.shape.blocks = 5; });
    rejected(valid, "first kernel", [](Case &c) { c.shape.first_kernel = 2; });
    rejected(valid, "last kernel", [](Case &c) { c.shape.last_kernel = 9; });
    rejected(valid, "proposal kernel", [](Case &c) { c.shape.proposal_kernel = 27; });
    rejected(valid, "input bits", [](Case &c) { c.numbers.input_bits = 17; });
    rejected(valid, "output bits", [](Case &c) { c.numbers.output_bits = -17; });
    rejected(valid, "shift", [](Case &c) { c.numbers.block_shifts[1] = 31; });
    rejected(valid, "offset", [](Case &c) { c.numbers.offset = 0; });
    rejected(valid, "a sum", [](Case &c) { std::fill(c.first.begin(), c.first.end(), INT16_MIN);
                                           c.numbers.first_shift = 30; c.shape.first_kernel = 1;
                                           c.proposals.assign(18, INT16_MAX); });
    // 65538 x 32767 + 2 is the largest sum below 2^31 with weights of one sign.
    Case edge = random_case({1, 1, 1, 1, 0, 3, 1, 1}, 1, false, random);
    edge.numbers.first_shift = 0;
    edge.first = {32767, 32767, 4, 0, 0, 0, 0, 0, 0};
    CHECK(create(edge, &report) == J2KL_OK, report.error);
    edge.first[2] = 5;
    CHECK(create(edge, &report) == J2KL_ERROR_ARGUMENT, "2^31");
    edge.first = {-32768, -32768, -2, 0, 0, 0, 0, 0, 0};
    CHECK(create(edge, &report) == J2KL_OK, report.error);
    edge.first[2] = -3;
    CHECK(create(edge, &report) == J2KL_ERROR_ARGUMENT, "-2^31");
    CHECK(j2kl_operator_create(nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr) ==
              J2KL_ERROR_ARGUMENT,
          "no arguments");
}

void invalid_steps()
{
    Random random(7);
    const Case c = random_case({1, 1, 2, 4, 1, 1, 3, 3}, 100, false, random);
    j2kl_operator *handle = nullptr;
    CHECK(j2kl_operator_create(&c.shape, c.first.data(), c.blocks.data(), c.last.data(), c.proposals.data(),
                               &c.numbers, nullptr, &handle) == J2KL_OK,
          "");
    Planes sources, targets;
    sources.add(0, 0, 4, 5);
    targets.add(0, 0, 4, 5);
    fill(sources, false, random);
    j2kl_report report;
    const auto lift = [&](const j2kl_operator *which, const j2kl_plane *from, const j2kl_plane *to, int sign,
                          std::uint32_t set) {
        return j2kl_operator_lift(which, from, to, 1, 0, sign, nullptr, set, 1, &report);
    };
    CHECK(lift(handle, sources.get(), targets.get(), 1, 0) == J2KL_OK, report.error);
    CHECK(lift(nullptr, sources.get(), targets.get(), 1, 0) == J2KL_ERROR_ARGUMENT, "no operator");
    CHECK(lift(handle, nullptr, targets.get(), 1, 0) == J2KL_ERROR_ARGUMENT, "no sources");
    CHECK(lift(handle, sources.get(), nullptr, 1, 0) == J2KL_ERROR_ARGUMENT, "no targets");
    CHECK(lift(handle, sources.get(), targets.get(), 0, 0) == J2KL_ERROR_ARGUMENT, "sign");
    CHECK(lift(handle, sources.get(), targets.get(), 1, 9) == J2KL_ERROR_ARGUMENT, "instructions");
    j2kl_plane plane = *sources.get();
    plane.row_stride = 4;
    CHECK(lift(handle, &plane, targets.get(), 1, 0) == J2KL_ERROR_ARGUMENT, "stride");
    plane.samples = nullptr;
    plane.row_stride = 5;
    CHECK(lift(handle, &plane, targets.get(), 1, 0) == J2KL_ERROR_ARGUMENT, "no samples");
    // Areas at the ends of the grid.
    const std::vector<float> before = targets.samples[0];
    for (const std::int32_t place : {INT32_MIN, INT32_MAX - 5}) {
        for (std::uint32_t set = J2KL_INSTRUCTIONS_BEST; set <= J2KL_INSTRUCTIONS_AVX512_VNNI; ++set) {
            if (j2kl_instructions_available(set) != 0) {
                j2kl_plane from = *sources.get(), to = *targets.get();
                from.y0 = to.y0 = from.x0 = to.x0 = place;
                from.y1 = to.y1 = place + 4;
                from.x1 = to.x1 = place + 5;
                CHECK(lift(handle, &from, &to, 1, set) == J2KL_OK, report.error);
                CHECK(lift(handle, &from, targets.get(), 1, set) == J2KL_OK, report.error);
            }
        }
    }
    j2kl_operator_destroy(handle);
    j2kl_operator_destroy(nullptr);
}

} // namespace

void lifting_tests()
{
    operators();
    invalid_operators();
    invalid_steps();
}
