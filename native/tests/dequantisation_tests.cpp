// De-quantisation in integers: every instruction set, number of threads and layout of the arrays gives the
// same samples as the portable kernels on one thread. tests/dequantisation/test_twin.py compares them with
// the definition.
#include "j2kl.h"
#include "tests/check.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using check::Random;

struct Weights {
    j2kl_dequantiser_numbers numbers;
    std::vector<std::int16_t> first, body, last, compression;
    std::vector<std::int32_t> biases;
    std::vector<float> octaves;
};

std::vector<std::int16_t> random_weights(std::size_t count, std::int32_t most, Random &random)
{
    std::vector<std::int16_t> weights;
    for (std::size_t i = 0; i < count; ++i) {
        weights.push_back(static_cast<std::int16_t>(random.integer(-most, most)));
    }
    return weights;
}

// With weights of up to `most` in the body. It reads one component, or, as those for chroma, three.
Weights random_network(std::uint32_t width, std::uint32_t pairs, std::int32_t most, Random &random,
                       bool chroma = false, std::uint32_t side = 2)
{
    Weights w = {};
    const std::uint32_t reads = chroma ? 3 : 1, writes = chroma ? 2 : 1;
    w.numbers.reads = reads;
    w.numbers.writes = writes;
    w.numbers.width = width;
    w.numbers.pairs = pairs;
    w.numbers.side = side;
    const std::uint32_t phases = side * side;
    w.numbers.first_shift = 13;
    std::fill(w.numbers.body_shifts, w.numbers.body_shifts + 8, 12);
    w.numbers.last_shift = 10;
    w.numbers.output_bits = 10;
    w.first = random_weights(std::size_t{width} * (phases * reads + writes) * 9,
                             chroma && side == 4 ? 400 : 1600, random);
    w.body = random_weights(std::size_t{2} * pairs * width * width * 9, most, random);
    w.last = random_weights(std::size_t{phases} * writes * width * 9, 600, random);
    for (std::uint32_t i = 0; i < (2 * pairs + 1) * width + phases * writes; ++i) {
        w.biases.push_back(random.integer(-1000000, 1000000));
    }
    for (int i = 0; i <= 544; ++i) {
        const double v = std::ldexp(1 + (i % 32) / 32.0, i / 32) - 1;
        w.compression.push_back(static_cast<std::int16_t>(std::lrint(716.8 * std::asinh(v))));
    }
    for (int k = 0; k < 256; ++k) {
        w.octaves.push_back(static_cast<float>(std::exp2(k / 256.0)));
    }
    return w;
}

int create(const Weights &w, j2kl_report *report, j2kl_dequantiser **dequantiser)
{
    return j2kl_dequantiser_create(&w.numbers, w.first.data(), w.body.data(), w.last.data(), w.biases.data(),
                                   w.compression.data(), w.octaves.data(), report, dequantiser);
}

// Three components, and the noise of two. Networks for single components use the first ones.
struct Picture {
    std::int32_t y0, x0, height, width;
    std::vector<float> samples;
    std::vector<std::int16_t> noise;
    std::ptrdiff_t noise_stride;

    std::size_t size() const { return samples.size() / 3; }
};

Picture random_picture(std::int32_t y0, std::int32_t x0, std::int32_t height, std::int32_t width,
                       bool one_noise, Random &random, std::int32_t side = 2)
{
    Picture p = {y0, x0, height, width, {}, {}, 0};
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const float odd[] = {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity, 3e38F, 1e-40F, -0.0F};
    for (std::int32_t i = 0; i < 3 * height * width; ++i) {
        p.samples.push_back(random.next() % 50 == 0 ? odd[random.next() % 6] : random.real(200));
    }
    const std::int32_t rows = (y0 + height + side - 1) / side - y0 / side,
                       columns = (x0 + width + side - 1) / side - x0 / side;
    p.noise_stride = one_noise ? 0 : columns;
    for (std::int32_t i = 0; i < 2 * (one_noise ? 1 : rows * columns); ++i) {
        p.noise.push_back(static_cast<std::int16_t>(random.integer(-2560, 5632)));
    }
    return p;
}

// Writes a part of all components that the network corrects, one after the other. The corners are within the picture.
int apply_part(const j2kl_dequantiser *dequantiser, const Weights &w, const Picture &p,
               std::vector<float> &target, const j2kl_rect &part, std::uint32_t instructions,
               std::uint32_t threads)
{
    const float *sources[3];
    float *targets[2];
    const std::int16_t *noise[2];
    for (std::size_t i = 0; i < 3; ++i) {
        sources[i] = p.samples.data() + i * p.size();
    }
    for (std::size_t i = 0; i < w.numbers.writes; ++i) {
        targets[i] = target.data() + i * p.size();
        noise[i] = p.noise.data() + i * p.noise.size() / 2;
    }
    const j2kl_rect placed = {p.y0 + part.y0, p.x0 + part.x0, p.y0 + part.y1, p.x0 + part.x1};
    return j2kl_dequantiser_apply(dequantiser, sources, p.width, targets, p.width, p.y0, p.x0,
                                  p.y0 + p.height, p.x0 + p.width, &placed, noise,
                                  p.noise_stride, instructions, threads, nullptr);
}

