// From components to samples: the inverse irreversible component transform, the scale, the level shift and
// rounding.
#pragma once

#include "base/instructions.hpp"

#include <cstddef>
#include <cstdint>

namespace j2kl::picture {

struct SampleRange {
    std::uint32_t precision = 8;
    bool is_signed = false;
};

// Writes samples of a component. `planes` are its own plane, in 8-bit grey levels; if `ict` is 0, 1 or 2,
// they are Y, Cb and Cr, and the samples are those of R, G or B.
void to_samples(const float *const *planes, int ict, const SampleRange &range, std::int32_t *samples,
                std::size_t count, Instructions instructions = Instructions::best);

constexpr int no_ict = -1;

// Writes the samples of all components side by side, from the pixel `first` on: in bytes for up to 8 bits, else in 16 bits.
// With `ict`, the first three planes are Y, Cb and Cr.
void to_pixels(const float *const *planes, std::size_t components, bool ict, const SampleRange &range, void *pixels,
               std::size_t first, std::size_t count, Instructions instructions = Instructions::best);

} // namespace j2kl::picture
