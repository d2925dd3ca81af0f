#include "codestream/code_blocks.hpp"

#include "base/failure.hpp"
#include "codestream/markers.hpp"
#include "codestream/packets.hpp"
#include "codestream/precincts.hpp"
#include "codestream/scan.hpp"

#include <algorithm>

namespace j2kl {

namespace {

constexpr std::uint32_t transform_97 = 0; // Table A.20
constexpr std::uint32_t expounded = 2;    // Table A.28
constexpr std::size_t sot_size = 12;

void expect(bool condition)
{
    if (!condition) {
        throw Failure(J2KL_ERROR_UNSUPPORTED, "the code-blocks of the codestream cannot be decoded by themselves");
    }
}

std::size_t subbands(std::uint32_t levels)
{
    return 3 * std::size_t{levels} + 1;
}

// Whether a component, as COD or COC codes it, has the 9/7 and a block coder that is supported.
bool is_97(const Bytes &parameters)
{
    return parameters.size >= 5 && parameters.data[4] == transform_97 && (parameters.data[3] & style_ht) == 0;
}

// Mb of the subbands, from Sqcd and what follows it.
std::vector<std::uint8_t> bit_planes_of(const Bytes &content, std::uint32_t levels)
{
    expect(content.size == 1 + 2 * subbands(levels) && (content.data[0] & 31U) == expounded);
    const std::uint32_t guard_bits = content.data[0] >> 5;
    std::vector<std::uint8_t> planes;
    for (std::size_t i = 0; i < subbands(levels); ++i) {
        const std::uint32_t sum = guard_bits + (content.u16(1 + 2 * i) >> 11);
        planes.push_back(static_cast<std::uint8_t>(sum > 0 ? sum - 1 : 0));
    }
    return planes;
}

// One coordinate of the code-blocks of a precinct in a subband.
struct Span {
    std::uint32_t first, last, exponent;

    Span(std::uint32_t precinct, std::uint32_t precinct_exponent, std::uint32_t block_exponent, std::uint32_t start,
         std::uint32_t end)
        : exponent(std::min(precinct_exponent, block_exponent))
    {
        const std::uint64_t from = std::uint64_t{precinct} << precinct_exponent,
                            to = from + (std::uint64_t{1} << precinct_exponent);
        first = static_cast<std::uint32_t>(std::max<std::uint64_t>(from, start));
        last = static_cast<std::uint32_t>(std::min<std::uint64_t>(to, end));
    }

    // Where a code-block begins and ends.
    std::uint32_t begin(std::uint32_t index) const { return std::max(first, edge(index)); }
    std::uint32_t end(std::uint32_t index) const { return std::min(last, edge(index + 1)); }
    std::uint32_t count() const { return ceil_shift(last, exponent) - (first >> exponent); }

private:
    std::uint32_t edge(std::uint32_t index) const
    {
        const std::uint64_t at = ((std::uint64_t{first} >> exponent) + index) << exponent;
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(at, last));
    }
};

// The code-blocks of a tile, collected from its packets.
class Collector {
public:
    Collector(const Coding &coding, const Rect &tile, TileBlocks &result)
        : coding_(coding), tile_(tile), result_(result)
    {
    }

    // `place` returns where bytes of the tile's data lie in the codestream.
    template <class Place> void visit(const Packet &packet, const PacketHeader &header, const Place &place)
    {
        std::size_t at = packet.body;
        for (const Contribution &contribution : header.contributions) {
            if (contribution.number == result_.blocks.size()) {
                result_.blocks.push_back(block(packet, contribution));
            }
            for (std::size_t i = contribution.first_segment; i < contribution.end_segment; ++i) {
                const Segment &segment = header.segments[i];
                result_.pieces.push_back(
                    {contribution.number, packet.layer, segment.passes, segment.size, place(at, segment.size)});
                at += segment.size;
            }
        }
    }

    void finish()
    {
        std::vector<Piece> &pieces = result_.pieces;
        std::stable_sort(pieces.begin(), pieces.end(),
                         [](const Piece &a, const Piece &b) { return a.block < b.block; });
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            CodeBlock &block = result_.blocks[pieces[i].block];
            block.first_piece = block.end_piece == 0 ? i : block.first_piece;
            block.end_piece = i + 1;
        }
    }

private:
    CodeBlock block(const Packet &packet, const Contribution &contribution) const
    {
        const ComponentCoding &component = coding_.components[packet.component];
        const PrecinctGrid grid = precinct_grid(component, tile_, packet.resolution);
        const bool lowest = packet.resolution == 0;
        const std::uint32_t level = lowest ? component.levels : component.levels - packet.resolution + 1;
        const Band band = lowest ? Band::LL : details[contribution.band];
        const Rect area = tile_.component(component.dx, component.dy).subband(band, level);
        const std::uint32_t less = lowest ? 0 : 1;
        const Span across((grid.area.x0 >> grid.ppx) + packet.precinct % grid.across, grid.ppx - less,
                          component.block_width, area.x0, area.x1),
            down((grid.area.y0 >> grid.ppy) + packet.precinct / grid.across, grid.ppy - less,
                 component.block_height, area.y0, area.y1);
        const std::uint32_t x = contribution.block % across.count(), y = contribution.block / across.count();
        return {packet.component,
                level,
                band,
                {across.begin(x), down.begin(y), across.end(x), down.end(y)},
                component.style,
                contribution.zero_planes};
    }