std::vector<float> applied(const j2kl_dequantiser *dequantiser, const Weights &w, const Picture &p,
                           std::uint32_t instructions, std::uint32_t threads, const std::string &name)
{
    std::vector<float> target(w.numbers.writes * p.size(), 77);
    CHECK(apply_part(dequantiser, w, p, target, {0, 0, p.height, p.width}, instructions, threads) == J2KL_OK, name);
    return target;
}

// A part, written by itself: the other samples stay as they are.
void some_part(const j2kl_dequantiser *dequantiser, const Weights &w, const Picture &p,
               const std::vector<float> &expected, const std::string &name)
{
    const j2kl_rect part = {p.height / 3, p.width / 3, p.height - p.height / 4, p.width - p.width / 5};
    std::vector<float> target(expected.size(), 77), only(target);
    for (std::size_t i = 0; i < w.numbers.writes; ++i) {
        for (std::int32_t y = part.y0; y < part.y1; ++y) {
            for (std::int32_t x = part.x0; x < part.x1; ++x) {
                const std::size_t at = i * p.size() +
                                       static_cast<std::size_t>(y) * static_cast<std::size_t>(p.width) +
                                       static_cast<std::size_t>(x);
                only[at] = expected[at];
            }
        }
    }
    CHECK(apply_part(dequantiser, w, p, target, part, J2KL_INSTRUCTIONS_BEST, 2) == J2KL_OK, name);
    CHECK(target == only, name);
}

void agree(const Weights &w, const Picture &p)
{
    const std::string name = std::to_string(w.numbers.width) + " channels, side " +
                             std::to_string(w.numbers.side) + ", " +
                             std::to_string(w.numbers.pairs) + " pairs, " + std::to_string(p.height) + "x" +
                             std::to_string(p.width) + " at " + std::to_string(p.y0) + "," +
                             std::to_string(p.x0);
    j2kl_report report = {};
    j2kl_dequantiser *dequantiser = nullptr;
    CHECK(create(w, &report, &dequantiser) == J2KL_OK, name + ": " + report.error);
    if (dequantiser == nullptr) {
        return;
    }
    const std::vector<float> expected = applied(dequantiser, w, p, J2KL_INSTRUCTIONS_PORTABLE, 1, name);
    CHECK(std::none_of(expected.begin(), expected.end(), [](float v) { return std::isnan(v); }), name);
    for (std::uint32_t set = J2KL_INSTRUCTIONS_BEST; set <= J2KL_INSTRUCTIONS_AVX512_VNNI; ++set) {
        for (const std::uint32_t threads : {1U, 3U}) {
            if (j2kl_instructions_available(set) != 0) {
                CHECK(applied(dequantiser, w, p, set, threads, name) == expected, name);
            }
        }
    }
    some_part(dequantiser, w, p, expected, name);
    j2kl_dequantiser_free(dequantiser);
}

void same_samples()
{
    Random random(11);
    for (const std::uint32_t width : {1U, 16U, 20U, 32U, 48U, 64U}) {
        const Weights w =
            random_network(width, 1 + width % 3, 4000 / static_cast<std::int32_t>(width), random);
        agree(w, random_picture(3, 0, 21, 34, width == 20, random));
    }
    const Weights small = random_network(3, 4, 900, random);
    for (const std::int32_t height : {1, 2, 5}) {
        for (const std::int32_t width : {1, 2, 3, 50}) {
            agree(small, random_picture(height % 2, width % 3 % 2, height, width, false, random));
        }
    }
    agree(random_network(16, 2, 300, random),
          random_picture(0, 1, 301, 467, false, random)); // several strips, bands
    agree(random_network(16, 1, 1800, random),
          random_picture(0, 0, 30, 40, true, random)); // sums not for Winograd
    agree(random_network(16, 2, 300, random, true), random_picture(3, 0, 35, 61, false, random));
    agree(random_network(5, 1, 900, random, true), random_picture(0, 1, 20, 33, true, random));
}

