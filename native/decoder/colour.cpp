#include "decoder/colour.hpp"

#include "base/independent.hpp"
#include "base/instructions.hpp"
#include "base/x86.hpp"

#include <algorithm>
#include <cmath>

namespace j2kl::picture {

namespace {

// T.800 equations G-12 to G-14: the factors of Cb and Cr.
constexpr float inverse[3][2] = {
    {0.0F, static_cast<float>(1.402)},
    {static_cast<float>(-0.114 * 1.772 / 0.587), static_cast<float>(-0.299 * 1.402 / 0.587)},
    {static_cast<float>(1.772), 0.0F},
};

// Pixels whose samples are computed before they are stored.
constexpr std::size_t block = 1024;

struct Limits {
    float shift, scale, lowest, highest;
};

struct Kernels {
    // Samples of a plane; of a plane and others with their factors.
    void (*own)(const float *plane, const Limits &limits, std::int32_t *samples, std::size_t count);
    void (*with_one)(const float *plane, const float *other, float factor, const Limits &limits,
                     std::int32_t *samples, std::size_t count);
    void (*with_two)(const float *plane, const float *const *others, const float *factors, const Limits &limits,
                     std::int32_t *samples, std::size_t count);
    // Stores every sample `step` elements after the one before.
    void (*spread8)(const std::int32_t *samples, std::uint8_t *pixels, std::size_t step, std::size_t count);
    void (*spread16)(const std::int32_t *samples, std::uint16_t *pixels, std::size_t step, std::size_t count);
};

#define J2KL_KERNELS "decoder/colour.inc"
#include "base/variants.inc"

const Kernels &kernels_for(Instructions instructions)
{
    return variant_for(instructions, portable::kernels, avx2::kernels, avx512::kernels);
}

Limits limits_of(const SampleRange &range)
{
    const std::int32_t half = std::int32_t{1} << (range.precision - 1);
    return {range.is_signed ? 0.0F : 128.0F, std::ldexp(1.0F, static_cast<int>(range.precision) - 8),
            static_cast<float>(range.is_signed ? -half : 0),
            static_cast<float>(range.is_signed ? half - 1 : 2 * half - 1)};
}

} // namespace

void to_samples(const float *const *planes, int ict, const SampleRange &range, std::int32_t *samples,
                std::size_t count, Instructions instructions)
{
    const Kernels &kernels = kernels_for(instructions);
    const Limits limits = limits_of(range);
    if (ict == no_ict) {
        kernels.own(planes[0], limits, samples, count);
    } else if (inverse[ict][0] != 0 && inverse[ict][1] != 0) {
        kernels.with_two(planes[0], planes + 1, inverse[ict], limits, samples, count);
    } else {
        const std::size_t other = inverse[ict][0] != 0 ? 0 : 1;
        kernels.with_one(planes[0], planes[1 + other], inverse[ict][other], limits, samples, count);
    }
}

void to_pixels(const float *const *planes, std::size_t components, bool ict, const SampleRange &range, void *pixels,
               std::size_t first, std::size_t count, Instructions instructions)
{
    const Kernels &kernels = kernels_for(instructions);
    std::int32_t samples[block];
    for (std::size_t at = first; at < first + count; at += block) {
        const std::size_t size = std::min(block, first + count - at);
        for (std::size_t i = 0; i < components; ++i) {
            const bool transformed = ict && i < 3;
            const float *sources[3] = {planes[transformed ? 0 : i] + at};
            for (std::size_t each = 1; each < 3 && transformed; ++each) {
                sources[each] = planes[each] + at;
            }
            to_samples(sources, transformed ? static_cast<int>(i) : no_ict, range, samples, size, instructions);
            if (range.precision <= 8) {
                kernels.spread8(samples, static_cast<std::uint8_t *>(pixels) + at * components + i, components, size);
            } else {
                kernels.spread16(samples, static_cast<std::uint16_t *>(pixels) + at * components + i, components, size);
            }
        }
    }
}

} // namespace j2kl::picture
