// T.800 B.6, B.7 and B.12: the precincts of a tile, and the order of their packets.
#pragma once

#include "base/geometry.hpp"
#include "codestream/coding.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace j2kl {

struct PrecinctGrid {
    Rect area;              // of the resolution
    std::uint32_t ppx, ppy; // exponents of the precinct size
    std::uint32_t across, down;
    std::uint64_t count() const { return std::uint64_t{across} * down; }
};

PrecinctGrid precinct_grid(const ComponentCoding &component, const Rect &tile, std::uint32_t resolution);

// The code-blocks of one subband in a precinct.
struct BlockGrid {
    std::uint32_t across = 0, down = 0;
    std::uint64_t count() const { return std::uint64_t{across} * down; }
};

// Returns one grid for LL, or three for HL, LH, HH.
std::vector<BlockGrid> block_grids(const ComponentCoding &component, const Rect &tile,
                                   std::uint32_t resolution, std::uint32_t precinct);

struct Precinct {
    std::uint32_t component, resolution, index;
    std::uint32_t x, y;       // its position on the reference grid, for progressions by position
    std::uint32_t layers = 0; // visited so far
};

// The budget for reading one file, whatever its header declares; all tiles share it. Listing a
// precinct costs 1, reading a packet header costs 1 for every code-block of its precinct, and a marker
// segment costs 1 for every component.
class Effort {
public:
    bool spend(std::uint64_t cost)
    {
        const bool enough = cost <= left_;
        left_ -= enough ? cost : left_;
        return enough;
    }

private:
    std::uint64_t left_ = std::uint64_t{1} << 28;
};

// Lists all precincts of a tile. Returns nothing if there are too many.
std::optional<std::vector<Precinct>> list_precincts(const Coding &coding, const Rect &tile, Effort &effort);

// The number of packets in a tile, at most UINT64_MAX. Returns nothing if `effort` is exceeded.
std::optional<std::uint64_t> count_packets(const Coding &coding, const Rect &tile, Effort &effort);

// The indices of the precincts that a progression volume covers, in its order.
std::vector<std::uint32_t> in_order(const std::vector<Precinct> &precincts, const Progression &progression);

// Calls visit(index of the precinct, layer) for every packet in order, until it returns false. A packet that
// belongs to several progression volumes is visited in the first one only.
template <class Visit>
void for_packets(const Coding &coding, std::vector<Precinct> &precincts, const Visit &visit)
{
    for (std::size_t i = 0; i < coding.progression_count(); ++i) {
        const Progression &progression = coding.progressions()[i];
        const std::vector<std::uint32_t> order = in_order(precincts, progression);
        const std::uint32_t layers = std::min(progression.layers, coding.whole.layers);
        const auto one = [&](std::uint32_t precinct, std::uint32_t layer) {
            if (precincts[precinct].layers != layer) {
                return true;
            }
            ++precincts[precinct].layers;
            return visit(precinct, layer);
        };
        // The layer loop runs over a group of precincts: all (LRCP), those of one resolution (RLCP), or one.
        for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
            const auto same = [&](std::uint32_t precinct) {
                return progression.order == Order::LRCP ||
                       (progression.order == Order::RLCP &&
                        precincts[precinct].resolution == precincts[order[begin]].resolution);
            };
            end = begin + 1;
            while (end < order.size() && same(order[end])) {
                ++end;
            }
            for (std::uint32_t layer = 0; layer < layers; ++layer) {
                for (std::size_t at = begin; at < end; ++at) {
                    if (!one(order[at], layer)) {
                        return;
                    }
                }
            }
        }
    }
}

} // namespace j2kl
