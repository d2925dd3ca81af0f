// Lists the packets of complete tiles, for programs that move packets without decoding them.
#pragma once

#include "base/geometry.hpp"
#include "base/report.hpp"
#include "codestream/coding.hpp"
#include "codestream/packets.hpp"
#include "codestream/precincts.hpp"
#include "j2kl.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl {

class PacketList {
public:
    // `head` is a main header with the marker that ends it. Throws Failure if its SIZ, COD, COC or POC is invalid.
    PacketList(const std::uint8_t *head, std::size_t size, j2kl_report *report);

    // Lists the packets that a tile should have, in order, without offsets. `segments` are the marker segments of its
    // tile-part headers, with the marker SOD.
    void list(std::uint32_t tile, const Bytes &segments);

    // Lists the packets of a tile with their offsets; see walk_packets(). Throws Failure if a packet is damaged or
    // missing.
    void find(std::uint32_t tile, const Bytes &segments, const Bytes &data, const Bytes *headers);

    // Finds the packets of a tile, whose headers are in `data`, and rewrites them; see RaisedPlanes. Then packets() are
    // those of bytes().
    void raise(std::uint32_t tile, const Bytes &segments, const Bytes &data, const std::uint8_t *planes,
               std::size_t planes_count);

    const std::vector<j2kl_packet> &packets() const { return packets_; }
    const std::vector<std::uint8_t> &bytes() const { return bytes_; }
    Reporter &reporter() { return reporter_; }

private:
    bool read(std::uint32_t name, const Bytes &content, bool in_tile, Coding &coding);
    Coding coding_of(std::uint32_t tile, const Bytes &segments);
    std::uint64_t count(std::uint32_t tile, const Coding &coding);
    std::vector<Packet> walk(std::uint32_t tile, const Coding &coding, const Bytes &data, const Bytes *headers,
                             const PacketVisit &visit);
    void keep(const std::vector<Packet> &found);

    Reporter reporter_;
    TileGrid tiles_;
    Coding coding_;
    Effort effort_;
    std::vector<j2kl_packet> packets_;
    std::vector<std::uint8_t> bytes_;
};

} // namespace j2kl