// Positions of 4x4 samples, of which a picture has only parts at its borders.
void same_samples_of_larger_positions()
{
    Random random(13);
    for (const std::int32_t height : {1, 4, 6}) {
        for (const std::int32_t width : {1, 3, 5, 50}) {
            agree(random_network(3, 4, 900, random, width == 5, 4),
                  random_picture(height % 4, width % 4, height, width, false, random, 4));
        }
    }
    agree(random_network(16, 2, 300, random, false, 4),
          random_picture(2, 3, 301, 967, false, random, 4)); // several strips, bands
    agree(random_network(32, 2, 120, random, true, 4), random_picture(3, 1, 70, 121, false, random, 4));
    agree(random_network(8, 1, 500, random, true, 4), random_picture(1, 2, 45, 66, true, random, 4));
}

void refused()
{
    Random random(12);
    const Weights good = random_network(8, 1, 400, random);
    j2kl_report report = {};
    j2kl_dequantiser *dequantiser = nullptr;
    const auto is_refused = [&](const char *name, auto change) {
        Weights w = good;
        change(w);
        report = {};
        CHECK(create(w, &report, &dequantiser) == J2KL_ERROR_ARGUMENT && dequantiser == nullptr, name);
        CHECK(report.error[0] != '\0', name);
    };
    is_refused("width", [](Weights &w) { w.numbers.width = 65; });
    is_refused("width", [](Weights &w) { w.numbers.width = 0; });
    is_refused("components", [](Weights &w) { w.numbers.reads = 3; });
    is_refused("components", [](Weights &w) { w.numbers.writes = 0; });
    is_refused("side", [](Weights &w) { w.numbers.side = 3; });
    is_refused("pairs", [](Weights &w) { w.numbers.pairs = 5; });
    is_refused("shift", [](Weights &w) { w.numbers.last_shift = 29; });
    is_refused("shift", [](Weights &w) { w.numbers.body_shifts[1] = -1; });
    is_refused("bits", [](Weights &w) { w.numbers.output_bits = 25; });
    is_refused("sums", [](Weights &w) { std::fill(w.body.begin(), w.body.end(), std::int16_t{32767}); });
    is_refused("sums", [](Weights &w) { w.biases[0] = INT32_MIN; });
    is_refused("nodes", [](Weights &w) { w.compression[7] = -1; });
    is_refused("nodes", [](Weights &w) { w.compression[544] = 9000; });
    is_refused("octaves", [](Weights &w) { w.octaves[3] = 2; });
    CHECK(create(good, nullptr, &dequantiser) == J2KL_OK, "a good one");
    const float samples[4] = {1, 2, 3, 4}, *const source = samples;
    float corrected[4] = {}, *const target = corrected;
    const auto apply = [&](std::int16_t noise, std::uint32_t set, std::int32_t end) {
        const std::int16_t *const codes = &noise;
        return j2kl_dequantiser_apply(dequantiser, &source, 2, &target, 2, 0, 0, end, 2, nullptr, &codes, 0,
                                      set, 1, &report);
    };
    CHECK(apply(0, 0, 2) == J2KL_OK, "a good call");
    CHECK(apply(-2561, 0, 2) == J2KL_ERROR_ARGUMENT, "noise");
    CHECK(apply(5633, 0, 2) == J2KL_ERROR_ARGUMENT, "noise");
    CHECK(apply(0, 99, 2) == J2KL_ERROR_ARGUMENT, "instructions");
    CHECK(apply(0, 0, INT32_MAX) == J2KL_ERROR_ARGUMENT, "area");
    CHECK(apply(0, 0, 0) == J2KL_OK, "empty");
    const std::int16_t zero = 0, *const noise = &zero;
    const float *const nothing = nullptr;
    const j2kl_rect low = {1, 0, 3, 2}, wide = {0, -1, 2, 2};
    for (const j2kl_rect *part : {&low, &wide}) {
        CHECK(j2kl_dequantiser_apply(dequantiser, &source, 2, &target, 2, 0, 0, 2, 2, part, &noise, 0, 0, 1,
                                     &report) == J2KL_ERROR_ARGUMENT,
              "part");
    }
    CHECK(j2kl_dequantiser_apply(dequantiser, &nothing, 2, &target, 2, 0, 0, 2, 2, nullptr, &noise, 0, 0, 1,
                                 &report) == J2KL_ERROR_ARGUMENT,
          "no samples");
    CHECK(j2kl_dequantiser_apply(nullptr, &source, 2, &target, 2, 0, 0, 2, 2, nullptr, nullptr, 0, 0, 1,
                                 nullptr) == J2KL_ERROR_ARGUMENT,
          "null");
    j2kl_dequantiser_free(dequantiser);
    j2kl_dequantiser_free(nullptr);
}

} // namespace

void dequantisation_tests()
{
    same_samples();
    same_samples_of_larger_positions();
    refused();
}
