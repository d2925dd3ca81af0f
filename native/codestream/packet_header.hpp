// T.800 B.10: reads and writes packet headers.
#pragma once

#include "codestream/header_bits.hpp"
#include "codestream/precincts.hpp"
#include "codestream/tag_tree.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl {

struct Block {
    std::uint16_t passes = 0;     // in all packets so far; 0: not included yet
    std::uint8_t length_bits = 3; // Lblock (B.10.7.1)
};

// The state of one subband of a precinct after the packet headers read so far.
struct BandState {
    explicit BandState(const BlockGrid &grid)
        : inclusion(grid.across, grid.down),
          zero_planes(grid.across, grid.down),
          blocks(static_cast<std::size_t>(grid.count()))
    {
    }

    TagTree inclusion, zero_planes;
    std::vector<Block> blocks;
};

using PrecinctState = std::vector<BandState>;

// The contribution of a code-block to a packet.
struct Contribution {
    std::uint32_t band = 0, block = 0;
    std::uint32_t zero_planes = 0;
    std::size_t first_bit = 0, last_bit = 0; // in the record: number of passes, lengths
    std::uint64_t size = 0;
};

struct PacketHeader {
    std::vector<Contribution> contributions;
    std::vector<bool> record; // all bits of the header
};

// Reads a header after its first bit, which says that the packet is not empty. Returns false if the header is
// invalid. If it is truncated, bits.ended() is true afterwards.
bool read_packet_header(HeaderReader &bits, std::uint32_t style, std::uint32_t layer, PrecinctState &state,
                        PacketHeader &header);

// Writes a header that has been read, with the contributions that `header` still has. `state` is the
// state before the packet was read.
void write_packet_header(HeaderWriter &bits, std::uint32_t layer, PrecinctState &state,
                         const PacketHeader &header);

} // namespace j2kl
