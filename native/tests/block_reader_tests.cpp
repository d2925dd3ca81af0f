// Code-blocks that are decoded by themselves have the half quantiser steps of the whole codestream.
#include "base/geometry.hpp"
#include "tests/half_steps.hpp"

namespace {

using j2kl::Band;
using j2kl::Rect;

class Blocks {
public:
    explicit Blocks(const Bytes &bytes) : report_(std::make_unique<j2kl_report>())
    {
        code = j2kl_block_reader_open(bytes.data(), bytes.size(), report_.get(), &reader);
    }
    Blocks(const Blocks &) = delete;
    Blocks &operator=(const Blocks &) = delete;
    ~Blocks() { j2kl_block_reader_free(reader); }

    int read(const std::vector<j2kl_band_request> &requests, std::uint32_t layers = 0, std::uint32_t threads = 1)
    {
        return j2kl_block_reader_read(reader, requests.data(), requests.size(), layers, threads);
    }
    std::string error() const { return report_->error; }

    int code = J2KL_OK;
    j2kl_block_reader *reader = nullptr;

private:
    std::unique_ptr<j2kl_report> report_;
};

j2kl_band_request request_of(std::uint32_t component, std::uint32_t level, Band band, const Rect &area,
                             Plane &place)
{
    place.assign(static_cast<std::size_t>(area.size()), 77);
    place.reserve(1); // an empty one has a place, too
    return {component, level, static_cast<std::uint32_t>(band), area.x0, area.y0, area.x1, area.y1, place.data()};
}

// A part of an area, at random.
Rect some_of(const Rect &area, check::Random &random)
{
    const auto span = [&](std::uint32_t from, std::uint32_t to) {
        const auto first = static_cast<std::uint32_t>(random.integer(0, static_cast<std::int32_t>(to - from))) + from;
        return std::make_pair(first,
                              first + static_cast<std::uint32_t>(random.integer(0, static_cast<std::int32_t>(to - first))));
    };
    const auto x = span(area.x0, area.x1), y = span(area.y0, area.y1);
    return {x.first, y.first, x.second, y.second};
}

void agree(const j2kl_parameters &p, const Bytes &bytes, const std::string &context)
{
    check::Random random(7);
    const Rect image{p.x0, p.y0, p.x1, p.y1};
    const j2kl::SubbandLayout layout(image, p.levels);
    Blocks blocks(bytes);
    CHECK(blocks.code == J2KL_OK, context + blocks.error());
    for (std::uint32_t layers = 0; layers <= p.layers; ++layers) {
        j2kl_request whole = half_steps();
        whole.layers = layers;
        Decoded decoded(bytes, whole);
        std::vector<j2kl_band_request> requests;
        std::vector<Plane> places(p.components * (3 * std::size_t{p.levels} + 1));
        const auto add = [&](std::uint32_t component, std::uint32_t level, Band band) {
            Plane &place = places[requests.size()];
            requests.push_back(
                request_of(component, level, band, some_of(image.subband(band, level), random), place));
        };
        for (std::uint32_t i = 0; i < p.components; ++i) {
            add(i, p.levels, Band::LL);
            for (std::uint32_t level = 1; level <= p.levels; ++level) {
                for (const Band band : j2kl::details) {
                    add(i, level, band);
                }
            }
        }
        CHECK(blocks.read(requests, layers, 1 + layers % 3) == J2KL_OK, context + blocks.error());
        for (std::size_t i = 0; i < requests.size(); ++i) {
            const j2kl_band_request &r = requests[i];
            const auto band = static_cast<Band>(r.band);
            const Rect all = image.subband(band, r.level);
            const Plane expected = decoded.subbands(r.component, p.levels);
            std::size_t wrong = 0, at = 0;
            for (std::uint32_t y = r.y0; y < r.y1; ++y) {
                for (std::uint32_t x = r.x0; x < r.x1; ++x) {
                    const std::size_t from =
                        layout.offset(band, r.level) + std::size_t{y - all.y0} * all.width() + (x - all.x0);
                    wrong += places[i][at++] != expected[from] ? 1 : 0;
                }
            }
            CHECK(wrong == 0, context + "band " + std::to_string(r.band) + " of level " + std::to_string(r.level));
        }
    }
}

void exact()
{
    for (std::uint32_t at = 0; at < 12; ++at) {
        j2kl_parameters p = parameters_of(at % 3, 2 * at, 95 + 7 * at, 130 - 4 * at);
        p.components = 1 + at % 3;
        p.levels = at % 6;
        p.mode_switches = at * 11 % 64; // all but one bit alone, and many together
        p.progression = at % 5;
        p.codeblock_width = 8U << (at % 3);
        p.codeblock_height = 64U >> (at % 4);
        p.sop = static_cast<std::int32_t>(at % 2);
        p.eph = static_cast<std::int32_t>(at / 2 % 2);
        if (at % 2 != 0) {
            p.tile_width = 64; // learned lossy files have no tiles with a single high-pass sample
            p.tile_height = 48;
        }
        if (at % 3 == 1) {
            p.precinct_count = 1;
            p.precinct_width[0] = p.precinct_height[0] = 32U << p.levels;
        }
        if (at % 4 == 2) {
            p.layers = 3;
            p.layer_bytes[0] = 2000;
            p.layer_bytes[1] = 6000;
        }
        const Encoded encoded = encode(p, random_indices(p, at));
        CHECK(encoded.code == J2KL_OK, encoded.error);
        agree(p, as_97(encoded.bytes), std::to_string(at) + ": ");
    }
}

void refused()
{
    const j2kl_parameters p = parameters_of(0, 0, 80, 70);
    const Encoded encoded = encode(p, random_indices(p, 5));
    const Bytes bytes = as_97(encoded.bytes);
    CHECK(Blocks(encoded.bytes).code == J2KL_ERROR_UNSUPPORTED, "the 5/3");
    CHECK(Blocks(part(bytes, 0, bytes.size() / 2)).code == J2KL_ERROR_UNSUPPORTED, "truncated");
    CHECK(Blocks(Bytes(64, 1)).code == J2KL_ERROR_OPENJPEG, "no codestream");
    Blocks blocks(bytes);
    Plane place;
    const Rect area = {0, 0, 8, 8};
    const auto code_of = [&](std::uint32_t component, std::uint32_t level, Band band) {
        return blocks.read({request_of(component, level, band, area, place)});
    };
    CHECK(code_of(0, 1, Band::HL) == J2KL_OK, blocks.error());
    CHECK(code_of(1, 1, Band::HL) == J2KL_ERROR_ARGUMENT, "no such component");
    CHECK(code_of(0, 4, Band::HL) == J2KL_ERROR_ARGUMENT, "no such level");
    CHECK(code_of(0, 0, Band::HL) == J2KL_ERROR_ARGUMENT, "no such level");
    CHECK(code_of(0, 1, Band::LL) == J2KL_ERROR_ARGUMENT, "LL of a level that is not the coarsest");
    const j2kl_band_request request = request_of(0, 1, Band::HL, area, place);
    CHECK(blocks.read({request, request}) == J2KL_ERROR_ARGUMENT, "twice");
    j2kl_band_request wrong = request;
    wrong.x0 = 9;
    CHECK(blocks.read({wrong}) == J2KL_ERROR_ARGUMENT, "no size");
    wrong = request;
    wrong.half_steps = nullptr;
    CHECK(blocks.read({wrong}) == J2KL_ERROR_ARGUMENT, "no place");
    CHECK(j2kl_block_reader_read(nullptr, &request, 1, 0, 1) == J2KL_ERROR_ARGUMENT, "no reader");
    const j2kl_band_request outside = request_of(0, 1, Band::HL, {500, 500, 504, 504}, place);
    CHECK(blocks.read({outside}) == J2KL_OK && place == Plane(16, 0), "outside the picture");
}

// Damaged codestreams are refused or decoded; the sanitizers watch.
void damaged()
{
    check::Random random(11);
    j2kl_parameters p = parameters_of(0, 0, 90, 70);
    p.tile_width = p.tile_height = 48;
    p.mode_switches = 5;
    const Bytes bytes = as_97(encode(p, random_indices(p, 6)).bytes);
    std::size_t opened = 0, read = 0;
    for (int round = 0; round < 300; ++round) {
        Bytes changed = bytes;
        for (int i = 0; i < 3; ++i) {
            const auto at = static_cast<std::size_t>(random.integer(0, static_cast<std::int32_t>(bytes.size()) - 1));
            changed[round % 2 == 0 ? at : at % 200] ^= static_cast<std::uint8_t>(1U << (random.next() % 8));
        }
        Blocks blocks(changed);
        if (blocks.code != J2KL_OK) {
            continue;
        }
        ++opened;
        Plane places[2];
        const std::vector<j2kl_band_request> requests = {
            request_of(0, 1, Band::HH, {0, 0, 45, 35}, places[0]),
            request_of(0, 2, Band::HL, {0, 0, 23, 18}, places[1]),
        };
        read += blocks.read(requests) == J2KL_OK ? 1 : 0;
    }
    CHECK(opened > 100 && read > 20, std::to_string(opened) + " opened, " + std::to_string(read) + " read");
}

} // namespace

void block_reader_tests()
{
    exact();
    refused();
    damaged();
}
