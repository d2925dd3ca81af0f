// T.800 B.6, B.7 and B.12: the precincts of a tile, and the order in which their packets come.
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
    std::uint32_t ppx, ppy; // exponents of the size of a precinct
    std::uint32_t across, down;
    std::uint64_t count() const { return std::uint64_t{across} * down; }
};

PrecinctGrid precinct_grid(const ComponentCoding &component, const Rect &tile, std::uint32_t resolution);

// Of the code-blocks of one subband that lie in a precinct.
struct BlockGrid {
    std::uint32_t across = 0, down = 0;
    std::uint64_t count() const { return std::uint64_t{across} * down; }
};

// One grid for LL, or one each for HL, LH, HH.
std::vector<BlockGrid> block_grids(const ComponentCoding &component, const Rect &tile,
                                   std::uint32_t resolution, std::uint32_t precinct);

struct Precinct {
    std::uint32_t component, resolution, index;
    std::uint32_t x, y;       // where a progression by position comes to it, on the reference grid
    std::uint32_t layers = 0; // done so far
};

// What reading a file may cost, whatever its header claims: one for every precinct and every look at a
// code-block, of all tiles together.
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

// All of them; nothing where there are too many.
std::optional<std::vector<Precinct>> list_precincts(const Coding &coding, const Rect &tile, Effort &effort);

// Packets in a tile; UINT64_MAX stands for more, too.
std::optional<std::uint64_t> count_packets(const Coding &coding, const Rect &tile, Effort &effort);

// Those that a progression volume covers, in its order.
std::vector<std::uint32_t> in_order(const std::vector<Precinct> &precincts, const Progression &progression);

// Calls visit(index of the precinct, layer) for packet after packet, until it returns false. A packet that an
// earlier volume had is not in a later one.
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
        // Layers run outside of what is the same for all precincts of a group: nothing, the resolution, all.
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
