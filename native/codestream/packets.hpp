// T.800 B.9 and B.10: parses the packets of a tile one after the other.
#pragma once

#include "base/bytes.hpp"
#include "base/geometry.hpp"
#include "codestream/coding.hpp"
#include "codestream/precincts.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace j2kl {

struct PacketWalk {
    std::uint64_t packets = 0; // number of complete packets from the start
    std::size_t size = 0;      // ... and their bytes
    bool damaged = false;      // the next packet is invalid; if false, it is truncated or there is none
    // The truncated packet, rewritten with only its complete code-blocks. Empty if it has none.
    std::vector<std::uint8_t> rest;
};

// `data` is the concatenated data of the tile-parts of the tile. Returns nothing if `effort` or the limit on
// code-blocks is exceeded. Appends the size of every complete packet to `sizes`, if given.
std::optional<PacketWalk> walk_packets(const Coding &coding, const Rect &tile, const Bytes &data,
                                       Effort &effort, std::vector<std::size_t> *sizes = nullptr);

// Appends empty packets; `first` is the number of the first one in the tile, for SOP.
void append_empty_packets(const Coding &coding, std::uint64_t first, std::uint64_t count,
                          std::vector<std::uint8_t> &bytes);
std::uint64_t empty_packet_size(const Coding &coding);

} // namespace j2kl
