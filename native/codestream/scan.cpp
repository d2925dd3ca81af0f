#include "codestream/scan.hpp"

#include "base/bytes.hpp"
#include "base/failure.hpp"
#include "codestream/markers.hpp"

#include <algorithm>

namespace j2kl {

namespace {

constexpr std::uint8_t jp2_signature[12] = {0, 0, 0, 12, 0x6a, 0x50, 0x20, 0x20, 0x0d, 0x0a, 0x87, 0x0a};
constexpr std::uint8_t soc_and_siz[4] = {0xff, 0x4f, 0xff, 0x51};

constexpr std::uint32_t box(const char (&name)[5])
{
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
        value = (value << 8) | static_cast<std::uint8_t>(name[i]);
    }
    return value;
}

// Calls visit(type, content, size of the box header) for every box until it returns false (T.800
// I.4). Stops at an invalid length.
template <class Visit> void for_boxes(Bytes bytes, const Visit &visit)
{
    while (bytes.size >= 8) {
        std::uint64_t length = bytes.u32(0);
        std::size_t header = 8;
        if (length == 1) {
            if (bytes.size < 16) {
                return;
            }
            length = (std::uint64_t{bytes.u32(8)} << 32) | bytes.u32(12);
            header = 16;
        } else if (length == 0) {
            length = bytes.size; // to the end of the file
        }
        if (length < header) {
            return;
        }
        const auto available = static_cast<std::size_t>(std::min<std::uint64_t>(length, bytes.size));
        if (!visit(bytes.u32(4), bytes.from(header, available - header), header)) {
            return;
        }
        bytes = bytes.from(available, bytes.size);
    }
}

void scan_header_box(const Bytes &header, CodestreamScan &result)
{
    for_boxes(header, [&](std::uint32_t type, const Bytes &content, std::size_t) {
        if (type == box("cmap")) {
            result.channels = std::max(result.channels, static_cast<std::uint32_t>(content.size / 4));
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
        for_boxes(bytes, [&](std::uint32_t type, const Bytes &content, std::size_t header) {
            if (type == box("jp2h")) {
                scan_header_box(content, result);
            } else if (type == box("jp2c")) {
                scan_siz(content, result);
                result.begin = static_cast<std::size_t>(content.data - data);
                result.end = result.begin + content.size;
                result.box = result.begin - header;
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
