// Coefficients of the 9/7 are decoded to half quantiser steps: exactly, for every area, resolution and layer.
#include "base/geometry.hpp"
#include "tests/half_steps.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace {

// Whether `n` is the midpoint of the interval of the index `q` for some number of decoded bit-planes.
bool is_midpoint(std::int32_t n, std::int32_t q)
{
    const std::int32_t size = std::abs(n), unit = size & -size, shift = 2 * unit;
    return n == 0 ? true : (n < 0) == (q < 0) && 2 * std::abs(q) / shift * shift + unit == size;
}

std::vector<j2kl_parameters> variants()
{
    std::vector<j2kl_parameters> result;
    for (std::uint32_t at = 0; at < 6; ++at) {
        j2kl_parameters p = parameters_of(at % 3, 2 * at, 90 + 7 * at, 75 + 4 * at);
        p.components = 1 + at % 4;
        p.levels = at;
        p.mode_switches = at == 0 ? 0 : 1U << (at - 1);
        p.progression = at % 5;
        p.threads = 1 + at % 3;
        if (at % 2 != 0) {
            p.tile_width = 48;
            p.tile_height = 64;
        }
        result.push_back(p);
    }
    return result;
}

void exact()
{
    for (const j2kl_parameters &p : variants()) {
        const Planes<std::int32_t> indices = random_indices(p, 1);
        const Encoded encoded = encode(p, indices);
        CHECK(encoded.code == J2KL_OK, encoded.error);
        Decoded decoded(as_97(encoded.bytes), half_steps());
        CHECK(decoded.code == J2KL_OK && decoded.warning().empty(), decoded.error() + decoded.warning());
        for (std::uint32_t i = 0; i < p.components; ++i) {
            CHECK(decoded.subbands(i, p.levels) == half_steps_of(indices[i]), "levels " + std::to_string(p.levels));
        }
        for (std::uint32_t reduce = 1; reduce <= p.levels; ++reduce) {
            Decoded reduced(as_97(encoded.bytes), half_steps(reduce));
            const Plane got = reduced.subbands(0, p.levels - reduce), all = half_steps_of(indices[0]);
            CHECK(got.size() < all.size() && std::equal(got.begin(), got.end(), all.begin()),
                  "reduce " + std::to_string(reduce));
        }
    }
}

void layers()
{
    j2kl_parameters p = parameters_of(3, 1, 130, 120);
    p.components = 2;
    p.layers = 4;
    for (std::uint32_t i = 0; i < 3; ++i) {
        p.layer_bytes[i] = 3000 * (i + 1);
    }
    const Planes<std::int32_t> indices = random_indices(p, 2);
    const Bytes bytes = as_97(encode(p, indices).bytes);
    std::size_t last = 0;
    const auto check_points = [&](Decoded &decoded, const std::string &context) {
        std::size_t coded = 0, wrong = 0;
        for (std::uint32_t i = 0; i < p.components; ++i) {
            const Plane got = decoded.subbands(i, p.levels);
            for (std::size_t j = 0; j < got.size(); ++j) {
                coded += got[j] != 0 ? 1 : 0;
                wrong += is_midpoint(got[j], indices[i][j]) ? 0 : 1;
            }
        }
        CHECK(wrong == 0 && coded > 0, context + std::to_string(wrong) + " are no midpoints");
        return coded;
    };
    for (std::uint32_t layer = 1; layer <= 4; ++layer) {
        j2kl_request request = half_steps();
        request.layers = layer;
        Decoded decoded(bytes, request);
        const std::size_t coded = check_points(decoded, "layer " + std::to_string(layer) + ": ");
        CHECK(coded >= last, "layers add coefficients");
        last = coded;
    }
    // a truncated codestream, which is completed before OpenJPEG reads it
    Decoded cut(part(bytes, 0, bytes.size() / 2), half_steps());
    CHECK(cut.code == J2KL_OK && !cut.missing().empty(), cut.error());
    check_points(cut, "truncated: ");
}

