#include "encoder/samples.hpp"

#include "base/independent.hpp"
#include "base/instructions.hpp"
#include "base/parallel.hpp"
#include "base/x86.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>

namespace j2kl::picture {

namespace {

// T.800 equations G-9 to G-11: the factors of R, G and B.
constexpr double forward[3][3] = {
    {0.299, 0.587, 0.114},
    {-0.299 / 1.772, -0.587 / 1.772, 0.5},
    {0.5, -0.587 / 1.402, -0.114 / 1.402},
};

// Pixels whose samples are converted before planes are computed, and pixels that one thread takes at a time.
constexpr std::size_t block = 1024, part = std::size_t{1} << 16;

// What is done to a sample in 8-bit grey levels: `shift` and `offset` are subtracted one after the other.
struct Change {
    float shift, offset, scale;
};

using Gather = void (*)(const void *samples, std::size_t first, std::size_t step, float *values, std::size_t count);

struct Kernels {
    // Convert every sample that is `step` elements after the one before, from the element `first` on.
    Gather unsigned8, signed8, unsigned16, signed16;
    // A plane from a component, and from R, G and B.
    void (*own)(const float *values, float factor, const Change &change, float *plane, std::size_t count);
    void (*mixed)(const float *const *values, const float *factors, const Change &change, float *plane,
                  std::size_t count);
};

#define J2KL_KERNELS "encoder/samples.inc"
#include "base/variants.inc"

Gather gather_of(const Kernels &kernels, const Samples &samples)
{
    if (samples.bytes == 1) {
        return samples.is_signed ? kernels.signed8 : kernels.unsigned8;
    }
    return samples.is_signed ? kernels.signed16 : kernels.unsigned16;
}

Change change_of(const Samples &samples, std::uint32_t component, const j2kl_normalisation *normalisation)
{
    const bool shifted = !samples.is_signed && (component == 0 || component >= 3 || !samples.ict);
    Change change = {shifted ? 128.0F : 0.0F, 0.0F, 1.0F};
    if (normalisation != nullptr) {
        const j2kl_normalisation &rule = normalisation[component];
        change.offset = static_cast<float>(std::ldexp(rule.offset, 8 - static_cast<int>(samples.precision)));
        change.scale = std::ldexp(1.0F, static_cast<int>(rule.exponent));
    }
    return change;
}

// Calls body(first, length) for parts of the pixels on up to `threads` threads.
template <class Body> void in_parts(std::size_t pixels, std::size_t threads, const Body &body)
{
    parallel_for((pixels + part - 1) / part, threads,
                 [&](std::size_t index) { body(index * part, std::min(part, pixels - index * part)); });
}

template <class T>
bool all_between(const void *samples, std::size_t count, std::int32_t low, std::int32_t high, std::size_t threads)
{
    const T *const values = static_cast<const T *>(samples);
    std::atomic<bool> good{true};
    in_parts(count, threads, [&](std::size_t first, std::size_t length) {
        std::int32_t least = high, most = low;
        for (std::size_t i = first; i < first + length; ++i) {
            least = std::min<std::int32_t>(least, values[i]);
            most = std::max<std::int32_t>(most, values[i]);
        }
        if (least < low || most > high) {
            good = false;
        }
    });
    return good;
}

} // namespace

bool within_range(const Samples &samples, std::size_t count, std::size_t threads)
{
    if (samples.precision == 8 * samples.bytes) {
        return true;
    }
    const std::int32_t half = std::int32_t{1} << (samples.precision - 1);
    const std::int32_t low = samples.is_signed ? -half : 0, high = low + 2 * half - 1;
    const auto check = samples.bytes == 1 ? (samples.is_signed ? all_between<std::int8_t> : all_between<std::uint8_t>)
                                          : (samples.is_signed ? all_between<std::int16_t> : all_between<std::uint16_t>);
    return check(samples.data, count, low, high, threads);
}

void to_planes(const Samples &samples, std::size_t pixels, std::uint32_t first, std::uint32_t count,
               const j2kl_normalisation *normalisation, float *const *planes, std::size_t threads,
               Instructions instructions)
{
    const Kernels &kernels = variant_for(instructions, portable::kernels, avx2::kernels, avx512::kernels);
    const Gather gather = gather_of(kernels, samples);
    const float factor = std::ldexp(1.0F, 8 - static_cast<int>(samples.precision));
    in_parts(pixels, threads, [&](std::size_t begin, std::size_t length) {
        float colours[3][block], other[block];
        const float *const sources[3] = {colours[0], colours[1], colours[2]};
        for (std::size_t at = begin; at < begin + length; at += block) {
            const std::size_t size = std::min(block, begin + length - at);
            const auto fetch = [&](std::uint32_t component, float *values) {
                gather(samples.data, at * samples.components + component, samples.components, values, size);
            };
            for (std::uint32_t i = 0; samples.ict && first < 3 && i < 3; ++i) {
                fetch(i, colours[i]);
            }
            for (std::uint32_t i = first; i < first + count; ++i) {
                const Change change = change_of(samples, i, normalisation);
                float *const plane = planes[i - first] + at;
                if (samples.ict && i < 3) {
                    const float factors[3] = {static_cast<float>(forward[i][0]) * factor,
                                              static_cast<float>(forward[i][1]) * factor,
                                              static_cast<float>(forward[i][2]) * factor};
                    kernels.mixed(sources, factors, change, plane, size);
                } else {
                    fetch(i, other);
                    kernels.own(other, factor, change, plane, size);
                }
            }
        }
    });
}

} // namespace j2kl::picture
