// T.800 A.4.2: where the tile-parts of a codestream lie.
#pragma once

#include "base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace j2kl {

struct TilePart {
    std::uint32_t tile;
    std::uint8_t count;     // TNsot: tile-parts of this tile, or 0
    bool cut;               // it should end where there are no bytes any more
    std::size_t begin, end; // from SOT on
};

struct TileParts {
    std::size_t header_end = 0; // of the main header: the first SOT
    std::vector<TilePart> all;
    std::vector<std::vector<std::uint32_t>> of_tile; // indices
    bool ended = false;                              // by EOC

    // Ended, and without a doubt nothing is missing.
    bool complete() const;
    // All of the tile-parts that this tile is known to have.
    bool has_all_of(std::uint32_t tile) const;

private:
    std::size_t told(std::uint32_t tile) const; // how many a tile has; 0: it does not say
};

// Nothing where the codestream is damaged otherwise than by being cut.
std::optional<TileParts> find_tile_parts(const Bytes &codestream, std::uint64_t tiles);

} // namespace j2kl
