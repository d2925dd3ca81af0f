#include "transport/parameters.hpp"

#include "base/failure.hpp"
#include "base/geometry.hpp"

#include <cmath>
#include <cstdint>
#include <string>

namespace j2kl {

namespace {

constexpr std::uint32_t largest_coordinate = 0x7fffffff; // some of OpenJPEG's arithmetic uses int
constexpr std::uint32_t largest_precinct = 32768;        // the size of those that are not given

bool power_of_two(std::uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

bool flag(std::int32_t value)
{
    return value == 0 || value == 1;
}

void check_area(const j2kl_parameters &p)
{
    require(p.x1 > p.x0 && p.y1 > p.y0, "the image area is empty");
    require(p.x1 <= largest_coordinate && p.y1 <= largest_coordinate,
            "the image area has to end before 2147483648 in both directions");
    require(p.components >= 1 && p.components <= 16384, "the number of components has to be from 1 to 16384");
    const std::uint64_t samples = std::uint64_t{p.x1 - p.x0} * (p.y1 - p.y0);
    // OpenJPEG computes the size of a component's tile buffer, in bytes, with 32 bits.
    require(samples <= UINT32_MAX / sizeof(std::int32_t),
            "a component may have at most 1073741823 samples (a limit of OpenJPEG)");
}

void check_tiles(const j2kl_parameters &p)
{
    // OpenJPEG needs tiles of at least 2^levels in both directions, and allocates memory for all of a tile.
    require(p.levels <= 14, "there may be at most 14 decomposition levels");
    require(p.tile_x0 <= p.x0 && p.tile_y0 <= p.y0, "the tile grid has to begin at or before the image area");
    require((p.tile_width == 0) == (p.tile_height == 0), "tile width and height have to be given together");
    if (p.tile_width == 0) {
        return;
    }
    require(p.tile_width <= largest_coordinate && p.tile_height <= largest_coordinate,
            "a tile has to be smaller than 2147483648 in both directions");
    require(std::uint64_t{p.tile_x0} + p.tile_width > p.x0 && std::uint64_t{p.tile_y0} + p.tile_height > p.y0,
            "the first tile has to cover the first sample of the image area");
    require(p.tile_width >> p.levels > 0 && p.tile_height >> p.levels > 0,
            "a tile has to be at least 2^levels wide and high (a limit of OpenJPEG)");
    const TileGrid grid{{p.x0, p.y0, p.x1, p.y1}, p.tile_x0, p.tile_y0, p.tile_width, p.tile_height};
    require(grid.count() <= 65535, "there may be at most 65535 tiles");
}

// OpenJPEG's forward 9/7 does not double a single high-pass sample, although its inverse expects this (T.800
// F.4.6). If a level has no rows or no columns, its 9/7 aborts the process, and its 5/3 writes outside its
// memory. None of this happens if tiles begin at multiples of 2^levels.
void check_narrow_tiles(const j2kl_parameters &p)
{
    const TileGrid grid{{p.x0, p.y0, p.x1, p.y1},
                        p.tile_x0,
                        p.tile_y0,
                        p.tile_width > 0 ? p.tile_width : p.x1 - p.tile_x0,
                        p.tile_height > 0 ? p.tile_height : p.y1 - p.tile_y0};
    const auto decomposable = [&](std::uint32_t first, std::uint32_t last) {
        const bool lone_high_pass = last == first + 1 && first % 2 != 0;
        return first < last && (p.reversible != 0 || !lone_high_pass);
    };
    for (std::uint64_t i = 0; i < grid.count(); ++i) {
        for (std::uint32_t level = 0; level < p.levels; ++level) {
            const Rect area = grid.tile(i).resolution(level);
            require(decomposable(area.x0, area.x1) && decomposable(area.y0, area.y1),
                    "a tile is too small for so many levels where it lies: take fewer levels, or tile origins and "
                    "image offsets that are multiples of 2^levels");
        }
    }
}

void check_samples(const j2kl_parameters &p)
{
    require(flag(p.is_signed) && flag(p.reversible) && flag(p.component_transform) && flag(p.sop) &&
                flag(p.eph) && flag(p.plt) && flag(p.tlm),
            "a flag has to be 0 or 1");
    // OpenJPEG accepts up to 31 bits, but returns wrong samples from 25 on without an error.
    require(p.precision >= 1 && p.precision <= 24, "the precision has to be from 1 to 24 bits");
    require(p.fraction_bits >= -31 && p.fraction_bits <= 31, "fraction bits have to be from -31 to 31");
    require(p.component_transform == 0 || p.components >= 3,
            "the component transform needs at least three components");
}

void check_blocks(const j2kl_parameters &p)
{
    const std::uint32_t width = p.codeblock_width, height = p.codeblock_height;
    require(power_of_two(width) && power_of_two(height) && width >= 4 && width <= 1024 && height >= 4 &&
                height <= 1024 && width * height <= 4096,
            "code-blocks have to be powers of two from 4 to 1024 with an area of at most 4096");
    require(p.precinct_count <= p.levels + 1, "there may be at most one precinct size per resolution");
    for (std::uint32_t i = 0; i < p.precinct_count; ++i) {
        require(power_of_two(p.precinct_width[i]) && power_of_two(p.precinct_height[i]) &&
                    p.precinct_width[i] <= largest_precinct && p.precinct_height[i] <= largest_precinct,
                "precincts have to be powers of two from 1 to 32768");
        require(i == p.levels || (p.precinct_width[i] >= 2 && p.precinct_height[i] >= 2),
                "precincts have to be at least 2 wide and high except at the coarsest resolution");
    }
    const bool given = p.precinct_count > 0;
    require(p.x1 <= largest_coordinate + 1 - (given ? p.precinct_width[0] : largest_precinct) &&
                p.y1 <= largest_coordinate + 1 - (given ? p.precinct_height[0] : largest_precinct),
            "the image area has to end at least one precinct before 2147483648 (a limit of OpenJPEG)");
    if (p.precinct_count > 0 && p.precinct_count <= p.levels) {
        // OpenJPEG halves the last size for every further resolution.
        const std::uint32_t last = p.precinct_count - 1;
        for (std::uint32_t i = last + 1; i <= p.levels; ++i) {
            const std::uint32_t least = i == p.levels ? 1 : 2, halvings = i - last;
            require(halvings < 16 && p.precinct_width[last] >> halvings >= least &&
                        p.precinct_height[last] >> halvings >= least,
                    "the last precinct size is halved for every coarser resolution, and becomes too small");
        }
    }
}

void check_packets(const j2kl_parameters &p)
{
    require(p.progression <= 4, "the progression has to be from 0 (LRCP) to 4 (CPRL)");
    require(p.layers >= 1 && p.layers <= 100, "the number of layers has to be from 1 to 100");
    require(p.mode_switches <= 63, "mode switches have to be a sum of 1, 2, 4, 8, 16 and 32");
    for (std::uint32_t i = 0; i < p.layers; ++i) {
        const double bytes = p.layer_bytes[i];
        require(std::isfinite(bytes) && bytes >= 0,
                "the size of a layer has to be a number that is not negative");
        require(bytes > 0 || i + 1 == p.layers, "only the last layer can hold all that remains");
        require(i == 0 || bytes == 0 || bytes >= p.layer_bytes[i - 1],
                "the sizes of the layers have to grow");
    }
}

} // namespace

void check(const j2kl_parameters &parameters)
{
    check_area(parameters);
    check_tiles(parameters);
    check_samples(parameters);
    check_narrow_tiles(parameters);
    check_blocks(parameters);
    check_packets(parameters);
}

} // namespace j2kl
