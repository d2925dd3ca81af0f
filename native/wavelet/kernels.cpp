#include "wavelet/kernels.hpp"

#include "base/independent.hpp"

#include <cmath>

// One binary serves every x86-64: the dynamic linker selects the version for the processor. Under sanitizers
// there are no versions, as the linker selects before the sanitizers are initialised.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__gnu_linux__) &&             \
    !defined(J2KL_NO_CLONES)
#define J2KL_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define J2KL_CLONES
#endif

// The loops are independent, because `target` is the same row as a source or does not overlap it.

namespace j2kl::kernels {

namespace {

inline std::int32_t wrap_add(std::int32_t a, std::int32_t b)
{
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}

inline std::int32_t wrap_sub(std::int32_t a, std::int32_t b)
{
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) - static_cast<std::uint32_t>(b));
}

inline std::int32_t prediction(std::int32_t left, std::int32_t right)
{
    return wrap_add(left, right) >> 1;
}

inline std::int32_t update(std::int32_t left, std::int32_t right)
{
    return wrap_add(wrap_add(left, right), 2) >> 2;
}

} // namespace

J2KL_CLONES
void lift(float *target, const float *source, const float *left, const float *right, float weight,
          std::size_t count)
{
    J2KL_INDEPENDENT
    for (std::size_t i = 0; i < count; ++i) {
        target[i] = source[i] + weight * (left[i] + right[i]);
    }
}

J2KL_CLONES
void lift_and_scale(float *target, const float *source, const float *left, const float *right, float weight,
                    float factor, std::size_t count)
{
    J2KL_INDEPENDENT
    for (std::size_t i = 0; i < count; ++i) {
        target[i] = (source[i] + weight * (left[i] + right[i])) * factor;
    }
}

J2KL_CLONES
void scale(float *target, const float *source, float factor, std::size_t count)
{
    J2KL_INDEPENDENT
    for (std::size_t i = 0; i < count; ++i) {
        target[i] = source[i] * factor;
    }
}

J2KL_CLONES
void subtract_prediction(std::int32_t *target, const std::int32_t *source, const std::int32_t *left,
                         const std::int32_t *right, std::size_t count)
{
    J2KL_INDEPENDENT
    for (std::size_t i = 0; i < count; ++i) {
        target[i] = wrap_sub(source[i], prediction(left[i], right[i]));
    }
}

J2KL_CLONES
void add_prediction(std::int32_t *target, const std::int32_t *source, const std::int32_t *left,
                    const std::int32_t *right, std::size_t count)
{
    J2KL_INDEPENDENT
    for (std::size_t i = 0; i < count; ++i) {
        target[i] = wrap_add(source[i], prediction(left[i], right[i]));
    }
}

J2KL_CLONES
void subtract_update(std::int32_t *target, const std::int32_t *source, const std::int32_t *left,
                     const std::int32_t *right, std::size_t count)
{
    J2KL_INDEPENDENT
    for (std::size_t i = 0; i < count; ++i) {
        target[i] = wrap_sub(source[i], update(left[i], right[i]));
    }
}

J2KL_CLONES
void add_update(std::int32_t *target, const std::int32_t *source, const std::int32_t *left,
                const std::int32_t *right, std::size_t count)
{
    J2KL_INDEPENDENT
    for (std::size_t i = 0; i < count; ++i) {
        target[i] = wrap_add(source[i], update(left[i], right[i]));
    }
}

J2KL_CLONES
void split(const float *row, float *first, float *second, std::size_t count)
{
    J2KL_INDEPENDENT
    for (std::size_t i = 0; i < count / 2; ++i) {
        first[i] = row[2 * i];
        second[i] = row[2 * i + 1];
    }
    if (count % 2 != 0) {
        first[count / 2] = row[count - 1];
    }
}

J2KL_CLONES
void split(const std::int32_t *row, std::int32_t *first, std::int32_t *second, std::size_t count)
{
    J2KL_INDEPENDENT
    for (std::size_t i = 0; i < count / 2; ++i) {
        first[i] = row[2 * i];
        second[i] = row[2 * i + 1];
    }
    if (count % 2 != 0) {
        first[count / 2] = row[count - 1];
    }
}

