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
    std::uint32_t number = 0;     // see Contribution
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
    bool started = false; // a code-block has contributed
};

using PrecinctState = std::vector<BandState>;

// Passes of one codeword segment (D.4.2, D.6), and the bytes that a packet has of them.
struct Segment {
    std::uint32_t passes, size;
};

// The contribution of a code-block to a packet.
struct Contribution {
    std::uint32_t band = 0, block = 0;
    std::uint32_t number = 0;      // of the code-block in its tile, in the order of first contributions
    std::uint32_t zero_planes = 0; // only of a first contribution
    std::size_t first_segment = 0, end_segment = 0; // in the segments of the header
    std::size_t first_bit = 0, last_bit = 0; // in the record: number of passes, lengths
    bool opens_band = false;                 // it is the first contribution to its subband of the precinct
    std::size_t planes_bit = 0;              // in the record: its zero bit-planes; only of a first contribution
    std::uint64_t size = 0;
};

struct PacketHeader {
    std::vector<Contribution> contributions;
    std::vector<Segment> segments;
    std::vector<bool> record; // all bits of the header
    std::uint32_t blocks = 0; // code-blocks that have contributed so far, to all packets
};

// The number of passes in the codeword segment that begins after `done` passes, or of those that are left of it.
std::uint32_t passes_in_segment(std::uint32_t style, std::uint32_t done);

// Reads a header after its first bit, which says that the packet is not empty. Returns false if the header is
// invalid. If it is truncated, bits.ended() is true afterwards.
bool read_packet_header(HeaderReader &bits, std::uint32_t style, std::uint32_t layer, PrecinctState &state,
                        PacketHeader &header);

// Writes a header that has been read, with the contributions that `header` still has. `state` is the
// state before the packet was read.
void write_packet_header(HeaderWriter &bits, std::uint32_t layer, PrecinctState &state,
                         const PacketHeader &header);

} // namespace j2kl
