// From samples to components in 8-bit grey levels: the level shift, the scale, the irreversible component transform, and
// the normalisation.
#pragma once

#include "base/instructions.hpp"
#include "base/uninitialised.hpp"
#include "j2kl.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl::picture {

// The samples of all components side by side, pixel by pixel.
struct Samples {
    const void *data;
    std::uint32_t bytes; // of a sample: 1 or 2
    std::uint32_t components;
    std::uint32_t precision;
    bool is_signed, ict;
};

// Whether all samples are in the range of their precision.
bool within_range(const Samples &samples, std::size_t count, std::size_t threads);

// Writes the planes of `count` components, from the component `first` on, of `pixels` pixels. With `samples.ict`, the first
// three are Y, Cb and Cr. `normalisation` has an element for every component of the picture; or it is null. Every operation
// is rounded by itself.
void to_planes(const Samples &samples, std::size_t pixels, std::uint32_t first, std::uint32_t count,
               const j2kl_normalisation *normalisation, float *const *planes, std::size_t threads,
               Instructions instructions = Instructions::best);

} // namespace j2kl::picture
