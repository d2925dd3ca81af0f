// Packets are found as OpenJPEG lists them in PLT; codestreams are truncated at any byte.
#include "codestream/coding.hpp"
#include "codestream/markers.hpp"
#include "codestream/packets.hpp"
#include "codestream/repair.hpp"
#include "codestream/scan.hpp"
#include "codestream/tile_parts.hpp"
#include "tests/codec.hpp"
#include "transport/stream.hpp"

#include <openjpeg.h>

#include <algorithm>
#include <cmath>

namespace {

namespace marker = j2kl::marker;

Planes<std::int32_t> picture(const j2kl_parameters &p)
{
    Planes<std::int32_t> planes(p.components, std::vector<std::int32_t>(sample_count(p)));
    check::Random random(7);
    const std::uint32_t width = p.x1 - p.x0;
    for (std::uint32_t c = 0; c < p.components; ++c) {
        for (std::size_t i = 0; i < planes[c].size(); ++i) {
            const auto x = static_cast<double>(i % width), y = static_cast<double>(i / width);
            const double wave = 60 * std::sin(x / 9 + c) + 40 * std::cos(y / 5) + (x > y ? 20 : 0);
            planes[c][i] = std::clamp(128 + static_cast<std::int32_t>(wave) + random.integer(-6, 6), 0, 255);
        }
    }
    return planes;
}

j2kl_parameters small_parameters(std::uint32_t x0, std::uint32_t y0, std::uint32_t x1, std::uint32_t y1)
{
    j2kl_parameters p = default_parameters(x0, y0, x1, y1);
    p.precision = 8;
    p.levels = 3;
    p.codeblock_width = p.codeblock_height = 16;
    return p;
}

Bytes samples_coded(const j2kl_parameters &p)
{
    const Encoded encoded = encode(p, picture(p), true);
    CHECK(encoded.code == J2KL_OK, encoded.error);
    return encoded.bytes;
}

void set_layers(j2kl_parameters &p, std::uint32_t layers, double bytes)
{
    p.layers = layers;
    for (std::uint32_t i = 0; i + 1 < layers; ++i) {
        p.layer_bytes[i] = bytes * (i + 1) / layers;
    }
}

j2kl::Bytes view(const Bytes &bytes)
{
    return {bytes.data(), bytes.size()};
}

Bytes cut_at(const Bytes &bytes, std::size_t size)
{
    return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
}

// A tile as read from its headers and its data.
struct Tile {
    j2kl::Coding coding;
    std::vector<std::size_t> plt; // packet lengths as OpenJPEG lists them
    Bytes data;
    std::size_t begin = 0; // where the data of its first tile-part begins in the codestream
};

void read_plt(const j2kl::Bytes &content, std::vector<std::size_t> &lengths)
{
    std::size_t value = 0;
    for (std::size_t i = 1; i < content.size; ++i) {
        value = (value << 7) | (content.data[i] & 127U);
        if ((content.data[i] & 128U) == 0) {
            lengths.push_back(value);
            value = 0;
        }
    }
}

std::vector<Tile> tiles_of(const Bytes &codestream)
{
    const j2kl::Bytes bytes = view(codestream);
    const j2kl::TileGrid grid = j2kl::scan(bytes.data, bytes.size).tiles;
    const auto parts = j2kl::find_tile_parts(bytes, grid.count());
    CHECK(parts && parts->complete(), "tile-parts");
    j2kl::Coding main;
    j2kl::for_segments(bytes, 2, marker::sot,
                       [&](std::uint32_t name, std::size_t, const j2kl::Bytes &content) {
                           return main.read(name, content, false);
                       });
    std::vector<Tile> tiles(static_cast<std::size_t>(grid.count()), Tile{main, {}, {}, 0});
    for (const j2kl::TilePart &part : parts->all) {
        Tile &tile = tiles[part.tile];
        const auto sod = j2kl::for_segments(bytes, part.begin + 12, marker::sod,
                                            [&](std::uint32_t name, std::size_t, const j2kl::Bytes &content) {
                                                if (name == marker::plt) {
                                                    read_plt(content, tile.plt);
                                                }
                                                return tile.coding.read(name, content, true);
                                            });
        CHECK(sod.has_value(), "tile-part header");
        if (tile.data.empty()) {
            tile.begin = *sod + 2;
        }
        tile.data.insert(tile.data.end(), bytes.data + *sod + 2, bytes.data + part.end);
    }
    return tiles;
}

std::vector<std::size_t> sizes_of(const std::vector<j2kl::Packet> &packets)
{
    std::vector<std::size_t> sizes;
    for (const j2kl::Packet &packet : packets) {
        sizes.push_back(packet.size());
    }
    return sizes;
}

// `listed`: the codestream has PLT marker segments to compare with.
void check_packets(const Bytes &codestream, bool listed, const std::string &context)
{
    const j2kl::TileGrid grid = j2kl::scan(codestream.data(), codestream.size()).tiles;
    const std::vector<Tile> tiles = tiles_of(codestream);
    for (std::size_t i = 0; i < tiles.size(); ++i) {
        j2kl::Effort effort;
        std::vector<j2kl::Packet> packets;
        const Tile &tile = tiles[i];
        const auto walk = j2kl::walk_packets(tile.coding, grid.tile(i), view(tile.data), effort, &packets);
        CHECK(walk && !walk->damaged && walk->size == tile.data.size(), context + " size");
        CHECK(walk && walk->packets == j2kl::count_packets(tile.coding, grid.tile(i), effort),
              context + " count");
        CHECK(!listed || sizes_of(packets) == tile.plt, context + " lengths");
    }
}

void listed_packets()
{
    int good = 0;
    for (std::uint32_t round = 0; round < 240; ++round) {
        check::Random random(round);
        const auto pick = [&](std::int32_t low, std::int32_t high) {
            return static_cast<std::uint32_t>(random.integer(low, high));
        };
        j2kl_parameters p = small_parameters(pick(0, 1) * 5, pick(0, 1) * 3, pick(20, 150), pick(20, 130));
        p.progression = round % 5;
        p.levels = round % 7 % 6;
        p.reversible = random.integer(0, 1);
        if (p.reversible == 0) {
            p.x0 = p.y0 = 0;
        }
        p.components = pick(1, 4);
        p.component_transform = p.components >= 3 && pick(0, 1) != 0 ? 1 : 0;
        p.codeblock_width = 4U << pick(0, 4);
        p.codeblock_height = 4U << pick(0, 4);
        set_layers(p, pick(1, 5), static_cast<double>(sample_count(p)));
        p.mode_switches = pick(0, 2) != 0 ? pick(0, 63) : 0;
        p.sop = random.integer(0, 1);
        p.eph = random.integer(0, 1);
        p.plt = 1;
        if (pick(0, 1) != 0) {
            p.precinct_count = pick(1, static_cast<std::int32_t>(p.levels) + 1);
            for (std::uint32_t i = 0; i < p.precinct_count; ++i) {
                p.precinct_width[i] = 64U << pick(0, 2);
                p.precinct_height[i] = 64U << pick(0, 2);
            }
        }
        if (pick(0, 2) == 0) {
            p.tile_width = 64;
            p.tile_height = 32;
        }
        const Encoded encoded = encode(p, picture(p), true);
        if (encoded.code == J2KL_OK) {
            check_packets(encoded.bytes, true, "round " + std::to_string(round));
        }
        // OpenJPEG allocates too little memory for some of the smallest pictures.
        good += encoded.code == J2KL_OK ? 1 : 0;
    }
    CHECK(good > 200, std::to_string(good) + " of 240");
}

// Features that the encoder of this library does not write: several tile-parts,
// progression order changes, subsampling.
struct Unusual {
    bool parts, changes, subsampled;
};

// Without the combinations for which OpenJPEG writes packets twice, or fails.
constexpr Unusual unusual_kinds[] = {{false, false, false},
                                     {true, false, false},
                                     {false, true, false},
                                     {false, false, true},
                                     {false, true, true}};

std::string describe(const Unusual &kind)
{
    return std::string("unusual") + (kind.parts ? ", tile-parts" : "") + (kind.changes ? ", POC" : "") +
           (kind.subsampled ? ", subsampled" : "");
}

Bytes unusual(const Unusual &kind)
{
    constexpr std::uint32_t size = 96;
    opj_cparameters_t p;
    opj_set_default_encoder_parameters(&p);
    p.tcp_numlayers = 3;
    p.tcp_rates[0] = 20;
    p.tcp_rates[1] = 8;
    p.tcp_rates[2] = 0;
    p.cp_disto_alloc = 1;
    p.numresolution = 4;
    p.cblockw_init = p.cblockh_init = 16;
    p.res_spec = 1;
    p.prcw_init[0] = p.prch_init[0] = 32;
    p.csty = 1;
    p.prog_order = OPJ_RPCL;
    if (kind.parts) {
        p.tp_on = 1;
        p.tp_flag = 'R';
    }
    if (kind.changes) {
        // Disjoint volumes: OpenJPEG would write the packets that two volumes share twice.
        const auto volume = [&](std::uint32_t index, std::uint32_t first, std::uint32_t end,
                                OPJ_PROG_ORDER order) {
            p.POC[index].tile = 1;
            p.POC[index].resno0 = first;
            p.POC[index].resno1 = end;
            p.POC[index].compno1 = 3;
            p.POC[index].layno1 = 3;
            p.POC[index].prg1 = order;
        };
        volume(0, 0, 2, OPJ_RLCP);
        volume(1, 2, 4, OPJ_CPRL);
        p.numpocs = 2;
    }
    opj_image_cmptparm_t component{};
    component.dx = component.dy = 1;
    component.w = component.h = size;
    component.prec = 8;
    opj_image_cmptparm_t components[3] = {component, component, component};
    if (kind.subsampled) {
        for (opj_image_cmptparm_t *chroma : {&components[1], &components[2]}) {
            chroma->dx = 2;
            chroma->w = size / 2;
        }
    }
    opj_image_t *image = opj_image_create(3, components, OPJ_CLRSPC_SRGB);
    image->x1 = image->y1 = size;
    const j2kl_parameters look = [] {
        j2kl_parameters q = small_parameters(0, 0, size, size);
        q.components = 3;
        return q;
    }();
    const Planes<std::int32_t> planes = picture(look);
    for (std::uint32_t c = 0; c < 3; ++c) {
        const std::size_t count = std::size_t{image->comps[c].w} * image->comps[c].h;
        std::copy_n(planes[c].begin(), count, image->comps[c].data);
    }
    opj_codec_t *codec = opj_create_compress(OPJ_CODEC_J2K);
    j2kl::OutputStream stream;
    const char *const options[] = {"PLT=YES", nullptr};
    const bool success = opj_setup_encoder(codec, &p, image) != OPJ_FALSE &&
                         opj_encoder_set_extra_options(codec, options) != OPJ_FALSE &&
                         opj_start_compress(codec, image, stream.get()) != OPJ_FALSE &&
                         opj_encode(codec, stream.get()) != OPJ_FALSE &&
                         opj_end_compress(codec, stream.get()) != OPJ_FALSE;
    CHECK(success, "OpenJPEG");
    opj_destroy_codec(codec);
    opj_image_destroy(image);
    return stream.take();
}

void unusual_packets()
{
    for (const Unusual &kind : unusual_kinds) {
        check_packets(unusual(kind), true, describe(kind));
    }
}

double error_of(Decoded &decoded, const Planes<std::int32_t> &planes)
{
    double sum = 0;
    for (std::uint32_t c = 0; c < decoded.count(); ++c) {
        const std::vector<std::int32_t> samples = decoded.samples(c);
        for (std::size_t i = 0; i < samples.size(); ++i) {
            const double difference = samples[i] - planes[c][i];
            sum += difference * difference;
        }
    }
    return sum;
}

void check_repaired(const Bytes &cut, const std::string &context)
{
    const auto repaired = j2kl::repair(cut.data(), cut.size(), j2kl::scan(cut.data(), cut.size()));
    CHECK(!repaired.bytes.empty() && !repaired.missing.empty(), context);
    if (!repaired.bytes.empty()) {
        const Bytes &bytes = repaired.bytes;
        const auto again = j2kl::repair(bytes.data(), bytes.size(), j2kl::scan(bytes.data(), bytes.size()));
        CHECK(again.bytes.empty() && again.missing.empty(), context + " again");
        check_packets(bytes, false, context);
    }
}

// Truncates at every `step`th byte. Every piece is decoded with a warning, and not
// (much) worse than a shorter piece.
void cut_everywhere(const Bytes &bytes, const Planes<std::int32_t> &planes, std::size_t step,
                    const std::string &name)
{
    const std::size_t header =
        j2kl::find_tile_parts(view(bytes), j2kl::scan(bytes.data(), bytes.size()).tiles.count())->header_end;
    double least = 1e30;
    for (std::size_t size = header + 2; size < bytes.size(); size += step) {
        const Bytes cut = cut_at(bytes, size);
        const std::string context = name + " cut at " + std::to_string(size);
        Decoded decoded(cut);
        CHECK(decoded.code == J2KL_OK, context + decoded.error());
        CHECK(decoded.missing().find("codestream") != std::string::npos, context);
        CHECK(decoded.warning().empty(), context + decoded.warning());
        const double error = error_of(decoded, planes);
        CHECK(error <= least * 1.0116, context + " PSNR"); // 0.05 dB
        least = std::min(least, error);
        check_repaired(cut, context);
        for (std::uint32_t kind = 0; kind < 3; ++kind) {
            j2kl_request request{};
            request.reduce = kind == 0 ? 1 : 0;
            request.layers = kind == 1 ? 1 : 0;
            if (kind == 2) {
                request.x0 = 5;
                request.y0 = 9;
                request.x1 = 40;
                request.y1 = 30;
            }
            Decoded part(cut, request);
            CHECK(part.code == J2KL_OK && !part.missing().empty(), context + part.error());
        }
    }
}

void truncated()
{
    for (std::uint32_t progression = 0; progression < 5; ++progression) {
        j2kl_parameters p = small_parameters(0, 0, 60, 50);
        p.components = 3;
        p.component_transform = 1;
        p.reversible = progression % 2 == 0 ? 1 : 0;
        p.progression = progression;
        p.plt = p.tlm = 1;
        p.precinct_count = progression > 1 ? 1 : 0;
        p.precinct_width[0] = p.precinct_height[0] = 32;
        for (const std::uint32_t layers : {1U, 3U}) {
            set_layers(p, layers, 3000);
            const std::string name = "order " + std::to_string(progression) + ", " + std::to_string(layers);
            const Bytes bytes = samples_coded(p);
            cut_everywhere(bytes, picture(p), 61, name);
        }
    }
    // Small pictures, truncated at every byte.
    for (const std::uint32_t layers : {1U, 3U}) {
        j2kl_parameters p = small_parameters(0, 0, 24, 20);
        p.components = 3;
        p.levels = 2;
        p.codeblock_width = p.codeblock_height = 4;
        set_layers(p, layers, 700);
        cut_everywhere(samples_coded(p), picture(p), 1, "small");
    }
    for (const bool markers : {false, true}) {
        j2kl_parameters p = small_parameters(0, 0, 100, 90);
        p.tile_width = 40;
        p.tile_height = 50;
        p.sop = p.eph = markers ? 1 : 0;
        p.mode_switches = markers ? 1 | 4 : 1 | 16 | 32;
        set_layers(p, 2, 4000);
        cut_everywhere(samples_coded(p), picture(p), 53, markers ? "tiles, SOP, EPH" : "tiles");
    }
}

void truncated_unusual()
{
    for (const Unusual &kind : unusual_kinds) {
        const Bytes bytes = unusual(kind);
        Decoded whole(bytes);
        Planes<std::int32_t> planes;
        for (std::uint32_t c = 0; c < whole.count(); ++c) {
            planes.push_back(whole.samples(c));
        }
        cut_everywhere(bytes, planes, 211, describe(kind));
    }
}

// A codestream that is truncated at the end of a layer decodes to the layers up to this one.
void cut_between_layers()
{
    j2kl_parameters p = small_parameters(0, 0, 120, 110);
    p.components = 3;
    set_layers(p, 4, 9000);
    const Bytes bytes = samples_coded(p);
    const Tile tile = tiles_of(bytes).at(0);
    std::vector<j2kl::Packet> packets;
    j2kl::Effort effort;
    j2kl::walk_packets(tile.coding, {0, 0, 120, 110}, view(tile.data), effort, &packets);
    const std::vector<std::size_t> sizes = sizes_of(packets);
    const std::size_t packets_per_layer = sizes.size() / 4;
    std::size_t end = tile.begin;
    for (std::uint32_t layer = 1; layer < 4; ++layer) {
        for (std::size_t i = 0; i < packets_per_layer; ++i) {
            end += sizes[(layer - 1) * packets_per_layer + i];
        }
        j2kl_request request{};
        request.layers = layer;
        Decoded asked(bytes, request), cut(cut_at(bytes, end));
        CHECK(asked.warning().empty() && !cut.missing().empty(), "layers");
        for (std::uint32_t c = 0; c < 3; ++c) {
            CHECK(asked.samples(c) == cut.samples(c), "layer " + std::to_string(layer));
        }
    }
}

// The last tile-part may have the length 0 (Psot): then only EOC shows whether the codestream is complete.
void open_length()
{
    const j2kl_parameters p = small_parameters(0, 0, 30, 20);
    Bytes bytes = samples_coded(p);
    const std::size_t sot = j2kl::find_tile_parts(view(bytes), 1)->header_end;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(sot) + 6, 4, std::uint8_t{0});
    Decoded whole(bytes);
    CHECK(whole.code == J2KL_OK && whole.warning().empty() && whole.missing().empty(), whole.warning());
    cut_everywhere(bytes, picture(p), 1, "Psot = 0");
}

