// Puts the tile-parts of a codestream in order where other bytes lie between them, or their indices are odd.
#pragma once

#include "base/bytes.hpp"

#include <cstdint>
#include <vector>

namespace j2kl {

// Returns the codestream with consecutive tile-parts, those of a tile in the order of their indices, which count from 0.
// Returns nothing if a tile-part is missing or occurs twice, or if the codestream is damaged in another way.
std::vector<std::uint8_t> in_order(const Bytes &codestream, std::uint64_t tiles);

} // namespace j2kl
