// T.800 B.7 and B.10: the code-blocks of a tile, and where their coded data lies.
#pragma once

#include "base/bytes.hpp"
#include "base/geometry.hpp"
#include "codestream/coding.hpp"
#include "codestream/tile_parts.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace j2kl {

struct CodeBlock {
    std::uint32_t component, level; // the decomposition level of its subband
    Band band;
    Rect area; // in the subband
    std::uint32_t style, zero_planes;
    std::size_t first_piece = 0, end_piece = 0;
};

// Passes of a codeword segment of a code-block that one packet has.
struct Piece {
    std::uint32_t block, layer, passes, size;
    std::size_t offset; // in the codestream
};

// The code-blocks that have data.
struct TileBlocks {
    std::vector<CodeBlock> blocks;
    std::vector<Piece> pieces; // by code-block, in the order of the packets
};

// Reads main and tile-part headers, and the packet headers of a tile.
class BlockIndex {
public:
    // Throws Failure (J2KL_ERROR_UNSUPPORTED) if the codestream is not complete, if its components are subsampled, or
    // if its code-blocks cannot be found or decoded by themselves: see half_step_header().
    explicit BlockIndex(const Bytes &codestream);

    const TileGrid &tiles() const { return tiles_; }
    std::size_t components() const { return coding_.components.size(); }
    std::uint32_t levels(std::size_t component) const { return coding_.components[component].levels; }
    // The bit-planes of a subband, zero ones included: Mb of equation E-2.
    std::uint32_t bit_planes(std::size_t component, Band band, std::uint32_t level) const;
    Bytes codestream() const { return codestream_; }

    // Throws Failure (J2KL_ERROR_UNSUPPORTED) as the constructor does.
    TileBlocks read(std::uint32_t tile) const;

private:
    Coding coding_of(std::uint32_t tile, std::vector<Bytes> &data) const;

    Bytes codestream_;
    TileGrid tiles_;
    TileParts parts_;
    Coding coding_;
    std::vector<std::vector<std::uint8_t>> planes_; // of the subbands of every component, LL first
};

} // namespace j2kl