void damaged()
{
    check::Random random(9);
    j2kl_parameters p = small_parameters(3, 5, 100, 90);
    set_layers(p, 3, 5000);
    p.tile_width = p.tile_height = 60;
    const Bytes bytes = samples_coded(p);
    std::vector<Bytes> sources = {bytes, unusual({true, false, false}), unusual({false, true, true})};
    p.mode_switches = 5;
    p.sop = p.eph = 1;
    p.progression = 3;
    sources.push_back(samples_coded(p));
    for (int round = 0; round < 1500; ++round) {
        const Bytes &source = sources[static_cast<std::size_t>(round) % sources.size()];
        const auto last = static_cast<std::int32_t>(source.size()) - 1;
        Bytes cut = cut_at(source, static_cast<std::size_t>(random.integer(100, last)));
        for (std::int32_t changes = random.integer(1, 4); changes > 0; --changes) {
            const auto end = static_cast<std::int32_t>(cut.size()) - 1;
            const std::int32_t at = random.integer(2, round % 3 == 0 ? std::min(end, 200) : end);
            cut[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1U << random.integer(0, 7));
        }
        j2kl_request request{};
        request.reduce = round % 2 == 0 ? 1 : 0;
        request.layers = round % 4 == 1 ? 1 : 0;
        j2kl_limits limits{};
        limits.max_samples = 1 << 20;
        limits.max_tiles = 256;
        Decoded decoded(cut, request, limits);
        CHECK(decoded.code == J2KL_OK || !decoded.error().empty(), "a failure has a text");
        for (std::uint32_t i = 0; decoded.code == J2KL_OK && i < decoded.count(); ++i) {
            decoded.samples(i);
        }
    }
}

} // namespace

void codestream_tests()
{
    listed_packets();
    unusual_packets();
    cut_between_layers();
    open_length();
    damaged();
}

void truncation_tests()
{
    truncated();
    truncated_unusual();
}
