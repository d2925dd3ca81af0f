#include "codestream/order.hpp"

#include "codestream/markers.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>

namespace j2kl {

namespace {

constexpr std::size_t sot_size = 12;
constexpr std::size_t most_tile_parts = std::size_t{1} << 20;

struct Found {
    std::uint32_t tile, index;
    std::size_t begin, end;
};

// Whether a tile-part begins here.
bool is_sot(const Bytes &codestream, std::size_t at, std::uint64_t tiles)
{
    if (codestream.size - at < sot_size || codestream.u16(at) != marker::sot) {
        return false;
    }
    const std::uint32_t length = codestream.u32(at + 6);
    return codestream.u16(at + 2) == sot_size - 2 && codestream.u16(at + 4) < tiles &&
           (length == 0 || length >= sot_size + 2);
}

// The offset of the next SOT or EOC, or the end. Neither occurs in the packets of a tile-part (D.1, B.10.1).
std::size_t next(const Bytes &codestream, std::size_t at, std::uint64_t tiles)
{
    while (codestream.size - at >= 2) {
        if (is_sot(codestream, at, tiles) || codestream.u16(at) == marker::eoc) {
            return at;
        }
        ++at;
    }
    return codestream.size;
}

// Sorts the tile-parts of a tile by index; the first should be `first`. Returns false if one is missing or is there
// twice.
bool sort(std::vector<Found> &parts, std::uint32_t first)
{
    const auto same = [&](const Found &part) { return part.index == parts.front().index; };
    if (!std::all_of(parts.begin(), parts.end(), same)) { // else the indices say nothing
        std::stable_sort(parts.begin(), parts.end(),
                         [](const Found &a, const Found &b) { return a.index < b.index; });
        for (std::size_t i = 0; i < parts.size(); ++i) {
            if (parts[i].index != first + i) {
                return false;
            }
        }
    }
    return true;
}

} // namespace

std::vector<std::uint8_t> in_order(const Bytes &codestream, std::uint64_t tiles)
{
    bool packed = false;
    const auto visit = [&](std::uint32_t name, std::size_t, const Bytes &) {
        packed = packed || name == marker::ppm; // packet headers in the order of the tile-parts
        return true;
    };
    const std::optional<std::size_t> header_end = for_segments(codestream, 2, marker::sot, visit);
    if (!header_end || packed || tiles > 65535) {
        return {};
    }
    std::vector<std::vector<Found>> of_tile(static_cast<std::size_t>(tiles));
    std::size_t count = 0, at = *header_end;
    std::uint32_t first = UINT32_MAX; // the lowest index: 0, but some encoders count from 1
    for (;;) {
        at = next(codestream, at, tiles);
        if (codestream.size - at < sot_size || codestream.u16(at) == marker::eoc) {
            break;
        }
        const std::uint32_t tile = codestream.u16(at + 4), length = codestream.u32(at + 6);
        const std::size_t left = codestream.size - at;
        if (length == 0 || length > left || ++count > most_tile_parts) {
            return {}; // the end of such a tile-part is unknown
        }
        of_tile[tile].push_back({tile, codestream.data[at + 10], at, at + length});
        first = std::min<std::uint32_t>(first, codestream.data[at + 10]);
        at += length;
    }
    if (count == 0 || codestream.size - at < 2) {
        return {}; // there is none, or the codestream is truncated
    }
    std::vector<std::uint8_t> out(codestream.data, codestream.data + 2);
    for_segments(codestream, 2, marker::sot, [&](std::uint32_t name, std::size_t start, const Bytes &content) {
        if (name != marker::tlm && name != marker::plm) { // they list tile-parts in order
            out.insert(out.end(), codestream.data + start, codestream.data + start + 4 + content.size);
        }
        return true;
    });
    for (std::vector<Found> &parts : of_tile) {
        if (parts.size() > UINT8_MAX || !sort(parts, first)) {
            return {};
        }
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const std::size_t start = out.size();
            out.insert(out.end(), codestream.data + parts[i].begin, codestream.data + parts[i].end);
            out[start + 10] = static_cast<std::uint8_t>(i);
            out[start + 11] = static_cast<std::uint8_t>(parts.size());
        }
    }
    out.insert(out.end(), {0xff, 0xd9});
    return out;
}

} // namespace j2kl
