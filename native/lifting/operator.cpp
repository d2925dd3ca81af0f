#include "lifting/operator.hpp"

#include "base/failure.hpp"
#include "base/parallel.hpp"
#include "lifting/portable.hpp"

#include <cstdlib>
#include <vector>

namespace j2kl::lifting {

namespace {

void check(const j2kl_plane *planes, std::size_t count)
{
    require(planes != nullptr || count == 0, "the planes are missing");
    for (std::size_t i = 0; i < count; ++i) {
        const Area area = area_of(planes[i]);
        if (area.empty()) {
            continue;
        }
        require(planes[i].samples != nullptr, "a plane has no samples");
        const auto stride = static_cast<std::uint64_t>(std::llabs(planes[i].row_stride));
        require(area.height() == 1 || stride >= area.width(), "the rows of a plane overlap");
    }
}

// Divides an area into parts of similar sizes.
void divide(const Area &area, std::size_t most_rows, std::size_t most_columns, std::vector<Area> &parts)
{
    const std::size_t down = (area.height() + most_rows - 1) / most_rows,
                      across = (area.width() + most_columns - 1) / most_columns;
    const auto cut = [](std::int64_t start, std::size_t length, std::size_t index, std::size_t count) {
        return start + static_cast<std::int64_t>(length * index / count);
    };
    for (std::size_t i = 0; i < down; ++i) {
        for (std::size_t j = 0; j < across; ++j) {
            parts.push_back({cut(area.y0, area.height(), i, down), cut(area.x0, area.width(), j, across),
                             cut(area.y0, area.height(), i + 1, down),
                             cut(area.x0, area.width(), j + 1, across)});
        }
    }
}

} // namespace

Operator::Operator(const j2kl_operator_shape &shape, const std::int16_t *first, const std::int16_t *blocks,
                   const std::int16_t *last, const std::int16_t *proposals,
                   const j2kl_operator_numbers &numbers)
    : network_(shape, first, blocks, last, proposals, numbers)
{
}

void Operator::lift(const j2kl_plane *sources, const j2kl_plane *targets, std::size_t components, bool shared,
                    std::int32_t sign, const j2kl_rect *grid, Instructions, std::size_t threads) const
{
    require(sign == 1 || sign == -1, "the sign of a lifting step must be 1 or -1");
    check(sources, components * network_.inputs);
    check(targets, components * network_.outputs);
    const Step step = {sources, targets, static_cast<float>(sign) * network_.output_scale};
    std::vector<Part> parts;
    const std::size_t group = shared ? components : 1;
    for (std::size_t first = 0; first < components; first += group) {
        Area area;
        for (std::size_t i = first * network_.outputs; i < (first + group) * network_.outputs; ++i) {
            area = area.united(area_of(targets[i]));
        }
        if (grid != nullptr) {
            area = area.intersection({grid->y0, grid->x0, grid->y1, grid->x1});
        }
        std::vector<Area> areas;
        divide(area, portable::part_side, portable::part_side, areas);
        for (const Area &part : areas) {
            parts.push_back({part, first, group});
        }
    }
    parallel_for(parts.size(), std::min(threads, parts.size()),
                 [&](std::size_t index) { portable::lift(network_, step, parts[index]); });
}

} // namespace j2kl::lifting