// The details of a level, and its LL if it is the coarsest level, are those of the whole picture in every area.
void areas()
{
    check::Random random(3);
    for (const bool tiles : {false, true}) {
        j2kl_parameters p = parameters_of(5, 9, 210, 190);
        if (tiles) {
            p.tile_width = 56;
            p.tile_height = 48;
        }
        const Planes<std::int32_t> indices = random_indices(p, 4);
        const Bytes bytes = as_97(encode(p, indices).bytes);
        const j2kl::Rect image{p.x0, p.y0, p.x1, p.y1};
        const j2kl::SubbandLayout whole(image, p.levels);
        const Plane all = half_steps_of(indices[0]);
        for (int round = 0; round < 60; ++round) {
            const auto reduce = static_cast<std::uint32_t>(random.integer(0, 2));
            const std::uint32_t margin = 2U << reduce;
            const auto x = static_cast<std::uint32_t>(random.integer(5, 200)),
                       y = static_cast<std::uint32_t>(random.integer(9, 180));
            const j2kl::Rect wanted = image.intersection({x, y, x + static_cast<std::uint32_t>(random.integer(8, 90)),
                                                          y + static_cast<std::uint32_t>(random.integer(8, 90))});
            const j2kl::Rect larger = image.intersection({x - std::min(x, margin), y - std::min(y, margin),
                                                          wanted.x1 + margin, wanted.y1 + margin});
            j2kl_request request = half_steps(reduce);
            request.x0 = larger.x0;
            request.y0 = larger.y0;
            request.x1 = larger.x1;
            request.y1 = larger.y1;
            Decoded decoded(bytes, request);
            CHECK(decoded.code == J2KL_OK, decoded.error());
            const Plane got = decoded.subbands(0, 1);
            const j2kl::SubbandLayout layout(larger.resolution(reduce), 1);
            std::size_t wrong = 0;
            for (const j2kl::Band band : {j2kl::Band::LL, j2kl::Band::HL, j2kl::Band::LH, j2kl::Band::HH}) {
                if (band == j2kl::Band::LL && reduce + 1 < p.levels) {
                    continue;
                }
                const j2kl::Rect inner = wanted.subband(band, reduce + 1), from = larger.subband(band, reduce + 1),
                                 to = image.subband(band, reduce + 1);
                for (std::uint32_t row = inner.y0; row < inner.y1; ++row) {
                    for (std::uint32_t column = inner.x0; column < inner.x1; ++column) {
                        const std::size_t here = layout.offset(band, 1) +
                                                 std::size_t{row - from.y0} * from.width() + (column - from.x0);
                        const std::size_t there = whole.offset(band, reduce + 1) +
                                                  std::size_t{row - to.y0} * to.width() + (column - to.x0);
                        wrong += got[here] != all[there] ? 1 : 0;
                    }
                }
            }
            CHECK(wrong == 0, "round " + std::to_string(round) + ": " + std::to_string(wrong));
        }
    }
}

void headers()
{
    j2kl_parameters p = parameters_of(0, 0, 64, 48);
    p.components = 3;
    const Planes<std::int32_t> indices = random_indices(p, 5);
    const Bytes bytes = as_97(encode(p, indices).bytes);
    const std::size_t cod = find_segment(bytes, 0x52), qcd = find_segment(bytes, 0x5c);
    const std::size_t bands = 3 * p.levels + 1, qcd_size = 5 + 2 * bands;
    const auto same = [&](const Bytes &changed, const std::string &context) {
        Decoded decoded(changed, half_steps());
        CHECK(decoded.code == J2KL_OK, context + decoded.error());
        for (std::uint32_t i = 0; decoded.code == J2KL_OK && i < 3; ++i) {
            CHECK(decoded.subbands(i, p.levels) == half_steps_of(indices[i]), context);
        }
    };
    Bytes changed = bytes;
    changed[cod + 8] = 1;
    same(changed, "the component transform is not inverted ");

    changed = bytes; // the same bit-planes, with all guard bits that the field can hold
    changed[qcd + 4] = static_cast<std::uint8_t>((bytes[qcd + 4] & 31U) | 7U << 5);
    for (std::size_t band = 0; band < bands; ++band) {
        changed[qcd + 5 + 2 * band] = static_cast<std::uint8_t>(bytes[qcd + 5 + 2 * band] - (5U << 3));
    }
    same(changed, "seven guard bits ");

    changed = bytes;
    const std::uint8_t levels = static_cast<std::uint8_t>(p.levels);
    Bytes coc = {0xff, 0x53, 0, 9, 1, 0, levels};
    insert(coc, coc.size(), part(bytes, cod + 10, 4));
    Bytes qcc = part(bytes, qcd, qcd_size);
    qcc[1] = 0x5d;
    qcc[3] = static_cast<std::uint8_t>(qcc[3] + 1);
    insert(qcc, 4, {2});
    insert(changed, qcd + qcd_size, qcc);
    insert(changed, qcd + qcd_size, coc);
    same(changed, "COC and QCC ");

    Decoded plain(bytes);
    plain.subbands(0, 3);
    CHECK(plain.code == J2KL_OK && plain.last == J2KL_ERROR_STATE, "subbands of the 9/7 are half steps");
    Decoded numbers(bytes, half_steps());
    numbers.samples(0);
    CHECK(numbers.last == J2KL_ERROR_STATE, "there are no samples");
}

