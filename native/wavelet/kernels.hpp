// The inner loops, compiled once per instruction set. `target` may be the same row as
// `source`, and must not overlap any row otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

namespace j2kl::kernels {

// target = source + weight * (left + right)
void lift(float *target, const float *source, const float *left, const float *right, float weight,
          std::size_t count);
// target = (source + weight * (left + right)) * factor
void lift_and_scale(float *target, const float *source, const float *left, const float *right, float weight,
                    float factor, std::size_t count);
void scale(float *target, const float *source, float factor, std::size_t count);

// The lifting steps of the 5/3. Sums wrap around: there is no undefined behaviour for large values, and
// every step has an exact inverse.
void subtract_prediction(std::int32_t *target, const std::int32_t *source, const std::int32_t *left,
                         const std::int32_t *right, std::size_t count);
void add_prediction(std::int32_t *target, const std::int32_t *source, const std::int32_t *left,
                    const std::int32_t *right, std::size_t count);
void subtract_update(std::int32_t *target, const std::int32_t *source, const std::int32_t *left,
                     const std::int32_t *right, std::size_t count);
void add_update(std::int32_t *target, const std::int32_t *source, const std::int32_t *left,
                const std::int32_t *right, std::size_t count);

// split() separates the even and the odd samples of a row; merge() interleaves them.
void split(const float *row, float *first, float *second, std::size_t count);
void split(const std::int32_t *row, std::int32_t *first, std::int32_t *second, std::size_t count);
void merge(const float *first, const float *second, float *row, std::size_t count);
void merge(const std::int32_t *first, const std::int32_t *second, std::int32_t *row, std::size_t count);

// T.800 G.3 and G.2, in place.
void inverse_ict(float *a, float *b, float *c, std::size_t count);
void forward_rct(std::int32_t *a, std::int32_t *b, std::int32_t *c, std::size_t count);
void inverse_rct(std::int32_t *a, std::int32_t *b, std::int32_t *c, std::size_t count);

// sample = round(clamp(value * factor, low, high)) + offset; NaN counts as 0.
void quantise(const float *values, std::int32_t *samples, float factor, float low, float high,
              std::int32_t offset, std::size_t count);
// See j2kl_reconstruct. The arrays do not overlap.
void reconstruct(const std::int32_t *half_steps, float *values, float spacing, float bias, std::size_t count);
// target = source + offset, wrapping around
void shift(std::int32_t *target, const std::int32_t *source, std::int32_t offset, std::size_t count);
bool all_within(const std::int32_t *samples, std::int32_t low, std::int32_t high, std::size_t count);

} // namespace j2kl::kernels
