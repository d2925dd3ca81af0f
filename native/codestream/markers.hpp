// T.800 Annex A: marker codes, and iteration over the marker segments of a header.
#pragma once

#include "base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace j2kl {

namespace marker {

inline constexpr std::uint32_t soc = 0xff4f, cap = 0xff50, siz = 0xff51, cod = 0xff52, coc = 0xff53, tlm = 0xff55, plm = 0xff57,
                               plt = 0xff58, qcd = 0xff5c, qcc = 0xff5d, rgn = 0xff5e, poc = 0xff5f, ppm = 0xff60, ppt = 0xff61, com = 0xff64, sot = 0xff90,
                               sop = 0xff91, eph = 0xff92, sod = 0xff93, eoc = 0xffd9;

} // namespace marker

// How a codestream begins: SOC, and the marker SIZ.
inline constexpr std::uint8_t soc_and_siz[4] = {0xff, 0x4f, 0xff, 0x51};

// Whether a marker stands alone, without a length and parameters (Table A.1: reserved for future extensions).
constexpr bool stands_alone(std::uint32_t name)
{
    return name >= 0xff30 && name <= 0xff3f;
}

// Calls visit(marker, offset, content) for every marker segment from `at` on, until it returns false.
// Markers that stand alone are skipped.
// Returns the offset of the marker `last`, or nothing if visit() returned false, if a length is
// invalid, or if the bytes end first.
template <class Visit>
std::optional<std::size_t> for_segments(const Bytes &bytes, std::size_t at, std::uint32_t last,
                                        const Visit &visit)
{
    while (at <= bytes.size && bytes.size - at >= 2) {
        const std::uint32_t name = bytes.u16(at);
        if (name == last) {
            return at;
        }
        if (stands_alone(name)) {
            at += 2;
            continue;
        }
        const std::size_t left = bytes.size - at;
        if (name < 0xff00 || left < 4) {
            break;
        }
        const std::uint32_t length = bytes.u16(at + 2);
        if (length < 2 || length > left - 2 || !visit(name, at, bytes.from(at + 4, length - 2))) {
            break;
        }
        at += 2 + length;
    }
    return std::nullopt;
}

} // namespace j2kl
