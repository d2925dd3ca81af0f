#include "transport/planes.hpp"

#include "base/parallel.hpp"
#include "wavelet/kernels.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>

namespace j2kl {

namespace {

template <class Body> void for_blocks(std::size_t count, std::size_t threads, const Body &body)
{
    constexpr std::size_t block = 65536;
    parallel_for((count + block - 1) / block, threads, [&](std::size_t index) {
        const std::size_t first = index * block;
        body(first, std::min(block, count - first));
    });
}

// Converts the elements of `plane` in place. Small buffers keep to the aliasing rules: the same memory must
// not be read as one type and written as another type in a loop that the compiler may reorder.
template <class From, class To, class Convert>
void convert_in_place(std::int32_t *plane, std::size_t count, std::size_t threads, const Convert &convert)
{
    static_assert(sizeof(From) == sizeof(std::int32_t) && sizeof(To) == sizeof(std::int32_t));
    for_blocks(count, threads, [&](std::size_t first, std::size_t length) {
        constexpr std::size_t piece = 1024;
        std::array<From, piece> from;
        std::array<To, piece> to;
        for (std::size_t done = 0; done < length; done += piece) {
            const std::size_t size = std::min(piece, length - done);
            void *place = plane + first + done;
            std::memcpy(from.data(), place, size * sizeof(From));
            convert(from.data(), to.data(), size);
            std::memcpy(place, to.data(), size * sizeof(To));
        }
    });
}

} // namespace

void carrier_to_samples(std::int32_t *plane, std::size_t count, const SampleFormat &format,
                        std::size_t threads)
{
    const float factor = std::ldexp(1.0F, format.fraction_bits);
    const float low = -std::ldexp(1.0F, static_cast<int>(format.precision) - 1);
    // Above 25 bits a float cannot represent the highest sample: the next lower float is the bound.
    const float high = format.precision <= 25 ? -low - 1 : std::nextafter(-low, 0.0F);
    convert_in_place<float, std::int32_t>(
        plane, count, threads, [&](const float *values, std::int32_t *samples, std::size_t size) {
            kernels::quantise(values, samples, factor, low, high, format.offset(), size);
        });
}

bool shift_to_samples(std::int32_t *plane, std::size_t count, const SampleFormat &format, std::size_t threads)
{
    // Checked before the shift, so that nothing can wrap around into the range.
    const std::int32_t offset = format.offset();
    std::atomic<bool> good{true};
    for_blocks(count, threads, [&](std::size_t first, std::size_t length) {
        std::int32_t *part = plane + first;
        if (!kernels::all_within(part, format.lowest() - offset, format.highest() - offset, length)) {
            good = false;
        }
        if (offset != 0) {
            kernels::shift(part, part, offset, length);
        }
    });
    return good;
}

void shift_from_samples(std::int32_t *plane, std::size_t count, const SampleFormat &format,
                        std::size_t threads)
{
    if (format.offset() != 0) {
        for_blocks(count, threads, [&](std::size_t first, std::size_t length) {
            kernels::shift(plane + first, plane + first, -format.offset(), length);
        });
    }
}

bool all_within(const std::int32_t *values, std::size_t count, std::int32_t low, std::int32_t high,
                std::size_t threads)
{
    std::atomic<bool> good{true};
    for_blocks(count, threads, [&](std::size_t first, std::size_t length) {
        if (!kernels::all_within(values + first, low, high, length)) {
            good = false;
        }
    });
    return good;
}

void inverse_ict(float *a, float *b, float *c, std::size_t count, std::size_t threads)
{
    for_blocks(count, threads, [&](std::size_t first, std::size_t length) {
        kernels::inverse_ict(a + first, b + first, c + first, length);
    });
}

void forward_rct(std::int32_t *a, std::int32_t *b, std::int32_t *c, std::size_t count, std::size_t threads)
{
    for_blocks(count, threads, [&](std::size_t first, std::size_t length) {
        kernels::forward_rct(a + first, b + first, c + first, length);
    });
}

void inverse_rct(std::int32_t *a, std::int32_t *b, std::int32_t *c, std::size_t count, std::size_t threads)
{
    for_blocks(count, threads, [&](std::size_t first, std::size_t length) {
        kernels::inverse_rct(a + first, b + first, c + first, length);
    });
}

} // namespace j2kl
