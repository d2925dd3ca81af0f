// T.800 B.9 and B.10: parses the packets of a tile one after the other.
#pragma once

#include "base/bytes.hpp"
#include "base/geometry.hpp"
#include "codestream/coding.hpp"
#include "codestream/packet_header.hpp"
#include "codestream/precincts.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
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

// A packet, and where it lies in the data of its tile.
struct Packet {
    std::uint32_t component, resolution, precinct, layer;
    bool sop;                         // it begins with an SOP marker segment
    std::size_t begin, end;           // all of it
    std::size_t header, header_size;  // with EPH; in the packed headers, if there are any
    std::size_t body;

    std::size_t size() const { return end - begin; }
};

// Called with every complete packet and its header, which is empty if the packet is.
using PacketVisit = std::function<void(const Packet &packet, const PacketHeader &header)>;

// `data` is the concatenated data of the tile-parts of the tile, and `headers` its packed packet headers (A.7.4, A.7.5),
// if it has any. Returns nothing if `effort` or the limit on code-blocks is exceeded. Appends every complete packet to
// `packets`, if given, and calls `visit`, if given.
std::optional<PacketWalk> walk_packets(const Coding &coding, const Rect &tile, const Bytes &data, Effort &effort,
                                       std::vector<Packet> *packets = nullptr, const Bytes *headers = nullptr,
                                       const PacketVisit &visit = {});

// Appends empty packets; `first` is the number of the first one in the tile, for SOP.
void append_empty_packets(const Coding &coding, std::uint64_t first, std::uint64_t count,
                          std::vector<std::uint8_t> &bytes);
std::uint64_t empty_packet_size(const Coding &coding);

} // namespace j2kl