void refused()
{
    j2kl_parameters p = parameters_of(0, 0, 64, 48);
    const Bytes reversible = encode(p, random_indices(p, 6)).bytes, bytes = as_97(reversible);
    const std::size_t cod = find_segment(bytes, 0x52), qcd = find_segment(bytes, 0x5c), bands = 3 * p.levels + 1;
    const auto fails = [&](const Bytes &changed, const std::string &text) {
        Decoded decoded(changed, half_steps());
        CHECK(decoded.code == J2KL_ERROR_OPENJPEG && decoded.error().find(text) != std::string::npos,
              text + ", not: " + decoded.error());
    };
    fails(reversible, "only a codestream of the 9/7");
    Bytes changed = bytes;
    changed[cod + 13] = 1;
    fails(changed, "only a codestream of the 9/7");
    changed = bytes;
    changed[qcd + 4] = static_cast<std::uint8_t>(changed[qcd + 4] & ~3U);
    fails(changed, "a quantiser step for every subband");
    changed = bytes;
    insert(changed, cod, {0xff, 0x5e, 0, 5, 0, 0, 4});
    fails(changed, "regions of interest");

    changed = bytes; // QCD in a tile-part header
    std::size_t sot = 2;
    while (changed[sot + 1] != 0x90) {
        sot += 2 + (std::size_t{changed[sot + 2]} << 8) + changed[sot + 3];
    }
    const Bytes segment = part(changed, qcd, 5 + 2 * bands);
    insert(changed, sot + 12, segment);
    std::uint32_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        length = length << 8 | changed[sot + 6 + i];
    }
    length += static_cast<std::uint32_t>(segment.size());
    for (std::size_t i = 0; i < 4; ++i) {
        changed[sot + 6 + i] = static_cast<std::uint8_t>(length >> (24 - 8 * i));
    }
    fails(changed, "tiles differ in coding");

    changed = bytes;
    changed[qcd + 4] |= 7U << 5;
    changed[qcd + 5] |= 31U << 3;
    fails(changed, "more bit-planes than can be decoded");

    // more bit-planes than were coded: the same bits are worth more
    j2kl_parameters wide = parameters_of(0, 0, 32, 32);
    wide.levels = 2;
    Planes<std::int32_t> large(1, Plane(sample_count(wide), 0));
    large[0][0] = 1 << 21;
    const Bytes coded = as_97(encode(wide, large).bytes);
    for (std::uint32_t more = 0; more <= 10; ++more) {
        Bytes shifted = coded;
        const std::size_t at = find_segment(shifted, 0x5c);
        const std::uint32_t guard_bits = std::min(more, 5U);
        shifted[at + 4] = static_cast<std::uint8_t>(shifted[at + 4] + (guard_bits << 5));
        for (std::size_t band = 0; band < 7; ++band) {
            shifted[at + 5 + 2 * band] = static_cast<std::uint8_t>(shifted[at + 5 + 2 * band] + ((more - guard_bits) << 3));
        }
        Decoded decoded(shifted, half_steps());
        if (more <= 7) { // 29 bit-planes in the code-block, and a carrier of 31 bits
            const Plane got = decoded.subbands(0, 2);
            CHECK(decoded.code == J2KL_OK && got[0] == ((2 << 21) + 1) << more, decoded.error());
            CHECK(std::count(got.begin(), got.end(), 0) + 1 == static_cast<std::ptrdiff_t>(got.size()), "others");
        } else {
            CHECK(decoded.code == J2KL_ERROR_OPENJPEG && !decoded.error().empty(), std::to_string(more));
        }
    }
    // a carrier of more than 31 bits, although every coefficient has fewer
    for (const std::size_t count : {std::size_t{64}, large[0].size()}) { // LL alone, and all subbands
        std::fill(large[0].begin(), large[0].end(), 0);
        std::fill_n(large[0].begin(), count, (1 << 20) - 1);
        Bytes bright = as_97(encode(wide, large).bytes);
        const std::size_t at = find_segment(bright, 0x5c);
        bright[at + 4] = static_cast<std::uint8_t>(bright[at + 4] + (5U << 5));
        for (std::size_t band = 0; band < 7; ++band) {
            bright[at + 5 + 2 * band] = static_cast<std::uint8_t>(bright[at + 5 + 2 * band] + (3U << 3));
        }
        if (count == 64) {
            CHECK(Decoded(bright, half_steps()).code == J2KL_OK, "the carrier fits");
        } else {
            fails(bright, "the coefficients are larger than a decoder can process");
        }
    }

    // the inverse 5/3 halves a single high-pass sample
    j2kl_parameters lone = parameters_of(7, 0, 8, 16);
    lone.levels = 1;
    Planes<std::int32_t> even(1, Plane(sample_count(lone), 4));
    const Encoded encoded = encode(lone, even);
    CHECK(encoded.code == J2KL_OK, encoded.error);
    fails(as_97(encoded.bytes), "a single row or column of high-pass samples");
    Decoded low(as_97(encoded.bytes), half_steps(1));
    CHECK(low.code != J2KL_OK || low.count() == 1, "a resolution without the sample");
}

