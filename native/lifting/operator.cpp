#include "lifting/operator.hpp"

#include "base/failure.hpp"
#include "base/parallel.hpp"
#include "lifting/portable.hpp"
#include "lifting/strip.hpp"

#include <algorithm>
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
void cut(const Area &area, std::size_t down, std::size_t across, Part part, std::vector<Part> &parts)
{
    const auto place = [](std::int64_t start, std::size_t length, std::size_t index, std::size_t count) {
        return start + static_cast<std::int64_t>(length * index / count);
    };
    for (std::size_t i = 0; i < down; ++i) {
        for (std::size_t j = 0; j < across; ++j) {
            part.area = {place(area.y0, area.height(), i, down), place(area.x0, area.width(), j, across),
                         place(area.y0, area.height(), i + 1, down),
                         place(area.x0, area.width(), j + 1, across)};
            parts.push_back(part);
        }
    }
}

std::size_t quotient_up(std::size_t value, std::size_t divisor)
{
    return (value + divisor - 1) / divisor;
}

} // namespace

Operator::Operator(const j2kl_operator_shape &shape, const std::int16_t *first, const std::int16_t *blocks,
                   const std::int16_t *last, const std::int16_t *proposals,
                   const j2kl_operator_numbers &numbers)
    : network_(shape, first, blocks, last, proposals, numbers)
{
}

const PackedNetwork &Operator::packed(const RowKernels &kernels) const
{
    const std::lock_guard<std::mutex> lock(mutex_);
    std::unique_ptr<const PackedNetwork> &place = packed_[kernels.most_outputs == 4 ? 0 : 1];
    if (!place) {
        place = std::make_unique<const PackedNetwork>(network_, kernels.most_outputs);
    }
    return *place;
}

void Operator::divide(const Area &area, Part part, const RowKernels *kernels, std::size_t threads,
                      std::vector<Part> &parts) const
{
    if (area.empty()) {
        return;
    }
    if (kernels == nullptr) {
        cut(area, quotient_up(area.height(), portable::part_side),
            quotient_up(area.width(), portable::part_side), part, parts);
        return;
    }
    // A strip has the whole height, as it computes some rows more than it has. For several threads it is divided.
    constexpr std::size_t fewest_rows = 32;
    const std::size_t width = strip_width(packed(*kernels), *kernels, area.width(), part.components);
    const std::size_t across = quotient_up(area.width(), width);
    const std::size_t wanted = threads > 1 ? quotient_up(2 * threads, across) : 1;
    const std::size_t down = std::clamp<std::size_t>(wanted, 1, quotient_up(area.height(), fewest_rows));
    cut(area, down, across, part, parts);
}

void Operator::lift(const j2kl_plane *sources, const j2kl_plane *targets, std::size_t components, bool shared,
                    std::int32_t sign, const j2kl_rect *grid, Instructions instructions,
                    std::size_t threads) const
{
    require(sign == 1 || sign == -1, "the sign of a lifting step must be 1 or -1");
    check(sources, components * network_.inputs);
    check(targets, components * network_.outputs);
    const Step step = {sources, targets, static_cast<float>(sign) * network_.output_scale};
    const RowKernels *const kernels = row_kernels(instructions);
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
        divide(area, {area, first, group}, kernels, threads, parts);
    }
    parallel_for(parts.size(), std::min(threads, parts.size()), [&](std::size_t index) {
        if (kernels == nullptr) {
            portable::lift(network_, step, parts[index]);
        } else {
            lift_strip(packed(*kernels), *kernels, step, parts[index]);
        }
    });
}

} // namespace j2kl::lifting
