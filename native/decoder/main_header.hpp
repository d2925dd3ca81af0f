// The main header of a codestream (T.800 A.3), as far as learned files need it, and the header of their carrier.
#pragma once

#include "base/bytes.hpp"
#include "base/geometry.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace j2kl::picture {

// Bits of a carrier in addition to the bits of the picture and the fractional bits.
constexpr std::uint32_t headroom = 2;

struct MainHeader {
    // `head` is the main header, from SOC up to the first SOT marker. Throws Failure if it is damaged.
    explicit MainHeader(const std::vector<std::uint8_t> &head);

    struct Component {
        std::uint32_t precision;
        bool is_signed;
        std::uint32_t dx, dy;
    };

    TileGrid tiles; // including the area of the picture
    std::vector<Component> components;
    std::uint32_t levels = 0, layers = 0;
    bool reversible = false, component_transform = false;
    std::vector<std::pair<std::size_t, std::size_t>> quantisation; // offset of Sqcd or Sqcc, end of the segment
    std::vector<std::pair<std::size_t, std::size_t>> binary_comments; // the data of COM with Rcom = 0

    const Rect &area() const { return tiles.image; }

    // Rewrites the header of a learned picture, in place, so that OpenJPEG decodes its carrier as signed samples of
    // `precision` bits. Throws Failure (J2KL_ERROR_SEGMENT) if the quantisation is not that of a learned picture.
    void widen(std::vector<std::uint8_t> &head, std::uint32_t precision) const;

private:
    void parse_siz(const Bytes &body);
    void parse_cod(const Bytes &body);
};

} // namespace j2kl::picture
