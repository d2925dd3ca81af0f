#include "codestream/scan.hpp"

#include "base/bytes.hpp"
#include "base/failure.hpp"
#include "codestream/boxes.hpp"
#include "codestream/markers.hpp"

#include <algorithm>
#include <cstring>

namespace j2kl {

namespace {

// Calls visit(box) for the boxes in [at, end) of a file in memory until it returns false.
template <class Visit>
void for_boxes(const Bytes &file, std::uint64_t at, std::uint64_t end, const Visit &visit)
{
    const auto read = [&](std::uint64_t offset, std::uint8_t *target, std::size_t count) {
        const Bytes part = file.from(static_cast<std::size_t>(offset), count);
        std::memcpy(target, part.data, part.size);
        return part.size;
    };
    j2kl::for_boxes(read, at, end, visit);
}

void scan_header_box(const Bytes &file, const Box &header, CodestreamScan &result)
{
    for_boxes(file, header.content, header.end, [&](const Box &box) {
        if (box.type == box_type("cmap")) {
            result.channels = std::max(result.channels, static_cast<std::uint32_t>((box.end - box.content) / 4));
        }
        return true;
    });
}

void scan_siz(const Bytes &codestream, CodestreamScan &result)
{
    constexpr std::size_t fixed_part = 42; // SOC, SIZ and its fields up to Csiz
    if (codestream.size < fixed_part) {
        throw Failure(J2KL_ERROR_OPENJPEG, "the codestream ends within its SIZ marker segment");
    }
    if (!codestream.starts_with(soc_and_siz, sizeof soc_and_siz)) {
        throw Failure(J2KL_ERROR_OPENJPEG, "the codestream does not begin with SOC and SIZ");
    }
    TileGrid &tiles = result.tiles;
    tiles.image = {codestream.u32(16), codestream.u32(20), codestream.u32(8), codestream.u32(12)};
    tiles.width = codestream.u32(24);
    tiles.height = codestream.u32(28);
    tiles.x0 = codestream.u32(32);
    tiles.y0 = codestream.u32(36);
    result.components = codestream.u16(40);
    const Rect &image = tiles.image;
    if (image.empty() || tiles.width == 0 || tiles.height == 0 || tiles.x0 > image.x0 ||
        tiles.y0 > image.y0 || std::uint64_t{tiles.x0} + tiles.width <= image.x0 ||
        std::uint64_t{tiles.y0} + tiles.height <= image.y0 || result.components == 0) {
        throw Failure(J2KL_ERROR_OPENJPEG, "the image or tile size in SIZ makes no sense");
    }
    result.has_size = true;
    for_segments(codestream, 2, marker::sot, [&](std::uint32_t name, std::size_t, const Bytes &) {
        result.high_throughput |= name == marker::cap;
        return true;
    });
}

} // namespace

CodestreamScan scan(const std::uint8_t *data, std::size_t size)
{
    const Bytes bytes = {data, size};
    CodestreamScan result;
    if (bytes.starts_with(jp2_signature, sizeof jp2_signature)) {
        result.is_jp2 = true;
        for_boxes(bytes, 0, size, [&](const Box &box) {
            if (box.type == box_type("jp2h")) {
                scan_header_box(bytes, box, result);
            } else if (box.type == box_type("jp2c")) {
                result.box = static_cast<std::size_t>(box.start);
                result.begin = static_cast<std::size_t>(box.content);
                result.end = static_cast<std::size_t>(box.end);
                scan_siz(bytes.from(result.begin, result.end - result.begin), result);
                return false;
            }
            return true;
        });
    } else if (bytes.starts_with(soc_and_siz, sizeof soc_and_siz)) {
        scan_siz(bytes, result);
        result.end = size;
    } else {
        throw Failure(J2KL_ERROR_OPENJPEG, "this is neither a JPEG 2000 codestream nor a JP2 file");
    }
    return result;
}

} // namespace j2kl
