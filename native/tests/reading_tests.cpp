// Decoding of resolutions, areas and layers; limits; truncated and damaged codestreams.
#include "base/geometry.hpp"
#include "tests/codec.hpp"
#include "wavelet/wavelet.hpp"

#include <algorithm>

namespace {

Encoded sample_stream(bool tiles, bool jp2_like_offsets = true)
{
    j2kl_parameters p =
        jp2_like_offsets ? default_parameters(11, 7, 150, 120) : default_parameters(0, 0, 64, 48);
    p.components = 3;
    p.component_transform = 1;
    p.precision = 10;
    p.levels = 3;
    p.codeblock_width = p.codeblock_height = 16;
    p.layers = 2;
    p.layer_bytes[0] = 4000;
    if (tiles) {
        p.tile_width = jp2_like_offsets ? 53 : 40;
        p.tile_height = jp2_like_offsets ? 47 : 32;
    }
    Planes<std::int32_t> planes(3, std::vector<std::int32_t>(sample_count(p)));
    check::Random random(3);
    std::int32_t value = 500;
    for (std::size_t i = 0; i < planes[0].size(); ++i) {
        // Far from the ends of the range, so that no reduced resolution is clipped.
        value = std::clamp(value + random.integer(-9, 9), 300, 700);
        for (auto &plane : planes) {
            plane[i] = value + random.integer(-20, 20);
        }
    }
    return encode(p, planes, true);
}

// The subbands of a reduced resolution are those of the full resolution without the finest levels.
void reduced()
{
    for (const bool tiles : {false, true}) {
        const Encoded encoded = sample_stream(tiles);
        CHECK(encoded.code == J2KL_OK, encoded.error);
        Decoded whole(encoded.bytes);
        const std::vector<std::int32_t> all = whole.subbands(1, 3);
        for (std::uint32_t reduce = 1; reduce <= 3; ++reduce) {
            j2kl_request request{};
            request.reduce = reduce;
            Decoded part(encoded.bytes, request);
            CHECK(part.code == J2KL_OK, part.error());
            const j2kl::Rect area = j2kl::Rect{11, 7, 150, 120}.resolution(reduce);
            const j2kl_component component = part.component(1);
            CHECK(component.x0 == area.x0 && component.y0 == area.y0 && component.width == area.width() &&
                      component.height == area.height(),
                  "geometry");
            const std::vector<std::int32_t> got = part.subbands(1, 3 - reduce);
            CHECK(got.size() < all.size() && std::equal(got.begin(), got.end(), all.begin()),
                  "reduce " + std::to_string(reduce));
        }
        j2kl_request request{};
        request.reduce = 4;
        Decoded refused(encoded.bytes, request);
        CHECK(refused.code == J2KL_ERROR_ARGUMENT, refused.error());
    }
}

void areas()
{
    for (const bool tiles : {false, true}) {
        const Encoded encoded = sample_stream(tiles);
        Decoded whole(encoded.bytes);
        const std::vector<std::int32_t> all = whole.samples(2);
        for (const j2kl::Rect &area :
             {j2kl::Rect{11, 7, 12, 8}, j2kl::Rect{30, 40, 131, 97}, j2kl::Rect{53, 47, 106, 94},
              j2kl::Rect{149, 119, 150, 120}, j2kl::Rect{0, 0, 40, 200}}) {
            j2kl_request request{};
            request.x0 = area.x0;
            request.y0 = area.y0;
            request.x1 = area.x1;
            request.y1 = area.y1;
            Decoded part(encoded.bytes, request);
            CHECK(part.code == J2KL_OK, part.error());
            const j2kl::Rect clipped = area.intersection({11, 7, 150, 120});
            const j2kl_component component = part.component(2);
            CHECK(component.x0 == clipped.x0 && component.width == clipped.width() &&
                      component.height == clipped.height(),
                  "geometry");
            const std::vector<std::int32_t> got = part.samples(2);
            bool same = true;
            for (std::size_t i = 0; i < got.size(); ++i) {
                const std::size_t x = clipped.x0 - 11 + i % clipped.width(),
                                  y = clipped.y0 - 7 + i / clipped.width();
                same = same && got[i] == all[y * 139 + x];
            }
            CHECK(same, "area");
            if (area == j2kl::Rect{53, 47, 106, 94} && tiles) {
                // A whole tile has the same coefficients as in the whole picture.
                const std::vector<std::int32_t> bands = part.subbands(2, 3);
                CHECK(part.last == J2KL_OK && bands.size() == got.size(), "tile");
            }
            for (std::uint32_t reduce = 1; reduce <= 3; ++reduce) {
                request.reduce = reduce;
                Decoded small(encoded.bytes, request);
                // An area without samples at this resolution may be refused, but must not crash.
                if (!clipped.resolution(reduce).empty()) {
                    CHECK(small.code == J2KL_OK, small.error());
                    CHECK(small.component(0).width == clipped.resolution(reduce).width(), "geometry");
                    small.subbands(0, 3 - reduce);
                    CHECK(small.last == J2KL_OK, "subbands");
                }
            }
        }
        j2kl_request request{};
        request.x0 = 500;
        request.x1 = 600;
        request.y1 = 9;
        CHECK(Decoded(encoded.bytes, request).code == J2KL_ERROR_ARGUMENT, "outside");
    }
}

void choices()
{
    const Encoded encoded = sample_stream(true);
    const std::uint32_t list[2] = {2, 0};
    j2kl_request request{};
    request.component_list = list;
    request.component_count = 2;
    Decoded decoded(encoded.bytes, request);
    CHECK(decoded.code == J2KL_OK && decoded.count() == 2, decoded.error());
    const std::vector<std::int32_t> chroma = decoded.subbands(0, 3);
    decoded.samples(0);
    CHECK(decoded.last == J2KL_OK, "samples stay without a component transform");
    Decoded whole(encoded.bytes);
    const bool first_is_chroma = chroma == whole.subbands(2, 3);
    CHECK(first_is_chroma, "order of the list");

    request.component_count = 1;
    const std::uint32_t wrong = 3;
    request.component_list = &wrong;
    CHECK(Decoded(encoded.bytes, request).code == J2KL_ERROR_ARGUMENT, "no such component");

    j2kl_request layer{};
    layer.layers = 1;
    Decoded first_layer(encoded.bytes, layer);
    CHECK(first_layer.code == J2KL_OK && first_layer.samples(0) != Decoded(encoded.bytes).samples(0),
          "layers");

    j2kl_request again{};
    CHECK(j2kl_decoder_decode(first_layer.decoder, &again) == J2KL_ERROR_STATE, "decoding twice");
}

void limits()
{
    const Encoded encoded = sample_stream(true);
    j2kl_limits limits{};
    limits.max_tiles = 8;
    CHECK(Decoded(encoded.bytes, {}, limits).code == J2KL_ERROR_LIMIT, "tiles");
    limits.max_tiles = 9;
    CHECK(Decoded(encoded.bytes, {}, limits).code == J2KL_OK, "tiles");
    limits.max_samples = 139 * 113 * 3 - 1;
    CHECK(Decoded(encoded.bytes, {}, limits).code == J2KL_ERROR_LIMIT, "samples");
    j2kl_request request{};
    request.reduce = 1;
    CHECK(Decoded(encoded.bytes, request, limits).code == J2KL_OK, "samples of a reduced resolution");

    // A few bytes that declare 65535 x 65535 tiles of one sample.
    Bytes bomb = encoded.bytes;
    const std::uint8_t siz[] = {0, 0, 255, 255, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0,
                                0, 0, 0,   1,   0, 0, 0,   1,   0, 0, 0, 0, 0, 0, 0, 0};
    std::copy(std::begin(siz), std::end(siz), bomb.begin() + 8);
    limits.max_tiles = 65535;
    CHECK(Decoded(bomb, {}, limits).code == J2KL_ERROR_LIMIT, "tile bomb");
}

Bytes box(const char *type, const Bytes &content)
{
    Bytes result(content.size() + 8);
    for (unsigned i = 0; i < 4; ++i) {
        result[i] = static_cast<std::uint8_t>(result.size() >> (24 - 8 * i));
        result[4 + i] = static_cast<std::uint8_t>(type[i]);
    }
    std::copy(content.begin(), content.end(), result.begin() + 8);
    return result;
}

Bytes joined(const std::vector<Bytes> &parts)
{
    Bytes result;
    for (const Bytes &part : parts) {
        result.insert(result.end(), part.begin(), part.end());
    }
    return result;
}

Bytes in_jp2(const Bytes &codestream)
{
    const Bytes header = joined(
        {box("ihdr", {0, 0, 0, 48, 0, 0, 0, 64, 0, 3, 9, 7, 0, 0}), box("colr", {1, 0, 0, 0, 0, 0, 16})});
    return joined({box("jP  ", {0x0d, 0x0a, 0x87, 0x0a}),
                   box("ftyp", {'j', 'p', '2', ' ', 0, 0, 0, 0, 'j', 'p', '2', ' '}), box("jp2h", header),
                   box("jp2c", codestream)});
}

void jp2()
{
    const Encoded encoded = sample_stream(false, false);
    const Bytes file = in_jp2(encoded.bytes);
    Decoded raw(encoded.bytes), boxed(file);
    CHECK(boxed.code == J2KL_OK, boxed.error());
    CHECK(raw.samples(0) == boxed.samples(0), "jp2");
    CHECK(raw.subbands(1, 3) == boxed.subbands(1, 3), "jp2");
    for (std::size_t size = 0; size < file.size(); size += size < 250 ? 1 : 997) {
        Decoded cut(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)));
        CHECK(cut.code == J2KL_OK || !cut.error().empty() || size == 0, "cut jp2");
    }
}

