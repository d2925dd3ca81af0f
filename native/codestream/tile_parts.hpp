// T.800 A.4.2: finds the tile-parts of a codestream.
#pragma once

#include "base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace j2kl {

struct TilePart {
    std::uint32_t tile;
    std::uint8_t count;     // TNsot: number of tile-parts of this tile; 0: not given
    bool cut;               // truncated: it should end beyond the last byte
    std::size_t begin, end; // `begin` is the offset of SOT
};

struct TileParts {
    std::size_t header_end = 0; // the end of the main header: the first SOT
    std::vector<TilePart> all;
    std::vector<std::vector<std::uint32_t>> of_tile; // indices into `all`, per tile
    bool ended = false;                              // EOC was found

    // Whether EOC was found and, as far as is signalled, no tile lacks a tile-part.
    bool complete() const;
    // Whether TNsot is given for this tile, and all of that many tile-parts are complete.
    bool has_all_of(std::uint32_t tile) const;

private:
    std::size_t declared_count(std::uint32_t tile) const; // the largest TNsot of a tile; 0: not given
};

// Returns nothing if the codestream is damaged in another way than by truncation.
std::optional<TileParts> find_tile_parts(const Bytes &codestream, std::uint64_t tiles);

} // namespace j2kl
