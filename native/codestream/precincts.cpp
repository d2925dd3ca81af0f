#include "codestream/precincts.hpp"

#include <algorithm>
#include <array>
#include <numeric>

namespace j2kl {

namespace {

constexpr std::uint64_t most_precincts = std::uint64_t{1} << 21;

// The position of a precinct along one axis, on the reference grid. The first precinct may begin before the
// tile; its position is then where the tile begins.
std::uint32_t position(std::uint32_t index, std::uint32_t area_start, std::uint32_t exponent,
                       std::uint64_t scale, std::uint32_t tile_start)
{
    const std::uint64_t start = ((std::uint64_t{area_start} >> exponent) + index) << exponent;
    return start < area_start ? tile_start : static_cast<std::uint32_t>(start * scale);
}

std::uint32_t blocks_along(std::uint32_t precinct, std::uint32_t precinct_exponent,
                           std::uint32_t block_exponent, std::uint32_t band_start, std::uint32_t band_end)
{
    const std::uint64_t start = std::uint64_t{precinct} << precinct_exponent;
    const std::uint64_t end = start + (std::uint64_t{1} << precinct_exponent);
    const auto first = static_cast<std::int64_t>(std::max<std::uint64_t>(start, band_start));
    const auto last = static_cast<std::int64_t>(std::min<std::uint64_t>(end, band_end));
    const std::uint32_t exponent = std::min(block_exponent, precinct_exponent);
    return first < last ? ceil_shift(last, exponent) - static_cast<std::uint32_t>(first >> exponent) : 0;
}

} // namespace

PrecinctGrid precinct_grid(const ComponentCoding &component, const Rect &tile, std::uint32_t resolution)
{
    PrecinctGrid grid{};
    grid.area = tile.component(component.dx, component.dy).resolution(component.levels - resolution);
    grid.ppx = component.precincts[resolution] & 15U;
    grid.ppy = component.precincts[resolution] >> 4;
    if (!grid.area.empty()) {
        grid.across = ceil_shift(grid.area.x1, grid.ppx) - (grid.area.x0 >> grid.ppx);
        grid.down = ceil_shift(grid.area.y1, grid.ppy) - (grid.area.y0 >> grid.ppy);
    }
    return grid;
}

std::vector<BlockGrid> block_grids(const ComponentCoding &component, const Rect &tile,
                                   std::uint32_t resolution, std::uint32_t precinct)
{
    const PrecinctGrid grid = precinct_grid(component, tile, resolution);
    const std::uint32_t x = (grid.area.x0 >> grid.ppx) + precinct % grid.across;
    const std::uint32_t y = (grid.area.y0 >> grid.ppy) + precinct / grid.across;
    const Rect samples = tile.component(component.dx, component.dy);
    std::vector<BlockGrid> result;
    const auto add = [&](const Rect &band, std::uint32_t ppx, std::uint32_t ppy) {
        const BlockGrid blocks = {blocks_along(x, ppx, component.block_width, band.x0, band.x1),
                                  blocks_along(y, ppy, component.block_height, band.y0, band.y1)};
        result.push_back(blocks.count() > 0 ? blocks : BlockGrid{});
    };
    if (resolution == 0) {
        add(grid.area, grid.ppx, grid.ppy);
    } else {
        for (const Band band : details) {
            add(samples.subband(band, component.levels - resolution + 1), grid.ppx - 1, grid.ppy - 1);
        }
    }
    return result;
}

std::optional<std::vector<Precinct>> list_precincts(const Coding &coding, const Rect &tile, Effort &effort)
{
    std::vector<Precinct> result;
    for (std::uint32_t c = 0; c < coding.components.size(); ++c) {
        const ComponentCoding &component = coding.components[c];
        for (std::uint32_t r = 0; r <= component.levels; ++r) {
            const PrecinctGrid grid = precinct_grid(component, tile, r);
            if (grid.count() > most_precincts - result.size() || !effort.spend(1 + grid.count())) {
                return std::nullopt;
            }
            const std::uint32_t level = component.levels - r;
            for (std::uint32_t i = 0; i < grid.count(); ++i) {
                const std::uint64_t dx = std::uint64_t{component.dx} << level;
                const std::uint64_t dy = std::uint64_t{component.dy} << level;
                result.push_back({c, r, i, position(i % grid.across, grid.area.x0, grid.ppx, dx, tile.x0),
                                  position(i / grid.across, grid.area.y0, grid.ppy, dy, tile.y0), 0});
            }
        }
    }
    return result;
}

std::optional<std::uint64_t> count_packets(const Coding &coding, const Rect &tile, Effort &effort)
{
    std::uint64_t result = 0;
    for (std::uint32_t c = 0; c < coding.components.size(); ++c) {
        const ComponentCoding &component = coding.components[c];
        if (!effort.spend(component.levels + 1)) {
            return std::nullopt;
        }
        for (std::uint32_t r = 0; r <= component.levels; ++r) {
            std::uint64_t layers = 0;
            for (std::size_t i = 0; i < coding.progression_count(); ++i) {
                const Progression &progression = coding.progressions()[i];
                if (progression.covers(c, r)) {
                    layers =
                        std::max<std::uint64_t>(layers, std::min(progression.layers, coding.whole.layers));
                }
            }
            const std::uint64_t precincts = precinct_grid(component, tile, r).count();
            if (layers > 0 && precincts > (UINT64_MAX - result) / layers) {
                return UINT64_MAX;
            }
            result += precincts * layers;
        }
    }
    return result;
}

std::vector<std::uint32_t> in_order(const std::vector<Precinct> &precincts, const Progression &progression)
{
    const auto key = [&](std::uint32_t i) -> std::array<std::uint32_t, 5> {
        const Precinct &p = precincts[i];
        switch (progression.order) {
        case Order::RPCL:
            return {p.resolution, p.y, p.x, p.component, p.index};
        case Order::PCRL:
            return {p.y, p.x, p.component, p.resolution, p.index};
        case Order::CPRL:
            return {p.component, p.y, p.x, p.resolution, p.index};
        default:
            return {p.resolution, p.component, p.index, 0, 0};
        }
    };
    std::vector<std::uint32_t> result;
    for (std::uint32_t i = 0; i < precincts.size(); ++i) {
        if (progression.covers(precincts[i].component, precincts[i].resolution)) {
            result.push_back(i);
        }
    }
    std::sort(result.begin(), result.end(),
              [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
    return result;
}

} // namespace j2kl