    const Coding &coding_;
    const Rect tile_;
    TileBlocks &result_;
};

} // namespace

BlockIndex::BlockIndex(const Bytes &codestream) : codestream_(codestream)
{
    const CodestreamScan found = scan(codestream.data, codestream.size);
    expect(!found.is_jp2 && !found.high_throughput && found.has_size);
    tiles_ = found.tiles;
    std::optional<TileParts> parts = find_tile_parts(codestream, tiles_.count());
    expect(parts && parts->complete());
    parts_ = std::move(*parts);
    Effort effort;
    Bytes all;                              // of QCD
    std::vector<std::optional<Bytes>> some; // of QCC
    const auto visit = [&](std::uint32_t name, std::size_t, const Bytes &content) {
        if (!effort.spend(1 + coding_.components.size()) || !coding_.read(name, content, false)) {
            return false;
        }
        some.resize(coding_.components.size());
        const std::size_t wide = some.size() > 256 ? 2 : 1;
        if (name == marker::cod) {
            return is_97(content.from(5, content.size));
        }
        if (name == marker::coc) {
            return is_97(content.from(wide + 1, content.size));
        }
        if (name == marker::qcd) {
            all = content;
        } else if (name == marker::qcc) {
            const std::uint32_t index = content.size <= wide ? UINT32_MAX : wide == 2 ? content.u16(0) : content.data[0];
            if (index >= some.size()) {
                return false;
            }
            some[index] = content.from(wide, content.size);
        }
        return name != marker::rgn;
    };
    expect(for_segments(codestream, 2, marker::sot, visit) && coding_.whole.layers > 0 && all.size > 0);
    for (std::size_t i = 0; i < coding_.components.size(); ++i) {
        expect(coding_.components[i].dx == 1 && coding_.components[i].dy == 1);
        planes_.push_back(bit_planes_of(some[i].value_or(all), coding_.components[i].levels));
    }
}

std::uint32_t BlockIndex::bit_planes(std::size_t component, Band band, std::uint32_t level) const
{
    const std::size_t before = std::size_t{levels(component)} - level; // coarser levels
    return planes_[component][band == Band::LL ? 0 : 3 * before + static_cast<std::size_t>(band)];
}

// The coding of a tile, and the data of its tile-parts.
Coding BlockIndex::coding_of(std::uint32_t tile, std::vector<Bytes> &data) const
{
    Coding coding = coding_;
    Effort effort;
    for (const std::uint32_t index : parts_.of_tile[tile]) {
        const TilePart &part = parts_.all[index];
        const Bytes bytes = codestream_.from(0, part.end);
        const std::optional<std::size_t> end = for_segments(
            bytes, part.begin + sot_size, marker::sod, [&](std::uint32_t name, std::size_t, const Bytes &content) {
                const bool other = name == marker::cod || name == marker::coc || name == marker::qcd ||
                                   name == marker::qcc || name == marker::rgn;
                return !other && effort.spend(1 + coding.components.size()) && coding.read(name, content, true);
            });
        expect(end.has_value());
        data.push_back(bytes.from(*end + 2, bytes.size));
    }
    return coding;
}

TileBlocks BlockIndex::read(std::uint32_t tile) const
{
    std::vector<Bytes> parts;
    const Coding coding = coding_of(tile, parts);
    std::vector<std::uint8_t> joined;
    Bytes data;
    if (parts.size() == 1) {
        data = parts[0];
    } else {
        for (const Bytes &part : parts) {
            joined.insert(joined.end(), part.data, part.data + part.size);
        }
        data = {joined.data(), joined.size()};
    }
    // Where bytes of the data lie in the codestream. Packets come in order.
    std::size_t part = 0, before = 0;
    const auto place = [&](std::size_t at, std::size_t size) {
        while (part + 1 < parts.size() && at - before >= parts[part].size) {
            before += parts[part++].size;
        }
        expect(size == 0 || (part < parts.size() && at - before + size <= parts[part].size));
        return size == 0 ? std::size_t{0}
                         : static_cast<std::size_t>(parts[part].data - codestream_.data) + (at - before);
    };
    TileBlocks result;
    Collector collector(coding, tiles_.tile(tile), result);
    Effort effort;
    const std::optional<PacketWalk> walk = walk_packets(
        coding, tiles_.tile(tile), data, effort, nullptr, nullptr,
        [&](const Packet &packet, const PacketHeader &header) { collector.visit(packet, header, place); });
    const std::optional<std::uint64_t> packets = count_packets(coding, tiles_.tile(tile), effort);
    expect(walk && packets && !walk->damaged && walk->packets == *packets);
    collector.finish();
    return result;
}

} // namespace j2kl
