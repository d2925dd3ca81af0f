#include "decoder/noise.hpp"

#include <algorithm>

namespace j2kl::picture {

namespace {

constexpr std::int32_t lowest = -2560, highest = 5632, unit = 32, one = 80; // a code is 8 log2(noise) + 80
constexpr int share_bits = 14;

// Between which two centres of tiles the centre of a position lies, and where.
struct Place {
    std::size_t low;
    std::int64_t share; // 0 .. 2^14
};

// `halves`: the centres of the tiles, in halves of a sample; positions of `side` samples are counted from `first` on.
std::vector<Place> places(const std::vector<std::int64_t> &halves, std::int64_t first, std::size_t count,
                          std::int64_t side)
{
    std::vector<Place> result(count, Place{0, 0});
    for (std::size_t i = 0; i < count && halves.size() > 1; ++i) {
        const std::int64_t at = 2 * side * (first + static_cast<std::int64_t>(i)) + side - 1;
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

// The codes of the tiles; the table is not empty.
const std::uint8_t *codes_of(const Segment &segment, std::uint32_t component, std::uint32_t layer)
{
    const std::size_t row = std::min(layer, segment.noise_layers) - 1;
    return segment.noise.data() +
           (std::size_t{component} * segment.noise_layers + row) * segment.noise_tiles;
}

} // namespace

bool has_noise(const Segment &segment, std::uint32_t component, std::uint32_t layer)
{
    if (segment.noise.empty()) {
        return false;
    }
    const std::uint8_t *const codes = codes_of(segment, component, layer), *const end = codes + segment.noise_tiles;
    return std::find(codes, end, std::uint8_t{0}) == end;
}

NoiseCodes noise_codes(const Segment &segment, const TileGrid &tiles, std::uint32_t component,
                       std::uint32_t layer, const Rect &area, std::uint32_t side)
{
    NoiseCodes result;
    if (!has_noise(segment, component, layer)) {
        return result;
    }
    const std::size_t count = segment.noise_tiles;
    const std::uint8_t *const codes = codes_of(segment, component, layer);
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
    const std::uint32_t top = area.y0 / side, left = area.x0 / side;
    const std::size_t height = ceil_div(area.y1, side) - top, width = ceil_div(area.x1, side) - left;
    const std::vector<Place> down_at = places(rows, top, height, side), across_at = places(columns, left, width, side);
    result.stride = static_cast<std::ptrdiff_t>(width);
    result.codes.resize(height * width);
    std::vector<std::int64_t> line(across);
    for (std::size_t y = 0; y < height; ++y) {
        const Place &at = down_at[y];
        const std::size_t next = std::min(at.low + 1, down - 1);
        for (std::size_t i = 0; i < across; ++i) {
            line[i] = between(levels[at.low * across + i], levels[next * across + i], at.share);
        }
        for (std::size_t x = 0; x < width; ++x) {
            const Place &place = across_at[x];
            const std::int64_t value =
                between(line[place.low], line[std::min(place.low + 1, across - 1)], place.share);
            result.codes[y * width + x] = static_cast<std::int16_t>(
                (value + (std::int64_t{1} << (2 * share_bits - 1))) >> (2 * share_bits));
        }
    }
    return result;
}

} // namespace j2kl::picture
