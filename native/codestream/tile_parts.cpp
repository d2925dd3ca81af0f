#include "codestream/tile_parts.hpp"

#include "codestream/markers.hpp"

#include <algorithm>

namespace j2kl {

namespace {

constexpr std::size_t sot_size = 12;
constexpr std::size_t most_tile_parts = std::size_t{1} << 20;

} // namespace

std::size_t TileParts::declared_count(std::uint32_t tile) const
{
    std::size_t count = 0;
    for (const std::uint32_t part : of_tile[tile]) {
        count = std::max<std::size_t>(count, all[part].count);
    }
    return count;
}

bool TileParts::has_all_of(std::uint32_t tile) const
{
    const std::vector<std::uint32_t> &parts = of_tile[tile];
    return !parts.empty() && declared_count(tile) > 0 && parts.size() >= declared_count(tile) &&
           !all[parts.back()].cut;
}

bool TileParts::complete() const
{
    for (std::uint32_t tile = 0; tile < of_tile.size(); ++tile) {
        if (of_tile[tile].empty() || of_tile[tile].size() < declared_count(tile)) {
            return false;
        }
    }
    return ended; // with EOC, a tile without TNsot counts as complete
}

std::optional<TileParts> find_tile_parts(const Bytes &codestream, std::uint64_t tiles)
{
    const auto pass = [](std::uint32_t, std::size_t, const Bytes &) { return true; };
    const std::optional<std::size_t> header_end = for_segments(codestream, 2, marker::sot, pass);
    if (!header_end || tiles > 65535) {
        return std::nullopt;
    }
    TileParts result;
    result.header_end = *header_end;
    result.of_tile.resize(static_cast<std::size_t>(tiles));
    const std::size_t size = codestream.size;
    std::size_t at = *header_end;
    while (size - at >= 2 && !result.ended) {
        const std::uint32_t name = codestream.u16(at);
        if (name == marker::eoc) {
            result.ended = true;
        } else if (name != marker::sot || result.all.size() >= most_tile_parts) {
            return std::nullopt;
        } else if (size - at < sot_size) {
            break;
        } else {
            const std::uint32_t tile = codestream.u16(at + 4), length = codestream.u32(at + 6);
            const std::uint8_t index = codestream.data[at + 10], count = codestream.data[at + 11];
            if (codestream.u16(at + 2) != sot_size - 2 || tile >= tiles ||
                index != result.of_tile[tile].size() || (length > 0 && length < sot_size + 2)) {
                return std::nullopt;
            }
            const std::size_t left = size - at;
            std::size_t end = at + std::min<std::size_t>(length, left);
            bool cut = length > left;
            if (length == 0) {
                // The tile-part extends to the end of the codestream. Without EOC, it is truncated.
                cut = codestream.u16(size - 2) != marker::eoc || left < sot_size + 4;
                end = cut ? size : size - 2;
            }
            result.of_tile[tile].push_back(static_cast<std::uint32_t>(result.all.size()));
            result.all.push_back({tile, count, cut, at, end});
            at = end;
        }
    }
    return result;
}

} // namespace j2kl
