// The steps between subbands and samples that process whole planes: component transforms, level shift, and
// conversion between carrier and samples.
#pragma once

#include <cstddef>
#include <cstdint>

namespace j2kl {

struct SampleFormat {
    std::uint32_t precision = 8;
    bool is_signed = false;
    std::int32_t fraction_bits = 0;

    std::int32_t offset() const { return is_signed ? 0 : std::int32_t{1} << (precision - 1); }
    std::int32_t lowest() const { return is_signed ? -half() - 1 : 0; }
    std::int32_t highest() const
    {
        return is_signed ? half() : static_cast<std::int32_t>((1U << precision) - 1U);
    }

private:
    std::int32_t half() const { return static_cast<std::int32_t>((1U << (precision - 1)) - 1U); }
};

// The planes are allocated by OpenJPEG and hold int32_t samples. The irreversible path stores
// float values in the same memory.
inline float *as_floats(std::int32_t *plane)
{
    return static_cast<float *>(static_cast<void *>(plane));
}

// float carrier -> samples, in place
void carrier_to_samples(std::int32_t *plane, std::size_t count, const SampleFormat &format,
                        std::size_t threads);
// Adds the level shift, in place. Returns false if a sample is out of range.
bool shift_to_samples(std::int32_t *plane, std::size_t count, const SampleFormat &format,
                      std::size_t threads);
void shift_from_samples(std::int32_t *plane, std::size_t count, const SampleFormat &format,
                        std::size_t threads);
bool all_within(const std::int32_t *values, std::size_t count, std::int32_t low, std::int32_t high,
                std::size_t threads);

void inverse_ict(float *a, float *b, float *c, std::size_t count, std::size_t threads);
void forward_rct(std::int32_t *a, std::int32_t *b, std::int32_t *c, std::size_t count, std::size_t threads);
void inverse_rct(std::int32_t *a, std::int32_t *b, std::int32_t *c, std::size_t count, std::size_t threads);

} // namespace j2kl
