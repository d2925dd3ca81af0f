#include "transport/block_memory.hpp"

#include "base/failure.hpp"
#include "base/geometry.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

namespace j2kl {

namespace {

// Code-block styles (T.800 Table A.19).
constexpr std::uint32_t bypass = 1, terminate_all = 4;

constexpr std::uint32_t largest_precinct = 32768;

// A bound of the bit-planes of a subband at a level, 0 for a picture without levels, if samples have so many bits and a
// sign. The filters make samples up to four times as large, with a rest. The 9/7 has finer quantiser steps at each level.
std::uint32_t planes(const j2kl_parameters &p, std::uint32_t bits, std::uint32_t level)
{
    if (p.reversible == 0) {
        return bits + level + 1;
    }
    return bits + static_cast<std::uint32_t>(p.component_transform) + (level > 0 ? 3 : 0);
}

// The bytes that the terminations of passes add, at most: two to an arithmetic-coded pass, one to the raw passes that
// BYPASS makes of the first two passes in each bit-plane after the first four.
std::uint64_t termination_bytes(std::uint32_t mode_switches, std::uint32_t planes)
{
    const std::uint64_t all = std::max(planes, 1U);
    const std::uint64_t raw = (mode_switches & bypass) != 0 && planes > 4 ? planes - 4 : 0;
    return (mode_switches & terminate_all) != 0 ? 2 * all + 4 * (all - 1 - raw) + 2 * raw : 3 * raw + 4;
}

// Whether a code-block of so many samples fits: besides the terminations, it has one bit for each sample in each plane,
// its sign, and one in reserve.
bool fits(std::uint32_t mode_switches, std::uint32_t planes, std::uint64_t samples)
{
    return 8 * termination_bytes(mode_switches, planes) + samples * (planes + 2) <= 8 * (74 + 4 * samples);
}

// The least length of the parts into which multiples of `size` cut [first, last), which is not empty.
std::uint32_t shortest_part(std::uint32_t first, std::uint32_t last, std::uint32_t size)
{
    const std::uint64_t second = (std::uint64_t{first} / size + 1) * size;
    if (second >= last) {
        return last - first;
    }
    return std::min(static_cast<std::uint32_t>(second - first), (last - 1) % size + 1);
}

// The side of a code-block in a resolution, of which `reduce` further ones are above: precincts can make it smaller.
std::uint32_t block_side(const j2kl_parameters &p, std::uint32_t side, const std::uint32_t *precincts,
                         std::uint32_t reduce)
{
    std::uint32_t precinct = largest_precinct;
    if (p.precinct_count > 0) {
        const std::uint32_t given = std::min(reduce, p.precinct_count - 1);
        precinct = precincts[given] >> (reduce - given); // OpenJPEG halves the last one
    }
    return std::min(side, reduce < p.levels ? precinct / 2 : precinct);
}

void check_subband(const j2kl_parameters &p, const Rect &area, std::uint32_t planes, std::uint32_t reduce)
{
    if (area.empty()) {
        return;
    }
    const std::uint32_t width =
        shortest_part(area.x0, area.x1, block_side(p, p.codeblock_width, p.precinct_width, reduce));
    const std::uint32_t height =
        shortest_part(area.y0, area.y1, block_side(p, p.codeblock_height, p.precinct_height, reduce));
    if (!fits(p.mode_switches, planes, std::uint64_t{width} * height)) {
        const std::string name = (p.mode_switches & terminate_all) != 0 ? "termall" : "bypass";
        throw Failure(J2KL_ERROR_ARGUMENT,
                      "the mode switch " + name + " is not possible with a code-block as small as " +
                          std::to_string(width) + " x " + std::to_string(height) +
                          " samples, for which OpenJPEG has too little memory: leave it out, or take fewer levels");
    }
}

} // namespace

bool terminates_passes(const j2kl_parameters &p)
{
    return (p.mode_switches & (bypass | terminate_all)) != 0;
}

void check_block_memory(const j2kl_parameters &p, std::uint32_t bits)
{
    if (!terminates_passes(p)) {
        return;
    }
    const TileGrid grid{{p.x0, p.y0, p.x1, p.y1},
                        p.tile_x0,
                        p.tile_y0,
                        p.tile_width > 0 ? p.tile_width : p.x1 - p.tile_x0,
                        p.tile_height > 0 ? p.tile_height : p.y1 - p.tile_y0};
    for (std::uint64_t i = 0; i < grid.count(); ++i) {
        const Rect tile = grid.tile(i);
        check_subband(p, tile.subband(Band::LL, p.levels), planes(p, bits, p.levels), p.levels);
        for (std::uint32_t level = 1; level <= p.levels; ++level) {
            for (const Band band : details) {
                check_subband(p, tile.subband(band, level), planes(p, bits, level), level - 1);
            }
        }
    }
}

} // namespace j2kl