void damaged()
{
    j2kl_parameters p = parameters_of(0, 0, 64, 48);
    p.components = 3;
    p.tile_width = 40;
    p.tile_height = 32;
    p.plt = p.tlm = 1;
    const Bytes original = as_97(encode(p, random_indices(p, 7)).bytes);
    check::Random random(8);
    for (int round = 0; round < 600; ++round) {
        Bytes bytes = original;
        for (std::int32_t changes = random.integer(1, 6); changes > 0; --changes) {
            const std::int32_t last = round % 2 != 0 ? 200 : static_cast<std::int32_t>(bytes.size()) - 1;
            bytes[static_cast<std::size_t>(random.integer(0, last))] = static_cast<std::uint8_t>(random.next());
        }
        j2kl_limits limits{};
        limits.max_samples = 1 << 20;
        limits.max_tiles = 256;
        Decoded decoded(bytes, half_steps(static_cast<std::uint32_t>(round % 3)), limits);
        CHECK(decoded.code == J2KL_OK || !decoded.error().empty(), "a failure has a text");
        for (std::uint32_t i = 0; decoded.code == J2KL_OK && i < decoded.count(); ++i) {
            decoded.subbands(i, 3);
            CHECK(decoded.last == J2KL_OK, "subbands");
        }
    }
    for (std::size_t size = 1; size < original.size(); size += size < 200 ? 1 : 211) {
        Decoded decoded(part(original, 0, size), half_steps());
        CHECK(decoded.code == J2KL_OK || !decoded.error().empty(), "a failure has a text");
    }
}

void points()
{
    check::Random random(9);
    Plane numbers = {0, 1, -1, 2, 3, -48, INT32_MAX, INT32_MIN, INT32_MIN + 1, 1 << 30, (1 << 24) + 1};
    for (int i = 0; i < 1000; ++i) {
        numbers.push_back(static_cast<std::int32_t>(random.next() << 1) >> random.integer(0, 31));
    }
    for (const float bias : {0.0F, 0.09F, 0.0675F}) {
        const float spacing = 0.337F;
        std::vector<float> got(numbers.size(), NAN);
        CHECK(j2kl_reconstruct(numbers.data(), got.data(), got.size(), spacing, bias, 3) == J2KL_OK, "reconstruct");
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            const auto size = std::abs(std::int64_t{numbers[i]});
            const auto magnitude = static_cast<float>(size);
            const auto unit = static_cast<float>(size == 0 ? 1 : size & -size);
            float wanted = magnitude - 2.0F * bias * unit / (0.75F + 0.25F * ((magnitude / unit - 1.0F) * 0.5F));
            wanted = size == 0 ? 0.0F : std::copysign(wanted * spacing, static_cast<float>(numbers[i]));
            CHECK(std::memcmp(&wanted, &got[i], sizeof wanted) == 0, std::to_string(numbers[i]));
        }
    }
}

} // namespace

void half_steps_tests()
{
    exact();
    layers();
    areas();
    headers();
    refused();
    damaged();
    points();
}
