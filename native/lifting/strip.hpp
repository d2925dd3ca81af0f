// An operator computed row by row for a strip of columns. All layers run at once, two rows at a time; each keeps a few
// rows in a ring, so that all of them stay in the processor's cache.
#pragma once

#include "lifting/packed.hpp"
#include "lifting/planes.hpp"
#include "lifting/rows.hpp"

#include <cstddef>

namespace j2kl::lifting {

// The best width of strips that divide `width` columns, for steps with so many components at a time.
std::size_t strip_width(const PackedNetwork &packed, const RowKernels &kernels, std::size_t width,
                        std::size_t components);

void lift_strip(const PackedNetwork &packed, const RowKernels &kernels, const Step &step, const Part &part);

} // namespace j2kl::lifting