// Calls every function on a damaged stream, for the sanitizers to check.
void exercise(const Bytes &bytes, std::uint32_t reduce)
{
    j2kl_request request{};
    request.reduce = reduce;
    j2kl_limits limits{};
    limits.max_samples = 1 << 20;
    limits.max_tiles = 256;
    Decoded decoded(bytes, request, limits);
    CHECK(decoded.code == J2KL_OK || bytes.empty() || !decoded.error().empty(), "a failure has a text");
    for (std::uint32_t i = 0; decoded.code == J2KL_OK && i < decoded.count(); ++i) {
        decoded.samples(i);
        decoded.subbands(i, 3);
    }
}

void truncated()
{
    for (const bool tiles : {false, true}) {
        const Encoded encoded = sample_stream(tiles);
        int good = 0, all = 0;
        for (std::size_t size = 1; size < encoded.bytes.size(); size += size < 200 ? 1 : 211) {
            const Bytes cut(encoded.bytes.begin(), encoded.bytes.begin() + static_cast<std::ptrdiff_t>(size));
            exercise(cut, size % 3 == 0 ? 1 : 0);
            if (size > 1000) {
                Decoded decoded(cut);
                ++all;
                good += decoded.code == J2KL_OK && !decoded.missing().empty() ? 1 : 0;
            }
        }
        CHECK(good == all, "truncated streams decode with a warning: " + std::to_string(good) + " of " +
                               std::to_string(all));
    }
}

