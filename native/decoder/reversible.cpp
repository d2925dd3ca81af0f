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

constexpr std::size_t block = std::size_t{1} << 13;

// Sums are taken modulo 2^32, and no file of an encoder reaches this limit.
std::int32_t sum(std::int32_t a, std::int32_t b)
{
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}

std::int32_t product(std::int32_t a, std::int32_t b)
{
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) * static_cast<std::uint32_t>(b));
}

// The predictions of the operator for the details of a component; nothing if it has no learned steps.
using Predictions = std::array<std::vector<std::int32_t>, 3>;

// Adds the predictions of the details of Cb and Cr from those of Y and Cb, and from what the operator predicts for the
// three components. Rounded to whole numbers; halves are rounded up.
void add_weighted(const Weights &weights, const std::vector<Details> &high,
                  const std::vector<Predictions> &predictions, const Rect &area, std::size_t threads)
{
    constexpr std::int32_t half = 32, bits = 6; // the weights are in 1/64
    for (std::size_t band = 0; band < details.size(); ++band) {
        const auto count = static_cast<std::size_t>(area.subband(details[band], 1).size());
        const auto &in_blue = weights[band].blue;
        const auto &in_red = weights[band].red;
        std::array<const std::int32_t *, 3> found{};
        for (std::size_t component = 0; component < found.size(); ++component) {
            const std::vector<std::int32_t> &own = predictions[component][band];
            found[component] = own.empty() ? nullptr : own.data();
        }
        std::int32_t *const luma = high[0][band], *const blue = high[1][band], *const red = high[2][band];
        const auto add = [](std::int32_t *total, const std::int32_t *source, std::int32_t weight,
                            std::size_t size) {
            if (source != nullptr && weight != 0) {
                std::transform(source, source + size, total, total, [weight](std::int32_t a, std::int32_t b) {
                    return sum(b, product(a, weight));
                });
            }
        };
        const auto finish = [](const std::int32_t *total, std::int32_t *target, std::size_t size) {
            std::transform(total, total + size, target, target,
                           [](std::int32_t a, std::int32_t b) { return sum(b, a >> bits); });
        };
        parallel_for((count + block - 1) / block, threads, [&](std::size_t index) {
            const std::size_t start = index * block, size = std::min(count - start, block);
            const auto from = [&](std::size_t component) {
                return found[component] == nullptr ? nullptr : found[component] + start;
            };
            std::vector<std::int32_t> total(size, half + in_blue[3]);
            add(total.data(), luma + start, in_blue[0], size);
            add(total.data(), from(0), in_blue[1], size);
            add(total.data(), from(1), in_blue[2], size);
            finish(total.data(), blue + start, size);
            total.assign(size, half + in_red[3]);
            add(total.data(), luma + start, in_red[0], size);
            add(total.data(), from(0), in_red[1], size);
            add(total.data(), from(2), in_red[2], size);
            add(total.data(), blue + start, in_red[4], size);
            add(total.data(), from(1), in_red[5], size);
            finish(total.data(), red + start, size);
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

// Predicts the details of a component from its LL.
Predictions predicted(const IntegerModel &model, const Plane32 &low, const Rect &area, std::uint32_t precision,
                      const Normalisation &rule, std::size_t threads)
{
    const int exponent = 8 - static_cast<int>(precision) + static_cast<int>(rule.exponent);
    const float scale = std::ldexp(1.0F, exponent), inverse = std::ldexp(1.0F, -exponent);
    const std::int32_t offset = sum(~rule.offset, 1); // the negative
    std::vector<float> source(low.size());
    std::transform(low.begin(), low.end(), source.begin(),
                   [&](std::int32_t value) { return static_cast<float>(sum(value, offset)) * scale; });
    std::array<std::vector<float>, 3> planes;
    std::array<j2kl_plane, 3> targets;
    for (std::size_t band = 0; band < details.size(); ++band) {
        const Rect own = area.subband(details[band], 1);
        planes[band].assign(static_cast<std::size_t>(own.size()), 0.0F);
        targets[band] = plane_of(planes[band], own);
    }
    const j2kl_plane plane = plane_of(source, area.subband(Band::LL, 1));
    model.low_to_high->lift(&plane, targets.data(), 1, false, 1, nullptr, Instructions::best, threads);
    Predictions predictions;
    for (std::size_t band = 0; band < details.size(); ++band) {
        predictions[band].resize(planes[band].size());
        std::transform(planes[band].begin(), planes[band].end(), predictions[band].begin(),
                       [inverse](float value) { return rounded(value * inverse); });
    }
    return predictions;
}

// Adds the predictions of the operator to the details of a component.
void add_learned(const Predictions &predictions, const Details &high)
{
    for (std::size_t band = 0; band < details.size(); ++band) {
        std::transform(predictions[band].begin(), predictions[band].end(), high[band], high[band], sum);
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
        std::vector<Predictions> predictions(planes.size());
        for (std::size_t i = 0; i < planes.size(); ++i) {
            if (segment.steps.learned[i] && !finer.empty()) {
                const Normalisation rule =
                    segment.normalisation.empty() ? Normalisation{} : segment.normalisation[i];
                predictions[i] = predicted(model, planes[i], finer, segment.precision, rule, threads);
            }
        }
        const std::size_t own = level + reduce; // the level in the codestream
        if (own <= segment.steps.weights.size()) {
            add_weighted(segment.steps.weights[own - 1], high, predictions, finer, threads);
        }
        for (std::size_t i = 0; i < planes.size(); ++i) {
            add_learned(predictions[i], high[i]);
            planes[i] = join(planes[i], high[i], finer, threads);
            predictions[i] = {};
        }
    }
    return planes;
}

} // namespace j2kl::picture
