// T.800 B.10: what a packet header says, read and written.
#pragma once

#include "codestream/header_bits.hpp"
#include "codestream/precincts.hpp"
#include "codestream/tag_tree.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl {

struct Block {
    std::uint16_t passes = 0; // 0: not included yet
    std::uint8_t length_bits = 3;
};

// What the headers of a precinct's packets have said of one of its subbands.
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

// A code-block's part in a packet.
struct Contribution {
    std::uint32_t band = 0, block = 0;
    std::uint32_t zero_planes = 0;
    std::size_t first_bit = 0, last_bit = 0; // of the record: number of passes, lengths
    std::uint64_t size = 0;
};

struct PacketHeader {
    std::vector<Contribution> contributions;
    std::vector<bool> record; // all bits
};

// After the bit that says that there is a packet. False where the header makes no sense; where it is cut, the
// reader knows.
bool read_packet_header(HeaderReader &bits, std::uint32_t style, std::uint32_t layer, PrecinctState &state,
                        PacketHeader &header);

// Writes what has been read again, with those contributions that are left. The state is that of before.
void write_packet_header(HeaderWriter &bits, std::uint32_t layer, PrecinctState &state,
                         const PacketHeader &header);

} // namespace j2kl
