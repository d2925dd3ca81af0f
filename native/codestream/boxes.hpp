// T.800 Annex I: iteration over the boxes of a JP2 file.
#pragma once

#include "base/bytes.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace j2kl {

inline constexpr std::uint8_t jp2_signature[12] = {0,    0,    0,    12,   0x6a, 0x50,
                                                   0x20, 0x20, 0x0d, 0x0a, 0x87, 0x0a};

constexpr std::uint32_t box_type(const char (&name)[5])
{
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
        value = (value << 8) | static_cast<std::uint8_t>(name[i]);
    }
    return value;
}

struct Box {
    std::uint32_t type;
    std::uint64_t start, content, end; // offsets in the file
};

// Calls visit(box) for every box in [at, end) until it returns false (I.4). Stops at an invalid length.
// read(offset, target, count) copies up to `count` bytes of the file, and returns how many.
template <class Read, class Visit>
void for_boxes(const Read &read, std::uint64_t at, std::uint64_t end, const Visit &visit)
{
    while (at < end && end - at >= 8) {
        std::uint8_t head[16];
        const Bytes bytes = {head, read(at, head, sizeof head)};
        const std::uint64_t left = end - at;
        if (bytes.size < 8) {
            return;
        }
        std::uint64_t length = bytes.u32(0), header = 8;
        if (length == 1) {
            if (bytes.size < 16) {
                return;
            }
            length = std::uint64_t{bytes.u32(8)} << 32 | bytes.u32(12);
            header = 16;
        } else if (length == 0) {
            length = left; // to the end of the file
        }
        if (length < header || left < header) {
            return;
        }
        const Box box = {bytes.u32(4), at, at + header, at + std::min(length, left)};
        if (!visit(box)) {
            return;
        }
        at = box.end;
    }
}

} // namespace j2kl
