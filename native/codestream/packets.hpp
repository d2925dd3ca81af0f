// T.800 B.9 and B.10: from packet to packet through the data of a tile.
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
    std::uint64_t packets = 0; // whole ones, from the first on
    std::size_t size = 0;      // ... and what they take
    bool damaged = false;      // the next one makes no sense; else it is cut, or there is none
    // The next one, written anew with those of its code-blocks that are whole. Empty where there are none.
    std::vector<std::uint8_t> rest;
};

// `data` is what the tile-parts of the tile hold, one after the other. Nothing where there is too much to do.
// `sizes`, where given, gets the size of every packet.
std::optional<PacketWalk> walk_packets(const Coding &coding, const Rect &tile, const Bytes &data,
                                       Effort &effort, std::vector<std::size_t> *sizes = nullptr);

// Packets without data; `first` is the number of the first of them in the tile.
void append_empty_packets(const Coding &coding, std::uint64_t first, std::uint64_t count,
                          std::vector<std::uint8_t> &bytes);
std::uint64_t empty_packet_size(const Coding &coding);

} // namespace j2kl