J2KL_CLONES
void merge(const float *first, const float *second, float *row, std::size_t count)
{
    J2KL_INDEPENDENT
    for (std::size_t i = 0; i < count / 2; ++i) {
        row[2 * i] = first[i];
        row[2 * i + 1] = second[i];
    }
    if (count % 2 != 0) {
        row[count - 1] = first[count / 2];
    }
}

J2KL_CLONES
void merge(const std::int32_t *first, const std::int32_t *second, std::int32_t *row, std::size_t count)
{
    J2KL_INDEPENDENT
    for (std::size_t i = 0; i < count / 2; ++i) {
        row[2 * i] = first[i];
        row[2 * i + 1] = second[i];
    }
    if (count % 2 != 0) {
        row[count - 1] = first[count / 2];
    }
}

J2KL_CLONES
void inverse_ict(float *a, float *b, float *c, std::size_t count)
{
    constexpr float green_cb = static_cast<float>(-0.114 * 1.772 / 0.587);
    constexpr float green_cr = static_cast<float>(-0.299 * 1.402 / 0.587);
    J2KL_INDEPENDENT
    for (std::size_t i = 0; i < count; ++i) {
        const float luma = a[i], cb = b[i], cr = c[i];
        a[i] = luma + 1.402F * cr;
        b[i] = luma + green_cb * cb + green_cr * cr;
        c[i] = luma + 1.772F * cb;
    }
}

J2KL_CLONES
void forward_rct(std::int32_t *a, std::int32_t *b, std::int32_t *c, std::size_t count)
{
    J2KL_INDEPENDENT
    for (std::size_t i = 0; i < count; ++i) {
        const std::int32_t red = a[i], green = b[i], blue = c[i];
        const std::int32_t u = wrap_sub(blue, green), v = wrap_sub(red, green);
        // floor((red + 2 green + blue) / 4), in a form that stays the exact inverse of
        // inverse_rct() if sums wrap around
        a[i] = wrap_add(green, wrap_add(u, v) >> 2);
        b[i] = u;
        c[i] = v;
    }
}

J2KL_CLONES
void inverse_rct(std::int32_t *a, std::int32_t *b, std::int32_t *c, std::size_t count)
{
    J2KL_INDEPENDENT
    for (std::size_t i = 0; i < count; ++i) {
        const std::int32_t luma = a[i], u = b[i], v = c[i];
        const std::int32_t green = wrap_sub(luma, wrap_add(u, v) >> 2);
        a[i] = wrap_add(v, green);
        b[i] = green;
        c[i] = wrap_add(u, green);
    }
}

J2KL_CLONES
void quantise(const float *values, std::int32_t *samples, float factor, float low, float high,
              std::int32_t offset, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i) {
        float value = values[i] * factor;
        value = value == value ? value : 0.0F;
        value = value < low ? low : value;
        value = value > high ? high : value;
        samples[i] = static_cast<std::int32_t>(std::lrint(value)) + offset;
    }
}

J2KL_CLONES
void reconstruct(const std::int32_t *half_steps, float *values, float spacing, float bias, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i) {
        const std::int32_t n = half_steps[i];
        const auto bits = static_cast<std::uint32_t>(n);
        const auto lowest_bit = static_cast<std::int32_t>(bits & (0U - bits));
        const float value = static_cast<float>(n), magnitude = std::fabs(value);
        // The midpoint of an interval of 2^p quantiser steps is an odd multiple of 2^p half steps.
        const float unit = n != 0 ? std::fabs(static_cast<float>(lowest_bit)) : 1.0F;
        const float interval = (magnitude / unit - 1.0F) * 0.5F;
        const float moved = magnitude - 2.0F * bias * unit / (0.75F + 0.25F * interval);
        values[i] = n != 0 ? std::copysign(moved * spacing, value) : 0.0F;
    }
}

J2KL_CLONES
void shift(std::int32_t *target, const std::int32_t *source, std::int32_t offset, std::size_t count)
{
    J2KL_INDEPENDENT
    for (std::size_t i = 0; i < count; ++i) {
        target[i] = wrap_add(source[i], offset);
    }
}

J2KL_CLONES
bool all_within(const std::int32_t *samples, std::int32_t low, std::int32_t high, std::size_t count)
{
    std::int32_t outside = 0;
    for (std::size_t i = 0; i < count; ++i) {
        outside |= static_cast<std::int32_t>(samples[i] < low) | static_cast<std::int32_t>(samples[i] > high);
    }
    return outside == 0;
}

} // namespace j2kl::kernels
