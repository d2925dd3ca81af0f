// T.800 B.10.5: more zero bit-planes for all code-blocks of a subband, without decoding them.
#pragma once

#include "base/bytes.hpp"
#include "codestream/coding.hpp"
#include "codestream/packets.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl {

// Rewrites the packet headers of a tile. Every node of a tag tree of zero bit-planes grows by the same number. So the
// bits of the tree stay the same, but for zeros in front of those that its root has.
class RaisedPlanes {
public:
    // `planes` has the numbers of further zero bit-planes of every component: LL, then HL, LH and HH from the coarsest
    // to the finest level. Throws Failure if it has another size.
    RaisedPlanes(const Coding &coding, const std::uint8_t *planes, std::size_t count);

    // Appends a packet, and its place to `packets`. `data` is that of the tile.
    void append(const Bytes &data, const Packet &packet, const PacketHeader &header);

    const std::vector<std::uint8_t> &bytes() const { return bytes_; }
    const std::vector<Packet> &packets() const { return packets_; }

private:
    void append_header(const Bytes &data, const Packet &packet, const PacketHeader &header);
    std::uint32_t more(const Packet &packet, std::uint32_t band) const;

    const Coding &coding_;
    const std::uint8_t *planes_;
    std::size_t bands_ = 0; // of a component
    std::vector<std::uint8_t> bytes_;
    std::vector<Packet> packets_;
};

} // namespace j2kl
