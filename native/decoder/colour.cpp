#include "decoder/colour.hpp"

#include <cmath>

namespace j2kl::picture {

namespace {

// T.800 equations G-12 to G-14: the factors of Cb and Cr.
constexpr float inverse[3][2] = {
    {0.0F, static_cast<float>(1.402)},
    {static_cast<float>(-0.114 * 1.772 / 0.587), static_cast<float>(-0.299 * 1.402 / 0.587)},
    {static_cast<float>(1.772), 0.0F},
};

} // namespace

void to_samples(const float *const *planes, int ict, const SampleRange &range, std::int32_t *samples,
                std::size_t count)
{
    const float scale = std::ldexp(1.0F, static_cast<int>(range.precision) - 8),
                shift = range.is_signed ? 0.0F : 128.0F;
    const std::int32_t half = std::int32_t{1} << (range.precision - 1);
    const auto lowest = static_cast<float>(range.is_signed ? -half : 0);
    const auto highest = static_cast<float>(range.is_signed ? half - 1 : 2 * half - 1);
    for (std::size_t i = 0; i < count; ++i) {
        float value = planes[0][i];
        if (ict != no_ict) {
            for (int other = 0; other < 2; ++other) {
                const float factor = inverse[ict][other];
                if (factor != 0) {
                    value += factor * planes[other + 1][i];
                }
            }
        }
        value = std::rint((value + shift) * scale);
        value = value > lowest ? value : lowest; // also if it is no number
        samples[i] = static_cast<std::int32_t>(value < highest ? value : highest);
    }
}

} // namespace j2kl::picture
