#include "wavelet/kernels.hpp"

#include "base/independent.hpp"
#include "base/instructions.hpp"
#include "base/x86.hpp"

#include <cmath>

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

struct Kernels {
    void (*lift)(float *, const float *, const float *, const float *, float, std::size_t);
    void (*lift_and_scale)(float *, const float *, const float *, const float *, float, float, std::size_t);
    void (*scale)(float *, const float *, float, std::size_t);
    void (*subtract_prediction)(std::int32_t *, const std::int32_t *, const std::int32_t *,
                                const std::int32_t *, std::size_t);
    void (*add_prediction)(std::int32_t *, const std::int32_t *, const std::int32_t *, const std::int32_t *,
                           std::size_t);
    void (*subtract_update)(std::int32_t *, const std::int32_t *, const std::int32_t *, const std::int32_t *,
                            std::size_t);
    void (*add_update)(std::int32_t *, const std::int32_t *, const std::int32_t *, const std::int32_t *,
                       std::size_t);
    void (*split_float)(const float *, float *, float *, std::size_t);
    void (*split_int)(const std::int32_t *, std::int32_t *, std::int32_t *, std::size_t);
    void (*merge_float)(const float *, const float *, float *, std::size_t);
    void (*merge_int)(const std::int32_t *, const std::int32_t *, std::int32_t *, std::size_t);
    void (*inverse_ict)(float *, float *, float *, std::size_t);
    void (*forward_rct)(std::int32_t *, std::int32_t *, std::int32_t *, std::size_t);
    void (*inverse_rct)(std::int32_t *, std::int32_t *, std::int32_t *, std::size_t);
    void (*quantise)(const float *, std::int32_t *, float, float, float, std::int32_t, std::size_t);
    void (*reconstruct)(const std::int32_t *, float *, float, float, std::size_t);
    void (*shift)(std::int32_t *, const std::int32_t *, std::int32_t, std::size_t);
    bool (*all_within)(const std::int32_t *, std::int32_t, std::int32_t, std::size_t);
};

#define J2KL_KERNELS "wavelet/kernels.inc"
#include "base/variants.inc"

const Kernels &kernels_of_processor()
{
    static const Kernels &kernels =
        variant_for(Instructions::best, portable::kernels, avx2::kernels, avx512::kernels);
    return kernels;
}

} // namespace

void lift(float *target, const float *source, const float *left, const float *right, float weight,
          std::size_t count)
{
    kernels_of_processor().lift(target, source, left, right, weight, count);
}

void lift_and_scale(float *target, const float *source, const float *left, const float *right, float weight,
                    float factor, std::size_t count)
{
    kernels_of_processor().lift_and_scale(target, source, left, right, weight, factor, count);
}

void scale(float *target, const float *source, float factor, std::size_t count)
{
    kernels_of_processor().scale(target, source, factor, count);
}

void subtract_prediction(std::int32_t *target, const std::int32_t *source, const std::int32_t *left,
                         const std::int32_t *right, std::size_t count)
{
    kernels_of_processor().subtract_prediction(target, source, left, right, count);
}

void add_prediction(std::int32_t *target, const std::int32_t *source, const std::int32_t *left,
                    const std::int32_t *right, std::size_t count)
{
    kernels_of_processor().add_prediction(target, source, left, right, count);
}

void subtract_update(std::int32_t *target, const std::int32_t *source, const std::int32_t *left,
                     const std::int32_t *right, std::size_t count)
{
    kernels_of_processor().subtract_update(target, source, left, right, count);
}

void add_update(std::int32_t *target, const std::int32_t *source, const std::int32_t *left,
                const std::int32_t *right, std::size_t count)
{
    kernels_of_processor().add_update(target, source, left, right, count);
}

void split(const float *row, float *first, float *second, std::size_t count)
{
    kernels_of_processor().split_float(row, first, second, count);
}

void split(const std::int32_t *row, std::int32_t *first, std::int32_t *second, std::size_t count)
{
    kernels_of_processor().split_int(row, first, second, count);
}

void merge(const float *first, const float *second, float *row, std::size_t count)
{
    kernels_of_processor().merge_float(first, second, row, count);
}

void merge(const std::int32_t *first, const std::int32_t *second, std::int32_t *row, std::size_t count)
{
    kernels_of_processor().merge_int(first, second, row, count);
}

void inverse_ict(float *a, float *b, float *c, std::size_t count)
{
    kernels_of_processor().inverse_ict(a, b, c, count);
}

void forward_rct(std::int32_t *a, std::int32_t *b, std::int32_t *c, std::size_t count)
{
    kernels_of_processor().forward_rct(a, b, c, count);
}

void inverse_rct(std::int32_t *a, std::int32_t *b, std::int32_t *c, std::size_t count)
{
    kernels_of_processor().inverse_rct(a, b, c, count);
}

void quantise(const float *values, std::int32_t *samples, float factor, float low, float high,
              std::int32_t offset, std::size_t count)
{
    kernels_of_processor().quantise(values, samples, factor, low, high, offset, count);
}

void reconstruct(const std::int32_t *half_steps, float *values, float spacing, float bias, std::size_t count)
{
    kernels_of_processor().reconstruct(half_steps, values, spacing, bias, count);
}

void shift(std::int32_t *target, const std::int32_t *source, std::int32_t offset, std::size_t count)
{
    kernels_of_processor().shift(target, source, offset, count);
}

bool all_within(const std::int32_t *samples, std::int32_t low, std::int32_t high, std::size_t count)
{
    return kernels_of_processor().all_within(samples, low, high, count);
}

} // namespace j2kl::kernels
