#include "codestream/layer_count.hpp"

#include "base/bytes.hpp"
#include "codestream/markers.hpp"
#include "codestream/tile_parts.hpp"

#include <optional>

namespace j2kl {

std::vector<std::uint8_t> with_possible_layers(const std::uint8_t *data, std::size_t size, const CodestreamScan &scan)
{
    constexpr std::size_t layers_at = 2; // in the content of COD (A.6.1)
    if (!scan.has_size || size >= UINT16_MAX) {
        return {};
    }
    const Bytes codestream = {data + scan.begin, size - scan.begin};
    std::vector<std::size_t> excessive; // offsets of the numbers to change
    const auto visit = [&](std::uint32_t name, std::size_t at, const Bytes &content) {
        if (name == marker::cod && content.size >= layers_at + 2 && content.u16(layers_at) > size) {
            excessive.push_back(scan.begin + at + 4 + layers_at);
        }
        return true;
    };
    for_segments(codestream, 2, marker::sot, visit);
    const std::optional<TileParts> parts = find_tile_parts(codestream, scan.tiles.count());
    for (std::size_t i = 0; parts && i < parts->all.size(); ++i) {
        for_segments(codestream.from(0, parts->all[i].end), parts->all[i].begin + 12, marker::sod, visit);
    }
    if (excessive.empty()) {
        return {};
    }
    std::vector<std::uint8_t> result(data, data + size);
    for (const std::size_t at : excessive) {
        result[at] = static_cast<std::uint8_t>(size >> 8);
        result[at + 1] = static_cast<std::uint8_t>(size & 0xff);
    }
    return result;
}

} // namespace j2kl