void mutated()
{
    check::Random random(4);
    for (const bool boxed : {false, true}) {
        const Encoded encoded = sample_stream(!boxed, false);
        const Bytes original = boxed ? in_jp2(encoded.bytes) : encoded.bytes;
        for (int round = 0; round < 300; ++round) {
            Bytes bytes = original;
            const auto headers = static_cast<std::int32_t>(std::min<std::size_t>(bytes.size() - 1, 260));
            for (std::int32_t changes = random.integer(1, 6); changes > 0; --changes) {
                const std::int32_t last =
                    round % 2 != 0 ? headers : static_cast<std::int32_t>(bytes.size()) - 1;
                bytes[static_cast<std::size_t>(random.integer(0, last))] =
                    static_cast<std::uint8_t>(random.next());
            }
            exercise(bytes, static_cast<std::uint32_t>(round % 3));
        }
    }
}

// A short file that declares many layers is decoded as if it declared as many as it can hold.
void declared_layers()
{
    const Encoded encoded = sample_stream(true, false);
    Bytes many = encoded.bytes;
    const std::uint8_t cod[] = {0xff, 0x52};
    const auto at = std::search(many.begin(), many.end(), std::begin(cod), std::end(cod));
    at[6] = at[7] = 0xff;
    for (const std::size_t size : {many.size(), many.size() / 2}) {
        Bytes few = many;
        few.resize(size);
        Decoded decoded(few);
        const std::size_t layers = decoded.header.layers;
        CHECK(decoded.code == J2KL_OK && layers >= 2 && layers <= size, decoded.error());
        few = encoded.bytes;
        few.resize(size);
        CHECK(decoded.samples(1) == Decoded(few).samples(1), "samples");
    }
}

} // namespace

void reading_tests()
{
    declared_layers();
    reduced();
    areas();
    choices();
    limits();
    jp2();
    truncated();
    mutated();
}
