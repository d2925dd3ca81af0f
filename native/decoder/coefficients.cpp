#include "decoder/coefficients.hpp"

#include "base/failure.hpp"
#include "base/parallel.hpp"
#include "wavelet/kernels.hpp"

#include <algorithm>
#include <cmath>

namespace j2kl::picture {

namespace {

// Distance of the points of details below the middle of their interval, as a share of the interval: at the
// finest level, and its ratio from one level to the next coarser one.
constexpr double bias_of_finest = 0.09, bias_ratio = 0.75;

// log2 of the gain of a subband (T.800 Table E.1).
int gain_of(Band band)
{
    return band == Band::LL ? 0 : band == Band::HH ? 2 : 1;
}

// The index of a subband in the order of the codestream.
std::size_t index_of(Band band, std::uint32_t level, std::uint32_t levels)
{
    return band == Band::LL ? 0 : 3 * std::size_t{levels - level} + static_cast<std::size_t>(band);
}

// Calls body(first, count) for parts of an array on up to `threads` threads.
template <class Body> void in_parts(std::size_t count, std::size_t threads, const Body &body)
{
    constexpr std::size_t part = std::size_t{1} << 17;
    parallel_for((count + part - 1) / part, threads,
                 [&](std::size_t index) { body(index * part, std::min(part, count - index * part)); });
}

// Calls visit(band, level, offset of the first coefficient, their number) for every subband.
template <class Visit> void for_bands(const Coefficients &coefficients, const Visit &visit)
{
    const Rect &area = coefficients.area;
    const SubbandLayout layout(area, coefficients.levels);
    const auto call = [&](Band band, std::uint32_t level) {
        visit(band, level, layout.offset(band, level),
              static_cast<std::size_t>(area.subband(band, level).size()));
    };
    call(Band::LL, coefficients.levels);
    for (std::uint32_t level = coefficients.levels; level > 0; --level) {
        for (const Band band : details) {
            call(band, level);
        }
    }
}

} // namespace

std::vector<Lattice> read_lattices(const MainHeader &header)
{
    constexpr std::uint32_t expounded = 2; // T.800 Table A.28
    const std::size_t count = 3 * std::size_t{header.levels} + 1;
    std::vector<Lattice> lattices;
    for (const Bytes &quantisation : header.quantisation) {
        if ((quantisation.data[0] & 0x1fU) != expounded || quantisation.size != 1 + 2 * count) {
            throw Failure(J2KL_ERROR_SEGMENT,
                          "the codestream does not have a quantiser step for every subband");
        }
        Lattice lattice;
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint32_t value = quantisation.u16(1 + 2 * i);
            const auto exponent = static_cast<int>(value >> 11U);
            const auto band = static_cast<Band>(i == 0 ? 0 : (i - 1) % 3 + 1);
            lattice.push_back(std::ldexp(1 + (value & 0x7ffU) / 2048.0, 8 + gain_of(band) - exponent) / 2);
        }
        lattices.push_back(std::move(lattice));
    }
    return lattices;
}

void Reconstruction::apply(std::uint32_t component, Band band, std::uint32_t level,
                           const std::int32_t *half_steps, float *values, std::size_t count,
                           std::size_t threads) const
{
    const std::size_t index = index_of(band, level, segment_.levels);
    const auto spacing = static_cast<float>(lattices_[component][index]);
    const auto bias =
        static_cast<float>(band == Band::LL ? 0 : bias_of_finest * std::pow(bias_ratio, level - 1.0));
    float shift = 0, factor = 1;
    if (!segment_.normalisation.empty()) {
        const Normalisation &rule = segment_.normalisation[component];
        factor = std::ldexp(1.0F, static_cast<int>(rule.exponent));
        shift = band == Band::LL ? std::ldexp(static_cast<float>(rule.offset),
                                              8 - static_cast<int>(segment_.precision))
                                 : 0.0F;
    }
    const float scale = segment_.scales.empty() ? 1.0F : segment_.scales[index];
    in_parts(count, threads, [&](std::size_t first, std::size_t length) {
        float *part = values + first;
        kernels::reconstruct(half_steps + first, part, spacing, bias, length);
        if (!segment_.normalisation.empty()) {
            for (std::size_t i = 0; i < length; ++i) {
                part[i] = (part[i] - shift) * factor;
            }
        }
        if (!segment_.scales.empty()) {
            for (std::size_t i = 0; i < length; ++i) {
                part[i] /= scale;
            }
        }
    });
}

Coefficients Reconstruction::apply(std::uint32_t component, const std::vector<std::int32_t> &half_steps,
                                   const Rect &area, std::uint32_t levels, std::uint32_t reduce,
                                   std::size_t threads) const
{
    Coefficients result = {area, levels, Uninitialised<float>(half_steps.size())};
    const bool has_low = reduce + levels == segment_.levels; // LL of other levels was not coded: it is zero
    for_bands(result, [&](Band band, std::uint32_t level, std::size_t offset, std::size_t count) {
        if (band != Band::LL || has_low) {
            apply(component, band, reduce + level, half_steps.data() + offset, result.values.data() + offset,
                  count, threads);
        } else {
            std::fill_n(result.values.data() + offset, count, 0.0F);
        }
    });
    return result;
}

} // namespace j2kl::picture
