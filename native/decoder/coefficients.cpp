#include "decoder/coefficients.hpp"

#include "base/failure.hpp"
#include "base/parallel.hpp"
#include "wavelet/kernels.hpp"

#include <algorithm>
#include <cmath>

namespace j2kl::picture {

namespace {

// Distance of the points of details below the middle of their interval, as a share of the interval: at the finest level,
// and its ratio from one level to the next coarser one.
constexpr double bias_of_finest = 0.09, bias_ratio = 0.75;

// OpenJPEG's inverse 9/7 multiplies high-pass samples by 1.625732422 instead of 2 / K. This is the ratio of the two.
constexpr double high_pass_ratio = 1.625732422 * 1.230174104914001 / 2;

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

// Calls visit(band, level, first coefficient, their number) for every subband; levels count within `coefficients`.
template <class Visit> void for_bands(Coefficients &coefficients, const Visit &visit)
{
    const Rect &area = coefficients.area;
    const SubbandLayout layout(area, coefficients.levels);
    const auto call = [&](Band band, std::uint32_t level) {
        visit(band, level, coefficients.values.data() + layout.offset(band, level),
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

std::vector<double> read_lattice(const std::vector<std::uint8_t> &head, const MainHeader &header)
{
    std::vector<double> lattice;
    if (header.quantisation.size() != 1) {
        return lattice;
    }
    const auto [start, end] = header.quantisation[0];
    const Bytes bytes = {head.data(), head.size()};
    const std::size_t count = 3 * std::size_t{header.levels} + 1;
    if ((end - start) / 2 != count) {
        throw Failure(J2KL_ERROR_SEGMENT, "the codestream does not have a quantiser step for every subband");
    }
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t value = bytes.u16(start + 1 + 2 * i);
        const auto exponent = static_cast<int>(value >> 11U);
        const auto band = static_cast<Band>(i == 0 ? 0 : (i - 1) % 3 + 1);
        lattice.push_back(std::ldexp(1 + (value & 0x7ffU) / 2048.0, 8 + gain_of(band) - exponent) / 2);
    }
    return lattice;
}

void Reconstruction::to_points(Coefficients &coefficients, std::uint32_t reduce, std::size_t threads) const
{
    for_bands(coefficients, [&](Band band, std::uint32_t level, float *values, std::size_t count) {
        const std::uint32_t own = reduce + level; // the level in the codestream
        if (lattice_.empty() || (band == Band::LL && own != segment_.levels)) {
            return; // LL of a level that is not the coarsest was not coded
        }
        const double spacing = lattice_[index_of(band, own, segment_.levels)];
        const double factor = 1 / (spacing * std::pow(high_pass_ratio, gain_of(band)));
        const double bias = band == Band::LL ? 0 : bias_of_finest * std::pow(bias_ratio, own - 1.0);
        in_parts(count, threads, [&](std::size_t first, std::size_t length) {
            kernels::reconstruct(values + first, static_cast<float>(factor), static_cast<float>(spacing),
                                 static_cast<float>(bias), length);
        });
    });
}

void Reconstruction::apply(std::uint32_t component, Coefficients &coefficients, std::uint32_t reduce,
                           std::size_t threads) const
{
    to_points(coefficients, reduce, threads);
    const bool has_low = reduce + coefficients.levels == segment_.levels;
    if (!segment_.normalisation.empty()) {
        const Normalisation &rule = segment_.normalisation[component];
        const float shift = std::ldexp(static_cast<float>(rule.offset), 8 - static_cast<int>(segment_.precision));
        const float factor = std::ldexp(1.0F, static_cast<int>(rule.exponent));
        for_bands(coefficients, [&](Band band, std::uint32_t, float *values, std::size_t count) {
            if (band == Band::LL && !has_low) {
                return;
            }
            const float subtracted = band == Band::LL ? shift : 0.0F;
            in_parts(count, threads, [&](std::size_t first, std::size_t length) {
                for (std::size_t i = first; i < first + length; ++i) {
                    values[i] = (values[i] - subtracted) * factor;
                }
            });
        });
    }
    if (!segment_.scales.empty()) {
        for_bands(coefficients, [&](Band band, std::uint32_t level, float *values, std::size_t count) {
            if (band == Band::LL && !has_low) {
                return;
            }
            const float scale = segment_.scales[index_of(band, reduce + level, segment_.levels)];
            in_parts(count, threads, [&](std::size_t first, std::size_t length) {
                for (std::size_t i = first; i < first + length; ++i) {
                    values[i] /= scale;
                }
            });
        });
    }
}

} // namespace j2kl::picture
