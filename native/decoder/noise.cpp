#include "decoder/noise.hpp"

#include <algorithm>

namespace j2kl::picture {

namespace {

constexpr std::int32_t lowest = -2560, highest = 5632, unit = 32, one = 80; // a code is 8 log2(noise) + 80
constexpr int share_bits = 14;

// Between which two centres of tiles a pair of samples lies, and where.
struct Position {
    std::size_t low;
    std::int64_t share; // 0 .. 2^14
};

// `halves`: the centres of the tiles, and `first`: that of the first pair, in halves of a sample.
std::vector<Position> positions(const std::vector<std::int64_t> &halves, std::int64_t first,
                                std::size_t count)
{
    std::vector<Position> result(count, Position{0, 0});
    for (std::size_t i = 0; i < count && halves.size() > 1; ++i) {
        const std::int64_t at = first + 4 * static_cast<std::int64_t>(i);
        const auto after = std::upper_bound(halves.begin(), halves.end(), at) - halves.begin();
        const std::int64_t last = static_cast<std::int64_t>(halves.size()) - 2;
        const auto low = static_cast<std::size_t>(std::clamp<std::int64_t>(after - 1, 0, last));
        const std::int64_t length = std::max<std::int64_t>(halves[low + 1] - halves[low], 1);
        const std::int64_t way = std::max<std::int64_t>(at - halves[low], 0);
        result[i] = {low,
                     std::min<std::int64_t>((way << share_bits) / length, std::int64_t{1} << share_bits)};
    }
    return result;
}

std::int64_t between(std::int64_t before, std::int64_t after, std::int64_t share)
{
    return before * ((std::int64_t{1} << share_bits) - share) + after * share;
}

} // namespace

NoiseCodes noise_codes(const Segment &segment, const TileGrid &tiles, std::uint32_t component,
                       std::uint32_t layer, const Rect &area)
{
    NoiseCodes result;
    if (segment.noise.empty()) {
        return result;
    }
    const std::size_t count = segment.noise_tiles, row = std::min(layer, segment.noise_layers) - 1;
    const std::uint8_t *codes =
        segment.noise.data() + (std::size_t{component} * segment.noise_layers + row) * count;
    if (std::find(codes, codes + count, std::uint8_t{0}) != codes + count) {
        return result;
    }
    std::vector<std::int64_t> levels(count);
    for (std::size_t i = 0; i < count; ++i) {
        levels[i] = std::clamp((codes[i] - one) * unit, lowest, highest);
    }
    if (count == 1) {
        result.codes.push_back(static_cast<std::int16_t>(levels[0]));
        return result;
    }
    const std::size_t across = tiles.across(), down = tiles.down();
    std::vector<std::int64_t> rows(down), columns(across);
    for (std::size_t i = 0; i < down; ++i) {
        const Rect tile = tiles.tile(i * across);
        rows[i] = std::int64_t{tile.y0} + tile.y1;
    }
    for (std::size_t i = 0; i < across; ++i) {
        const Rect tile = tiles.tile(i);
        columns[i] = std::int64_t{tile.x0} + tile.x1;
    }
    const std::uint32_t top = area.y0 / 2, left = area.x0 / 2;
    const std::size_t height = ceil_div(area.y1, 2) - top, width = ceil_div(area.x1, 2) - left;
    const std::vector<Position> down_at = positions(rows, 4 * std::int64_t{top} + 1, height);
    const std::vector<Position> across_at = positions(columns, 4 * std::int64_t{left} + 1, width);
    result.stride = static_cast<std::ptrdiff_t>(width);
    result.codes.resize(height * width);
    std::vector<std::int64_t> line(across);
    for (std::size_t y = 0; y < height; ++y) {
        const Position &at = down_at[y];
        const std::size_t next = std::min(at.low + 1, down - 1);
        for (std::size_t i = 0; i < across; ++i) {
            line[i] = between(levels[at.low * across + i], levels[next * across + i], at.share);
        }
        for (std::size_t x = 0; x < width; ++x) {
            const Position &place = across_at[x];
            const std::int64_t value =
                between(line[place.low], line[std::min(place.low + 1, across - 1)], place.share);
            result.codes[y * width + x] = static_cast<std::int16_t>(
                (value + (std::int64_t{1} << (2 * share_bits - 1))) >> (2 * share_bits));
        }
    }
    return result;
}

} // namespace j2kl::picture
