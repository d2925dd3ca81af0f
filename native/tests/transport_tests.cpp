// Subbands are decoded as they were encoded: exactly with the 5/3, closely with the 9/7.
#include "base/geometry.hpp"
#include "tests/codec.hpp"
#include "transport/openjpeg.hpp"
#include "transport/planes.hpp"
#include "wavelet/wavelet.hpp"

#include <algorithm>
#include <cmath>

namespace {

j2kl::TileGrid tile_grid(const j2kl_parameters &p)
{
    return {{p.x0, p.y0, p.x1, p.y1},
            p.tile_x0,
            p.tile_y0,
            p.tile_width > 0 ? p.tile_width : p.x1 - p.tile_x0,
            p.tile_height > 0 ? p.tile_height : p.y1 - p.tile_y0};
}

std::string describe(const j2kl_parameters &p)
{
    const auto text = [](std::uint32_t value) { return std::to_string(value) + " "; };
    return text(p.x0) + text(p.y0) + text(p.x1) + text(p.y1) + "tiles " + text(p.tile_x0) + text(p.tile_y0) +
           text(p.tile_width) + text(p.tile_height) + "components " + text(p.components) + "levels " +
           text(p.levels) + "mct " + text(static_cast<std::uint32_t>(p.component_transform));
}

// If a level has no rows or no columns, OpenJPEG writes outside its memory.
bool has_nothing_to_decompose(const j2kl_parameters &p)
{
    const j2kl::TileGrid grid = tile_grid(p);
    for (std::uint64_t i = 0; i < grid.count(); ++i) {
        for (std::uint32_t level = 0; level < p.levels; ++level) {
            if (grid.tile(i).resolution(level).empty()) {
                return true;
            }
        }
    }
    return false;
}

void reversible(const j2kl_parameters &p, check::Random &random)
{
    const std::string context = describe(p);
    Planes<std::int32_t> planes(p.components, std::vector<std::int32_t>(sample_count(p)));
    for (auto &plane : planes) {
        for (std::int32_t &value : plane) {
            value = random.integer(-200, 200);
        }
    }
    const Encoded encoded = encode(p, planes);
    if (has_nothing_to_decompose(p)) {
        CHECK(encoded.code == J2KL_ERROR_ARGUMENT, context + encoded.error);
        return;
    }
    CHECK(encoded.code == J2KL_OK, context + encoded.error);
    Decoded decoded(encoded.bytes);
    CHECK(decoded.code == J2KL_OK, context + decoded.error());
    for (std::uint32_t i = 0; i < p.components; ++i) {
        CHECK(decoded.subbands(i, p.levels) == planes[i], context);
    }
    CHECK(decoded.warning().empty(), decoded.warning());
}

void reversible_tests()
{
    check::Random random(2);
    for (const std::uint32_t size : {1U, 2U, 3U, 5U, 8U, 13U, 31U, 64U, 67U}) {
        for (std::uint32_t levels = 0; levels <= 6; ++levels) {
            j2kl_parameters p = default_parameters(0, 0, size, size % 2 != 0 ? size : size + 3);
            p.levels = levels;
            p.components = 1 + levels % 4;
            p.component_transform = p.components >= 3 && size % 2 != 0 ? 1 : 0;
            reversible(p, random);
            p.x0 += 5;
            p.y0 += 2;
            p.x1 += 5;
            p.y1 += 2;
            p.is_signed = 1;
            reversible(p, random);
            p.tile_x0 = 3;
            p.tile_y0 = 1;
            p.tile_width = std::max(33U, 1U << levels);
            p.tile_height = std::max(29U, 1U << levels);
            p.codeblock_width = 4U << (levels % 4);
            p.codeblock_height = 8;
            p.progression = levels % 5;
            p.sop = p.eph = p.plt = p.tlm = 1;
            p.mode_switches = levels % 2 != 0 ? 63 & ~1U : 0;
            reversible(p, random);
        }
    }
    j2kl_parameters p = default_parameters(7, 9, 107, 90);
    p.precinct_count = 2;
    p.precinct_width[0] = p.precinct_height[0] = 64;
    p.precinct_width[1] = p.precinct_height[1] = 32;
    p.threads = 3;
    reversible(p, random);
    p = default_parameters(0, 0, 20, 20);
    p.levels = 14;
    reversible(p, random);
}

std::vector<float> smooth_subbands(const j2kl_parameters &p, float phase)
{
    const j2kl::TileGrid grid = tile_grid(p);
    const j2kl::SubbandLayout layout(grid.image, p.levels);
    std::vector<float> picture(sample_count(p)), subbands(picture.size());
    const std::size_t width = p.x1 - p.x0;
    for (std::size_t i = 0; i < picture.size(); ++i) {
        const auto x = static_cast<float>(i % width), y = static_cast<float>(i / width);
        picture[i] = 90 * std::sin(x / 9 + phase) * std::cos(y / 7) + 0.37F;
    }
    for (std::uint64_t i = 0; i < grid.count(); ++i) {
        const j2kl::Rect tile = grid.tile(i);
        const float *first = picture.data() + (tile.y0 - p.y0) * width + (tile.x0 - p.x0);
        j2kl::analyse_tile(j2kl::Plane<const float>{first, width}, tile, subbands.data(), layout, 1);
    }
    return subbands;
}

// Half quantiser steps to coefficients of the carrier (T.800 equation E-3), with the steps of QCD.
std::vector<double> coefficients(const Bytes &bytes, const j2kl_parameters &p, const std::vector<std::int32_t> &half_steps)
{
    std::size_t qcd = 2;
    while (bytes[qcd + 1] != 0x5c) {
        qcd += 2 + (std::size_t{bytes[qcd + 2]} << 8) + bytes[qcd + 3];
    }
    const j2kl::Rect area{p.x0, p.y0, p.x1, p.y1};
    std::vector<double> result;
    std::size_t step = qcd + 5;
    const auto append = [&](j2kl::Band band, std::uint32_t level) {
        const int gain = band == j2kl::Band::LL ? 0 : band == j2kl::Band::HH ? 2 : 1;
        const int exponent = bytes[step] >> 3, mantissa = (bytes[step] & 7) << 8 | bytes[step + 1];
        const double half = std::ldexp(1 + mantissa / 2048.0,
                                       static_cast<int>(p.precision) + gain - exponent - 1 - p.fraction_bits);
        for (std::uint64_t i = area.subband(band, level).size(); i > 0; --i) {
            result.push_back(half_steps[result.size()] * half);
        }
        step += 2;
    };
    append(j2kl::Band::LL, p.levels);
    for (std::uint32_t level = p.levels; level > 0; --level) {
        for (const j2kl::Band band : j2kl::details) {
            append(band, level);
        }
    }
    return result;
}

void irreversible_tests()
{
    for (const bool tiles : {false, true}) {
        for (const std::uint32_t components : {1U, 3U, 4U}) {
            for (const std::int32_t fraction_bits : {-1, 0, 4}) {
                j2kl_parameters p = default_parameters(3, 5, 120, 88);
                p.reversible = 0;
                p.components = components;
                p.component_transform = components >= 3 ? 1 : 0;
                p.precision = 16;
                p.is_signed = fraction_bits % 2 != 0 ? 1 : 0;
                p.fraction_bits = fraction_bits;
                if (tiles) {
                    p.tile_width = p.tile_height = 64;
                }
                Planes<float> planes;
                for (std::uint32_t i = 0; i < components; ++i) {
                    planes.push_back(smooth_subbands(p, static_cast<float>(i)));
                }
                const std::string context = describe(p) + "bits " + std::to_string(fraction_bits);
                const Encoded encoded = encode(p, planes);
                CHECK(encoded.code == J2KL_OK, context + encoded.error);
                j2kl_request request{};
                request.half_steps = 1;
                Decoded decoded(encoded.bytes, request);
                CHECK(decoded.code == J2KL_OK, context + decoded.error());
                for (std::uint32_t i = 0; i < components; ++i) {
                    const std::vector<double> got = coefficients(encoded.bytes, p, decoded.subbands(i, p.levels));
                    double sum = 0;
                    for (std::size_t j = 0; j < got.size(); ++j) {
                        sum += std::pow(got[j] - planes[i][j], 2);
                    }
                    const double rms = std::sqrt(sum / static_cast<double>(got.size()));
                    CHECK(rms < std::ldexp(2.0, -fraction_bits), context + " rms " + std::to_string(rms));
                }
            }
        }
    }
}

void irreversible_odd_values()
{
    j2kl_parameters p = default_parameters(0, 0, 33, 9);
    p.reversible = 0;
    p.precision = 8;
    for (const float value : {NAN, INFINITY, -INFINITY, 1e30F}) {
        const Encoded encoded = encode(p, Planes<float>(1, std::vector<float>(sample_count(p), value)));
        CHECK(encoded.code == J2KL_OK, encoded.error);
        Decoded decoded(encoded.bytes);
        CHECK(decoded.code == J2KL_OK, decoded.error());
    }
}

void conversions()
{
    const std::vector<float> values = {0.5F, 1.5F, -1.5F, 127.4F, 127.6F, 300, -300, NAN, 1e20F};
    for (const std::uint32_t precision : {8U, 24U}) {
        const j2kl::SampleFormat format = {precision, false, 0};
        std::vector<std::int32_t> plane(values.size());
        std::copy(values.begin(), values.end(), j2kl::as_floats(plane.data()));
        j2kl::carrier_to_samples(plane.data(), plane.size(), format, 1);
        const std::int32_t zero = 1 << (precision - 1);
        CHECK(plane[0] == zero && plane[1] == zero + 2 && plane[2] == zero - 2 && plane[3] == zero + 127,
              "rounding");
        CHECK(plane[7] == zero, "not a number");
        CHECK(plane[8] == format.highest(), "clipping");
    }
}

void samples_tests()
{
    check::Random random(5);
    for (const int reversible_flag : {0, 1}) {
        j2kl_parameters p = default_parameters(1, 2, 75, 64);
        p.components = 3;
        p.component_transform = 1;
        p.reversible = reversible_flag;
        p.precision = 8;
        Planes<std::int32_t> planes(3, std::vector<std::int32_t>(sample_count(p)));
        for (auto &plane : planes) {
            for (std::int32_t &value : plane) {
                value = random.integer(0, 255);
            }
        }
        const Encoded encoded = encode(p, planes, true);
        CHECK(encoded.code == J2KL_OK, encoded.error);
        Decoded decoded(encoded.bytes);
        for (std::uint32_t i = 0; i < 3; ++i) {
            const std::vector<std::int32_t> got = decoded.samples(i);
            std::int32_t worst = 0;
            for (std::size_t j = 0; j < got.size(); ++j) {
                worst = std::max(worst, std::abs(got[j] - planes[i][j]));
            }
            CHECK(worst <= (reversible_flag != 0 ? 0 : 3), "samples " + std::to_string(worst));
        }
        planes[1][5] = 256;
        CHECK(encode(p, planes, true).code == J2KL_ERROR_RANGE, "a sample out of range");
    }
}

// OpenJPEG's own buffer is too small for these pictures (its issue 1522).
void few_bits()
{
    check::Random random(6);
    for (const std::uint32_t precision : {1U, 2U, 4U}) {
        j2kl_parameters p = default_parameters(0, 0, 123, 234);
        p.components = 3;
        p.component_transform = 1;
        p.precision = precision;
        Planes<std::int32_t> planes(3, std::vector<std::int32_t>(sample_count(p)));
        for (auto &plane : planes) {
            for (std::int32_t &value : plane) {
                value = random.integer(0, (1 << precision) - 1);
            }
        }
        const Encoded encoded = encode(p, planes, true);
        CHECK(encoded.code == J2KL_OK, encoded.error);
        Decoded decoded(encoded.bytes);
        CHECK(decoded.samples(2) == planes[2], "few bits");
    }
}

void range_tests()
{
    j2kl_parameters p = default_parameters(0, 0, 16, 16);
    p.precision = 8;
    Planes<std::int32_t> planes(1, std::vector<std::int32_t>(sample_count(p), 0));
    planes[0][0] = 1000;
    const Encoded encoded = encode(p, planes);
    CHECK(encoded.code == J2KL_ERROR_RANGE && !encoded.error.empty(), encoded.error);
    for (const std::int32_t wild : {INT32_MIN, INT32_MAX, 1 << 25}) {
        planes[0].assign(sample_count(p), wild);
        CHECK(encode(p, planes).code == J2KL_ERROR_RANGE, "wild coefficients");
    }
}

void rate_tests()
{
    j2kl_parameters p = default_parameters(0, 0, 256, 200);
    p.reversible = 0;
    p.precision = 8;
    p.layers = 3;
    p.layer_bytes[0] = 1000;
    p.layer_bytes[1] = 3000;
    p.layer_bytes[2] = 9000;
    check::Random random(8);
    std::vector<std::int32_t> noise(sample_count(p));
    for (std::int32_t &value : noise) {
        value = random.integer(0, 255);
    }
    const Encoded encoded = encode(p, Planes<std::int32_t>(1, noise), true);
    CHECK(encoded.code == J2KL_OK && encoded.bytes.size() <= 9000 && encoded.bytes.size() > 8000,
          std::to_string(encoded.bytes.size()));
    Decoded decoded(encoded.bytes);
    CHECK(decoded.header.layers == 3, "layers");
}

void argument_tests()
{
    const Planes<std::int32_t> planes(1, std::vector<std::int32_t>(64));
    const auto refused = [&](const char *what, auto &&change) {
        j2kl_parameters p = default_parameters(0, 0, 8, 8);
        change(p);
        j2kl_report report{};
        j2kl_encoder *encoder = nullptr;
        const int code = j2kl_encoder_create(&p, &report, &encoder);
        CHECK(code == J2KL_ERROR_ARGUMENT && report.error[0] != '\0' && encoder == nullptr, what);
        j2kl_encoder_free(encoder);
    };
    using P = j2kl_parameters;
    refused("empty", [](P &p) { p.x1 = 0; });
    refused("far", [](P &p) { p.x1 = 0x80000000U; });
    refused("huge", [](P &p) { p.x1 = p.y1 = 0x7fffffff; });
    refused("components", [](P &p) { p.components = 0; });
    refused("components", [](P &p) { p.components = 16385; });
    refused("precision", [](P &p) { p.precision = 0; });
    refused("precision", [](P &p) { p.precision = 25; });
    refused("levels", [](P &p) { p.levels = 15; });
    refused("code-block", [](P &p) { p.codeblock_width = 48; });
    refused("code-block", [](P &p) { p.codeblock_width = p.codeblock_height = 128; });
    refused("code-block", [](P &p) { p.codeblock_width = 2; });
    refused("transform", [](P &p) { p.component_transform = 1; });
    refused("tiles", [](P &p) { p.tile_width = 4; });
    refused("tiles", [](P &p) { p.tile_x0 = 1; });
    refused("tiles", [](P &p) {
        p.x0 = 5;
        p.tile_width = p.tile_height = 4;
    });
    refused("tiles", [](P &p) {
        p.x1 = p.y1 = 300;
        p.tile_width = p.tile_height = 1;
    });
    refused("progression", [](P &p) { p.progression = 5; });
    refused("layers", [](P &p) { p.layers = 0; });
    refused("layers", [](P &p) { p.layers = 101; });
    refused("layers", [](P &p) { p.layer_bytes[0] = NAN; });
    refused("layers", [](P &p) { p.layers = 2; });
    refused("layers", [](P &p) {
        p.layers = 2;
        p.layer_bytes[0] = 2;
        p.layer_bytes[1] = 1;
    });
    refused("a lone sample of the 9/7", [](P &p) {
        p.x0 = 7;
        p.reversible = 0;
    });
    refused("precincts", [](P &p) { p.precinct_count = 7; });
    refused("precincts", [](P &p) { p.precinct_count = 1; });
    refused("precincts", [](P &p) {
        p.precinct_count = 1;
        p.precinct_width[0] = p.precinct_height[0] = 4;
    });
    refused("modes", [](P &p) { p.mode_switches = 64; });
    refused("flags", [](P &p) { p.reversible = 2; });
    refused("fraction bits", [](P &p) { p.fraction_bits = 32; });

    const j2kl_parameters p = default_parameters(0, 0, 8, 8);
    j2kl_report report{};
    j2kl_encoder *encoder = nullptr;
    const std::uint8_t *data = nullptr;
    std::size_t size = 0;
    CHECK(j2kl_encoder_create(&p, &report, &encoder) == J2KL_OK, "create");
    CHECK(j2kl_encoder_finish(encoder, &data, &size) == J2KL_ERROR_STATE, "nothing put");
    CHECK(j2kl_encoder_put_subbands(encoder, 1, planes[0].data()) == J2KL_ERROR_ARGUMENT,
          "no such component");
    CHECK(j2kl_encoder_put_subbands(encoder, 0, planes[0].data()) == J2KL_OK, "put");
    CHECK(j2kl_encoder_put_subbands(encoder, 0, planes[0].data()) == J2KL_ERROR_STATE, "put twice");
    CHECK(j2kl_encoder_finish(encoder, &data, &size) == J2KL_OK, "finish");
    CHECK(j2kl_encoder_finish(encoder, &data, &size) == J2KL_ERROR_STATE, "finish twice");
    j2kl_encoder_free(encoder);
}

// OpenJPEG's threads wait for each other at every tile, which takes longer than to decode small tiles.
void threads_of_tiles()
{
    const auto used = [](std::uint32_t side, std::uint32_t reduce) {
        return j2kl::useful_threads(3, {{10, 20, 110, 120}, 10, 20, side, side + 16}, reduce);
    };
    CHECK(used(32, 0) == 1, "small tiles");
    CHECK(used(90, 0) == 3, "larger tiles");
    CHECK(used(90, 1) == 1, "small tiles at half the size");
    CHECK(used(100, 1) == 3, "one tile");
    CHECK(used(1 << 31, 40) == 3, "one tile that is larger than the image");
    CHECK(used(90, 40) == 1, "more levels than there are bits");
}

} // namespace

void transport_tests()
{
    threads_of_tiles();
    reversible_tests();
    irreversible_tests();
    irreversible_odd_values();
    conversions();
    samples_tests();
    few_bits();
    range_tests();
    rate_tests();
    argument_tests();
}
