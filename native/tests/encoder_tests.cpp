// Native encoding by a learned transform. Python tests compare the bytes with those of its own stages.
#include "base/failure.hpp"
#include "decoder/integer_model.hpp"
#include "decoder/models.hpp"
#include "decoder/synthesis.hpp"
#include "encoder/analysis.hpp"
#include "encoder/detail_weights.hpp"
#include "encoder/noise.hpp"
#include "encoder/samples.hpp"
#include "tests/codec.hpp"
#include "tests/learned_files.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>

namespace {

namespace picture = j2kl::picture;
using j2kl::Band;
using j2kl::Rect;
using learned::Data;

// Pixels of 3 + 1 components, of 1 to 2 bytes, are converted alike by all instruction sets and any number of threads.
void planes_of_pixels()
{
    constexpr std::size_t count = 70000;
    check::Random random(4);
    std::vector<std::int16_t> pixels(4 * count);
    std::generate(pixels.begin(), pixels.end(), [&] { return static_cast<std::int16_t>(random.integer(-2048, 2047)); });
    Planes<float> planes(4, std::vector<float>(count));
    std::vector<float *> places;
    for (auto &plane : planes) {
        places.push_back(plane.data());
    }
    const auto convert = [&](std::uint32_t ict, std::uint32_t set, std::uint32_t threads) {
        return j2kl_planes(pixels.data(), 4, count, static_cast<std::int32_t>(ict), 2, 12, 1, places.data(), set, threads);
    };
    for (const std::uint32_t ict : {0U, 1U}) {
        Planes<float> first;
        for (std::uint32_t set = 0; set <= 4; ++set) {
            if (j2kl_instructions_available(set) != 0) {
                CHECK(convert(ict, set, 1 + set) == J2KL_OK, "planes");
                first = set == 0 ? planes : first;
                CHECK(planes == first, std::to_string(set));
            }
        }
        bool right = true;
        for (std::size_t i = 0; i < count; ++i) {
            const std::int16_t *const own = pixels.data() + 4 * i;
            const float luma = (static_cast<float>(own[0]) * (static_cast<float>(0.299) / 16) +
                                static_cast<float>(own[1]) * (static_cast<float>(0.587) / 16)) +
                               static_cast<float>(own[2]) * (static_cast<float>(0.114) / 16);
            right = right && planes[0][i] == (ict != 0 ? luma : static_cast<float>(own[0]) / 16) &&
                    planes[3][i] == static_cast<float>(own[3]) / 16;
        }
        CHECK(right, "values");
    }
    std::vector<float> byte(1);
    float *place = byte.data();
    const std::uint8_t white = 255;
    CHECK(j2kl_planes(&white, 1, 1, 0, 1, 8, 0, &place, 0, 1) == J2KL_OK && byte[0] == 127, "level shift");
    for (const auto &[bytes, precision, ict] : {std::array<std::uint32_t, 3>{1, 9, 0}, {3, 8, 0}, {1, 8, 1}}) {
        CHECK(j2kl_planes(&white, 1, 1, static_cast<std::int32_t>(ict), bytes, precision, 0, &place, 0, 1) ==
                  J2KL_ERROR_ARGUMENT,
              "arguments");
    }
}

// A component of a group, with a normalisation, is what it is in the whole picture; and samples out of range are found.
void normalised_planes()
{
    const std::vector<std::uint8_t> pixels = {10, 20, 30, 40, 50, 60, 70, 80, 15, 0, 0, 0};
    const j2kl_normalisation rules[4] = {{1, -3}, {2, 5}, {2, 0}, {3, 17}};
    const picture::Samples samples = {pixels.data(), 1, 4, 7, false, true};
    float alpha[3], *place = alpha;
    picture::to_planes(samples, 3, 3, 1, rules, &place, 1);
    CHECK(alpha[0] == ((40 * 2.0F - 128) - 34) * 8 && alpha[1] == ((80 * 2.0F - 128) - 34) * 8, "alpha");
    CHECK(picture::within_range(samples, 12, 2), "range");
    picture::Samples narrow = samples;
    narrow.precision = 6;
    CHECK(!picture::within_range(narrow, 12, 2) && picture::within_range(narrow, 5, 2), "range");
    narrow = {pixels.data(), 1, 4, 5, true, false};
    CHECK(!picture::within_range(narrow, 2, 1) && picture::within_range(narrow, 1, 1), "signed");
}

std::vector<float> random_plane(const Rect &area, std::uint64_t seed)
{
    check::Random random(seed);
    std::vector<float> plane(static_cast<std::size_t>(area.size()));
    std::generate(plane.begin(), plane.end(), [&] { return static_cast<float>(random.integer(-512, 511)); });
    return plane;
}

// The analysis of components that share opacities is inverted by the synthesis, and does not depend on threads.
void analysis()
{
    const picture::IntegerModel model{picture::ModelFile(learned::model_file())};
    for (const std::uint32_t levels : {0U, 1U, 3U}) {
        for (const bool base_chroma : {false, true}) {
            const Rect area = {3, 6, 94, 81};
            picture::Planes planes(3);
            for (std::size_t i = 0; i < 3; ++i) {
                const std::vector<float> plane = random_plane(area, i);
                planes[i].assign(plane.begin(), plane.end());
            }
            const picture::Planes found = picture::analyse(model, planes, area, levels, base_chroma, 1);
            CHECK(picture::analyse(model, planes, area, levels, base_chroma, 3) == found, "threads");
            std::vector<picture::Coefficients> coefficients;
            for (const auto &values : found) {
                coefficients.push_back({area, levels, values});
            }
            const picture::Planes back = picture::synthesise(model, std::move(coefficients), {3, base_chroma}, 0, 2);
            float largest = 0;
            for (std::size_t i = 0; i < 3; ++i) {
                for (std::size_t at = 0; at < planes[i].size(); ++at) {
                    largest = std::max(largest, std::fabs(back[i][at] - planes[i][at]));
                }
            }
            CHECK(largest < 0.5F, std::to_string(largest)); // inputs of the steps may round to other integers
        }
    }
}

// Noise of tiles whose coefficients are known.
void noise()
{
    const Rect area = {0, 0, 64, 64};
    picture::Coefficients coarse = {area.resolution(1), 2, {}};
    coarse.values.assign(static_cast<std::size_t>(coarse.area.size()), 0.0F);
    j2kl::TileGrid tiles{area, 0, 0, 32, 64};
    std::uint8_t codes[2];
    picture::measure_noise(coarse, tiles, codes);
    CHECK(codes[0] == 80 + 8 * 6 && codes[1] == codes[0], "no coefficients"); // 64 grey levels
    // the left tile: one magnitude of HL of level 2, with the norm 1.9968, in a sixteenth of the coefficients
    const j2kl::SubbandLayout layout(coarse.area, 2);
    const std::size_t width = coarse.area.subband(Band::HL, 1).width();
    for (std::size_t i = 0; i < width; ++i) {
        coarse.values[layout.offset(Band::HL, 1) + i * width] = i % 2 == 0 ? 8.0F : -8.0F;
    }
    picture::measure_noise(coarse, tiles, codes);
    const double expected = 80 + 8 * std::log2(8 * 1.9968);
    CHECK(codes[0] == std::nearbyint(expected) && codes[1] == 128, std::to_string(codes[0]));
    // the lowest subband counts, and then the median of both levels
    std::fill_n(coarse.values.begin() + static_cast<std::ptrdiff_t>(layout.offset(Band::HH, 1)), 64, 2.0F);
    std::fill_n(coarse.values.begin() + static_cast<std::ptrdiff_t>(layout.offset(Band::LH, 2)), 64, 1.0F);
    picture::measure_noise(coarse, tiles, codes);
    const double both = 80 + 8 * (std::log2(2 * 0.9672) + std::log2(1 * 4.1833)) / 2;
    CHECK(codes[0] == std::nearbyint(both), std::to_string(codes[0]));
    tiles = {{0, 0, 31, 33}, 0, 0, 31, 33};
    picture::measure_noise({tiles.image.resolution(1), 2, coarse.values}, tiles, codes);
    CHECK(codes[0] == 0, "too small");
}

struct Call {
    j2kl_picture_parameters parameters{};
    std::vector<std::uint8_t> samples;
    std::unique_ptr<j2kl_report> report = std::make_unique<j2kl_report>();

