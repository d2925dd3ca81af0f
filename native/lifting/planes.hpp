// Planes of samples on a grid of cells, and the work that a lifting step consists of.
#pragma once

#include "j2kl.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace j2kl::lifting {

// Half-open. 64 bits hold every position of a plane and its neighbours.
struct Area {
    std::int64_t y0 = 0, x0 = 0, y1 = 0, x1 = 0;

    bool empty() const { return y1 <= y0 || x1 <= x0; }
    std::size_t height() const { return empty() ? 0 : static_cast<std::size_t>(y1 - y0); }
    std::size_t width() const { return empty() ? 0 : static_cast<std::size_t>(x1 - x0); }

    Area intersection(const Area &other) const
    {
        return {std::max(y0, other.y0), std::max(x0, other.x0), std::min(y1, other.y1),
                std::min(x1, other.x1)};
    }
    // The smallest area that contains both.
    Area united(const Area &other) const
    {
        if (empty() || other.empty()) {
            return empty() ? other : *this;
        }
        return {std::min(y0, other.y0), std::min(x0, other.x0), std::max(y1, other.y1),
                std::max(x1, other.x1)};
    }
};

inline Area area_of(const j2kl_plane &plane)
{
    return {plane.y0, plane.x0, plane.y1, plane.x1};
}

// The sample at (y, x), which lies inside the plane.
inline float *sample(const j2kl_plane &plane, std::int64_t y, std::int64_t x)
{
    return plane.samples + (y - plane.y0) * plane.row_stride + (x - plane.x0);
}

// One call of `lift`: component c has the sources c * inputs + i and the targets c * outputs + o.
struct Step {
    const j2kl_plane *sources, *targets;
    float scale; // of predictions: the sign and a power of two
};

// A part of a step: some cells, and the components that share the opacities of the first of them.
struct Part {
    Area area;
    std::size_t first_component, components;
};

} // namespace j2kl::lifting
