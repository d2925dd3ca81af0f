// A first look at the bytes, before OpenJPEG sets aside memory for what they claim.
#pragma once

#include "base/geometry.hpp"

#include <cstddef>
#include <cstdint>

namespace j2kl {

struct CodestreamScan {
    bool is_jp2 = false;
    bool has_size = false; // SIZ was found; else what follows means nothing
    TileGrid tiles;        // with the image area
    std::uint32_t components = 0;
    std::uint32_t channels = 0;     // of a JP2 palette, which multiplies the components; 0: none
    std::size_t begin = 0, end = 0; // the codestream
    std::size_t box = 0;            // of JP2: the box that it is in
};

// Throws Failure where the bytes are no JPEG 2000 at all, or SIZ contradicts itself.
CodestreamScan scan(const std::uint8_t *data, std::size_t size);

} // namespace j2kl
