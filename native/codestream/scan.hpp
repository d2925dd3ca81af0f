// Finds SIZ and the codestream in a file, before OpenJPEG allocates memory for the sizes that SIZ declares.
#pragma once

#include "base/geometry.hpp"

#include <cstddef>
#include <cstdint>

namespace j2kl {

struct CodestreamScan {
    bool is_jp2 = false;
    bool high_throughput = false; // the main header has the marker segment CAP of HTJ2K (T.814)
    bool has_size = false; // SIZ was found; if not, the fields below are invalid
    TileGrid tiles;        // including the image area
    std::uint32_t components = 0;
    std::uint32_t channels = 0;     // of a JP2 component mapping box (cmap); 0: none
    std::size_t begin = 0, end = 0; // of the codestream in the file
    std::size_t box = 0;            // JP2: where the box of the codestream begins
};

// Throws Failure if the bytes are not JPEG 2000, or if the sizes in SIZ contradict each other.
CodestreamScan scan(const std::uint8_t *data, std::size_t size);

} // namespace j2kl
