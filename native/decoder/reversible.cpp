#include "decoder/reversible.hpp"

#include "base/parallel.hpp"
#include "wavelet/wavelet.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace j2kl::picture {

namespace {

using Plane32 = std::vector<std::int32_t>;
using Details = std::array<std::int32_t *, 3>;

constexpr std::size_t block = std::size_t{1} << 16;

// Sums are taken modulo 2^32, and no file of an encoder reaches this limit.
std::int32_t sum(std::int32_t a, std::int32_t b)
{
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}

std::int32_t product(std::int32_t a, std::int32_t b)
{
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) * static_cast<std::uint32_t>(b));
}

// Adds the predictions of Cb and Cr from Y and Cb.
void add_weighted(const Weights &weights, const Details &luma, const Details &blue, const Details &red,
                  const Rect &area, std::size_t threads)
{
    constexpr std::int32_t half = 8, bits = 4; // the weights are in sixteenths
    for (std::size_t band = 0; band < details.size(); ++band) {
        const auto count = static_cast<std::size_t>(area.subband(details[band], 1).size());
        const auto [in_blue, in_red, blue_in_red] = weights[band];
        parallel_for((count + block - 1) / block, threads, [&](std::size_t index) {
            const std::size_t end = std::min(count, (index + 1) * block);
            for (std::size_t i = index * block; i < end; ++i) {
                const std::int32_t y = luma[band][i];
                const std::int32_t cb = sum(blue[band][i], sum(product(y, in_blue), half) >> bits);
                blue[band][i] = cb;
                const std::int32_t weighted = sum(product(y, in_red), product(cb, blue_in_red));
                red[band][i] = sum(red[band][i], sum(weighted, half) >> bits);
            }
        });
    }
}

j2kl_plane plane_of(std::vector<float> &samples, const Rect &area)
{
    const auto corner = [](std::uint32_t value) { return static_cast<std::int32_t>(value); };
    return {samples.data(),  static_cast<std::ptrdiff_t>(area.width()),
            corner(area.y0), corner(area.x0),
            corner(area.y1), corner(area.x1)};
}

// A prediction in units of the samples; one that does not fit into 32 bits becomes the lowest number.
std::int32_t rounded(float prediction)
{
    constexpr float limit = 2147483648.0F;
    const float whole = std::floor(prediction + 0.5F);
    return whole >= -limit && whole < limit ? static_cast<std::int32_t>(whole) : INT32_MIN;
}

// Adds the predictions of the details of a component from its LL.
void add_learned(const IntegerModel &model, const Plane32 &low, const Details &high, const Rect &area,
                 std::uint32_t precision, const Normalisation &rule, std::size_t threads)
{
    const int exponent = 8 - static_cast<int>(precision) + static_cast<int>(rule.exponent);
    const float scale = std::ldexp(1.0F, exponent), inverse = std::ldexp(1.0F, -exponent);
    const std::int32_t offset = sum(~rule.offset, 1); // the negative
    std::vector<float> source(low.size());
    std::transform(low.begin(), low.end(), source.begin(),
                   [&](std::int32_t value) { return static_cast<float>(sum(value, offset)) * scale; });
    std::array<std::vector<float>, 3> predictions;
    std::array<j2kl_plane, 3> targets;
    for (std::size_t band = 0; band < details.size(); ++band) {
        const Rect own = area.subband(details[band], 1);
        predictions[band].assign(static_cast<std::size_t>(own.size()), 0.0F);
        targets[band] = plane_of(predictions[band], own);
    }
    const j2kl_plane plane = plane_of(source, area.subband(Band::LL, 1));
    model.low_to_high->lift(&plane, targets.data(), 1, false, 1, nullptr, Instructions::best, threads);
    for (std::size_t band = 0; band < details.size(); ++band) {
        std::int32_t *const values = high[band];
        for (std::size_t i = 0; i < predictions[band].size(); ++i) {
            values[i] = sum(values[i], rounded(predictions[band][i] * inverse));
        }
    }
}

// Undoes the 5/3 of one level.
Plane32 join(const Plane32 &low, const Details &high, const Rect &area, std::size_t threads)
{
    Plane32 plane(static_cast<std::size_t>(area.size()));
    const auto band = [&](const std::int32_t *values, Band name) {
        return Plane<const std::int32_t>{values, area.subband(name, 1).width()};
    };
    const Bands<const std::int32_t> bands = {band(low.data(), Band::LL), band(high[0], Band::HL),
                                             band(high[1], Band::LH), band(high[2], Band::HH)};
    j2kl::synthesise(bands, area, Plane<std::int32_t>{plane.data(), area.width()}, threads);
    return plane;
}

} // namespace

IntegerPlanes synthesise_reversible(const IntegerModel &model, const Segment &segment,
                                    std::vector<IntegerBands> components, std::uint32_t reduce,
                                    std::size_t threads)
{
    const Rect area = components[0].area;
    const std::uint32_t levels = components[0].levels;
    const SubbandLayout layout(area, levels);
    IntegerPlanes planes;
    for (const IntegerBands &component : components) {
        const auto size = static_cast<std::ptrdiff_t>(area.subband(Band::LL, levels).size());
        planes.emplace_back(component.values.begin(), component.values.begin() + size);
    }
    for (std::uint32_t level = levels; level > 0; --level) {
        const Rect finer = area.resolution(level - 1);
        std::vector<Details> high;
        for (IntegerBands &component : components) {
            std::int32_t *values = component.values.data();
            high.push_back({values + layout.offset(Band::HL, level), values + layout.offset(Band::LH, level),
                            values + layout.offset(Band::HH, level)});
        }
        const std::size_t own = level + reduce; // the level in the codestream
        if (own <= segment.steps.weights.size()) {
            add_weighted(segment.steps.weights[own - 1], high[0], high[1], high[2], finer, threads);
        }
        for (std::size_t i = 0; i < planes.size(); ++i) {
            if (segment.steps.learned[i] && !finer.empty()) {
                const Normalisation rule =
                    segment.normalisation.empty() ? Normalisation{} : segment.normalisation[i];
                add_learned(model, planes[i], high[i], finer, segment.precision, rule, threads);
            }
            planes[i] = join(planes[i], high[i], finer, threads);
        }
    }
    return planes;
}

} // namespace j2kl::picture