    Call()
    {
        j2kl_parameters &p = parameters.carrier;
        p = learned::carrier_parameters(4, 14);
        p.tile_width = 60;
        p.tile_height = 80;
        const picture::Id id = picture::ModelFile(learned::model_file()).id();
        std::copy(id.begin(), id.end(), parameters.model_id);
        parameters.sample_bytes = 1;
        parameters.precision = 8;
        parameters.shared = 3;
        check::Random random(8);
        samples.resize(4 * sample_count(p));
        std::generate(samples.begin(), samples.end(), [&] { return static_cast<std::uint8_t>(random.integer(0, 255)); });
    }

    int encode(const j2kl_models *models, Data &codestream)
    {
        std::uint8_t *bytes = nullptr;
        std::size_t size = 0;
        const int code = j2kl_picture_encode(&parameters, samples.data(), models, report.get(), &bytes, &size);
        codestream.assign(bytes, bytes + size);
        j2kl_codestream_free(bytes);
        return code;
    }
};

// One call gives the codestream of the coefficients that the analysis gives, for any number of threads.
void pictures()
{
    j2kl_models *models = nullptr;
    const Data model = learned::model_file();
    CHECK(j2kl_models_create(&models) == J2KL_OK &&
              j2kl_models_add(models, model.data(), model.size(), nullptr) == J2KL_OK,
          "models");
    const float scales[] = {0.5F, 1.25F, 0.75F, 2, 1, 1.5F, 0.875F};
    std::vector<float> weights(4 * 7);
    check::Random random(6);
    std::generate(weights.begin(), weights.end(), [&] { return 1.5F + random.real(1); });
    const j2kl_normalisation rules[4] = {{1, 3}, {1, -2}, {1, 0}, {0, 9}};
    Call call;
    for (int kind = 0; kind < 4; ++kind) {
        call.parameters.scales = kind % 2 != 0 ? scales : nullptr;
        call.parameters.weights = kind >= 2 ? weights.data() : nullptr;
        call.parameters.normalisation = kind == 3 ? rules : nullptr;
        call.parameters.base_chroma = kind / 2;
        Planes<float> planes(4, std::vector<float>(sample_count(call.parameters.carrier)));
        std::vector<float *> places;
        for (auto &plane : planes) {
            places.push_back(plane.data());
        }
        Data first;
        for (const std::uint32_t threads : {1U, 3U}) {
            call.parameters.carrier.threads = threads;
            Data codestream;
            CHECK(call.encode(models, codestream) == J2KL_OK, call.report->error);
            CHECK(j2kl_picture_analyse(&call.parameters, call.samples.data(), models, call.report.get(), places.data()) ==
                      J2KL_OK,
                  call.report->error);
            CHECK(!codestream.empty() && codestream == encode(call.parameters.carrier, planes).bytes, "codestream");
            CHECK(threads == 1 || codestream == first, "threads");
            first = codestream;
        }
    }
    const auto refused = [&](const auto &change, const std::string &what) {
        Call bad;
        change(bad);
        Data codestream;
        const int code = bad.encode(models, codestream);
        CHECK(code != J2KL_OK && codestream.empty() && bad.report->error[0] != '\0', what);
        return code;
    };
    refused([](Call &bad) { bad.parameters.carrier.reversible = 1; }, "reversible");
    refused([](Call &bad) { bad.parameters.carrier.is_signed = 0; }, "unsigned carrier");
    refused([](Call &bad) { bad.parameters.carrier.layers = 0; }, "layers");
    refused([](Call &bad) { bad.parameters.sample_bytes = 4; }, "bytes");
    refused([](Call &bad) { bad.parameters.precision = 9; }, "bits");
    refused([](Call &bad) { bad.parameters.shared = 5; }, "shared");
    refused([](Call &bad) { bad.parameters.base_chroma = 2; }, "flag");
    const float wrong[28] = {1, 0, std::numeric_limits<float>::quiet_NaN()};
    refused([&](Call &bad) { bad.parameters.scales = wrong; }, "scales");
    refused([&](Call &bad) { bad.parameters.weights = wrong; }, "weights");
    const j2kl_normalisation large[4] = {{16, 0}, {}, {}, {}};
    refused([&](Call &bad) { bad.parameters.normalisation = large; }, "normalisation");
    CHECK(refused([](Call &bad) { bad.parameters.precision = 7; }, "samples") == J2KL_ERROR_RANGE, "samples");
    CHECK(refused([](Call &bad) { bad.parameters.model_id[3] ^= 1; }, "model") == J2KL_ERROR_MODEL_NOT_FOUND, "model");
    const Data lossless = learned::model_file("3", true);
    CHECK(j2kl_models_add(models, lossless.data(), lossless.size(), nullptr) == J2KL_OK, "lossless");
    CHECK(refused(
              [&](Call &bad) {
                  const picture::Id id = picture::ModelFile(lossless).id();
                  std::copy(id.begin(), id.end(), bad.parameters.model_id);
              },
              "lossless") == J2KL_ERROR_UNSUPPORTED,
          "lossless");
    Data codestream;
    CHECK(call.encode(nullptr, codestream) == J2KL_ERROR_ARGUMENT, "pointers");
    j2kl_models_free(models);
    j2kl_codestream_free(nullptr);
}

// The noise of files, also of damaged ones, and of files that have none.
void noise_of_files()
{
    const auto measured = [](const Data &file, std::vector<std::uint8_t> &codes) {
        const auto report = std::make_unique<j2kl_report>();
        j2kl_picture *opened = nullptr;
        int code = j2kl_picture_open(file.data(), file.size(), nullptr, report.get(), &opened);
        j2kl_picture_info info{};
        if (code == J2KL_OK && j2kl_picture_info_of(opened, &info) == J2KL_OK) {
            const Rect area = {info.x0, info.y0, info.x1, info.y1};
            const j2kl::TileGrid tiles{area, info.tile_x0, info.tile_y0, info.tile_width, info.tile_height};
            const std::uint64_t count = tiles.count() * info.layers * info.components;
            if (count > 10000 || area.size() > 100000) {
                code = J2KL_ERROR_LIMIT;
            } else {
                codes.assign(static_cast<std::size_t>(count), 0);
                code = j2kl_picture_noise(opened, 2, codes.data());
            }
        }
        j2kl_picture_free(opened);
        return code;
    };
    std::vector<std::uint8_t> codes, with_table;
    const Data good = learned::learned_file(1);
    CHECK(measured(good, codes) == J2KL_OK && codes.size() == 6, "file");
    CHECK(std::all_of(codes.begin(), codes.end(), [](std::uint8_t code) { return code >= 40 && code <= 128; }), "codes");
    for (std::size_t component = 0; component < 3; ++component) {
        CHECK(codes[2 * component] >= codes[2 * component + 1], "a layer has more noise than all layers");
    }
    CHECK(measured(learned::learned_file(2), with_table) == J2KL_OK && with_table == codes, "with a table");
    CHECK(measured(learned::learned_file(5), codes) == J2KL_ERROR_UNSUPPORTED, "lossless");
    const Data ordinary =
        encode(default_parameters(0, 0, 8, 8), Planes<std::int32_t>(1, std::vector<std::int32_t>(64))).bytes;
    CHECK(measured(ordinary, codes) == J2KL_ERROR_UNSUPPORTED, "ordinary");
    check::Random random(31);
    int refused = 0;
    for (int round = 0; round < 200; ++round) {
        Data bad = good;
        for (int i = random.integer(1, 4); i > 0; --i) {
            const std::size_t end = round % 2 == 0 ? bad.size() : 150;
            bad[static_cast<std::size_t>(random.integer(0, static_cast<std::int32_t>(end) - 1))] =
                static_cast<std::uint8_t>(random.next());
        }
        refused += measured(bad, codes) != J2KL_OK ? 1 : 0;
    }
    CHECK(refused > 20 && refused < 200, std::to_string(refused));
}

// Weights that are stored come back; others become the nearest of them.
void nearest_weights()
{
    std::vector<std::int32_t> stored;
    for (std::int32_t weight = -568; weight <= 568; weight += std::abs(weight) < 64 || weight == -64 ? 1 : 8) {
        stored.push_back(weight);
    }
    check::Random random(3);
    for (int round = 0; round < 3000; ++round) {
        const double weight = static_cast<double>(random.real(round % 2 == 0 ? 700 : 70));
        const auto distance = [weight](std::int32_t other) { return std::fabs(weight - other); };
        double least = 1e9;
        for (const std::int32_t other : stored) {
            least = std::min(least, distance(other));
        }
        const std::int32_t found = picture::nearest_weight(weight);
        CHECK(std::find(stored.begin(), stored.end(), found) != stored.end() && distance(found) <= least,
              std::to_string(weight));
    }
}

// The weights of a mixture are found, with fraction bits too; refining them saves bits; a source of zeros has none.
void weights_of_a_mixture()
{
    constexpr std::size_t blocks = 40, size = picture::block_size * blocks;
    check::Random random(8);
    for (const std::uint32_t fraction_bits : {0U, 3U}) {
        std::vector<std::vector<std::int32_t>> sources(3, std::vector<std::int32_t>(size));
        std::vector<std::int32_t> target(size);
        for (std::size_t i = 0; i < size; ++i) {
            sources[0][i] = random.integer(-900, 900);
            sources[2][i] = random.integer(-400, 400);
            target[i] = (48 * sources[0][i] - 20 * sources[2][i] + 32) / 64 + random.integer(-4, 4);
        }
        const std::int32_t *places[] = {sources[0].data(), sources[1].data(), sources[2].data()};
        std::int32_t weights[3] = {};
        double plain = 0, fitted = 0, refined = 0;
        CHECK(j2kl_block_bits(target.data(), blocks, &plain) == J2KL_OK, "bits");
        CHECK(j2kl_weights_fit(places, 3, target.data(), blocks, fraction_bits, weights, &fitted) == J2KL_OK, "fit");
        CHECK(std::abs(weights[0] - 48) <= 1 && weights[1] == 0 && std::abs(weights[2] + 20) <= 1, "mixture");
        CHECK(fitted < plain, "bits");
        std::int32_t poor[3] = {20, 5, 0};
        CHECK(j2kl_weights_refine(places, 3, target.data(), blocks, fraction_bits, poor, &refined) == J2KL_OK, "refine");
        CHECK(std::abs(poor[0] - 48) <= 8 && poor[1] == 5 && std::abs(poor[2] + 20) <= 8, "refined");
        CHECK(refined < plain, "bits");
    }
    double bits = 1;
    std::int32_t weight = 7;
    const std::int32_t *nothing = nullptr;
    CHECK(j2kl_weights_fit(&nothing, 1, nullptr, 0, 0, &weight, &bits) == J2KL_OK && weight == 0 && bits == 0.0, "none");
    CHECK(j2kl_weights_fit(&nothing, 1, &weight, 1, 0, &weight, &bits) == J2KL_ERROR_ARGUMENT, "null");
    CHECK(j2kl_weights_fit(&nothing, 7, nullptr, 0, 0, &weight, &bits) == J2KL_ERROR_ARGUMENT, "sources");
    CHECK(j2kl_weights_refine(&nothing, 0, nullptr, 0, 9, &weight, &bits) == J2KL_ERROR_ARGUMENT, "fraction bits");
    std::vector<std::int32_t> extreme(picture::block_size, INT32_MIN);
    const std::int32_t *place = extreme.data();
    CHECK(j2kl_weights_fit(&place, 1, extreme.data(), 1, 3, &weight, &bits) == J2KL_OK, "extreme");
}

} // namespace

void encoder_tests()
{
    planes_of_pixels();
    normalised_planes();
    analysis();
    noise();
    pictures();
    noise_of_files();
    nearest_weights();
    weights_of_a_mixture();
}
