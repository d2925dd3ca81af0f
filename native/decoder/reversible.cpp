#include "decoder/reversible.hpp"

#include "base/parallel.hpp"
#include "wavelet/non_separable53.hpp"
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

// What the operator predicts for the details of a component, with fraction bits; nothing if it has no learned steps.
using Predictions = std::array<std::vector<std::int32_t>, 3>;

// Fraction bits of the weights between components, and the weight that is 1.
constexpr int weight_bits = 6;
constexpr std::int32_t whole_weight = 1 << weight_bits;

// The place of the prediction of a component itself among its sources.
constexpr std::size_t own_prediction = 2;

// A run of coefficients of one component in one subband.
struct Run {
    std::int32_t *details = nullptr;
    const std::int32_t *prediction = nullptr; // null if there is none
};

// A weighted sum of runs, which are left out if they are null; rounded to whole numbers, halves up.
class Sum {
public:
    Sum(std::size_t size, int fraction_bits) : total_(size), shift_(weight_bits + fraction_bits) {}

    // Begins with a constant.
    void start(std::int32_t value)
    {
        const auto half = static_cast<std::int32_t>(1U << shift_ >> 1);
        std::fill(total_.begin(), total_.end(), sum(half, value));
    }

    void add(const std::int32_t *source, std::int32_t weight)
    {
        if (source != nullptr && weight != 0) {
            std::transform(source, source + total_.size(), total_.begin(), total_.begin(),
                           [weight](std::int32_t a, std::int32_t b) { return sum(b, product(a, weight)); });
        }
    }

    void add_to(std::int32_t *target) const
    {
        std::transform(total_.begin(), total_.end(), target, target,
                       [this](std::int32_t a, std::int32_t b) { return sum(b, a >> shift_); });
    }

private:
    std::vector<std::int32_t> total_;
    int shift_;
};

// Adds the prediction of the operator alone.
void add_prediction(const Run &run, std::size_t size, int fraction_bits)
{
    if (run.prediction == nullptr) {
        return;
    }
    const auto half = static_cast<std::int32_t>(1U << fraction_bits >> 1);
    std::transform(run.prediction, run.prediction + size, run.details, run.details,
                   [half, fraction_bits](std::int32_t a, std::int32_t b) {
                       return sum(b, sum(a, half) >> fraction_bits);
                   });
}

// What the operator leaves of coefficients, with fraction bits.
void unpredicted(const Run &run, int fraction_bits, std::vector<std::int32_t> &out)
{
    const std::int32_t scale = 1 << fraction_bits;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const std::int32_t scaled = product(run.details[i], scale);
        out[i] = run.prediction == nullptr ? scaled : sum(scaled, sum(~run.prediction[i], 1));
    }
}

// Adds the predictions of the details of Y, and of both chroma components in their order: of the operator, and from what
// is known of the other components.
void add_weighted(const BandWeights &weights, const std::array<Run, 3> &runs, std::size_t size, int fraction_bits)
{
    const Run &luma = runs[0], &first = runs[1], &second = runs[2];
    add_prediction(luma, size, fraction_bits);
    std::vector<std::int32_t> luma_left(size), first_left(size);
    unpredicted(luma, fraction_bits, luma_left);
    Sum total(size, fraction_bits);
    // the weights that both components of chroma have
    const auto start = [&](const std::int32_t *four, const Run &own) {
        total.start(product(four[3], 1 << fraction_bits));
        total.add(luma_left.data(), four[0]);
        total.add(luma.prediction, four[1]);
        total.add(own.prediction, sum(four[own_prediction], whole_weight));
    };
    start(weights.first.data(), first);
    total.add_to(first.details);
    unpredicted(first, fraction_bits, first_left);
    start(weights.second.data(), second);
    total.add(first_left.data(), weights.second[4]);
    total.add(first.prediction, weights.second[5]);
    total.add_to(second.details);
}

// Adds the predictions of the details of all components at one level, which may have weights.
void add_predictions(const Steps &steps, std::size_t level, const std::vector<Details> &high,
                     const std::vector<Predictions> &predictions, const Rect &area, int fraction_bits,
                     std::size_t threads)
{
    const Weights *const weights = level <= steps.weights.size() ? &steps.weights[level - 1] : nullptr;
    const std::size_t chroma = steps.red_first ? 2 : 1; // the component of chroma that comes first
    for (std::size_t band = 0; band < details.size(); ++band) {
        const auto count = static_cast<std::size_t>(area.subband(details[band], 1).size());
        parallel_for((count + block - 1) / block, threads, [&](std::size_t index) {
            const std::size_t start = index * block, size = std::min(count - start, block);
            const auto run = [&](std::size_t component) {
                const std::vector<std::int32_t> &own = predictions[component][band];
                return Run{high[component][band] + start, own.empty() ? nullptr : own.data() + start};
            };
            std::size_t component = 0;
            if (weights != nullptr) {
                add_weighted((*weights)[band], {run(0), run(chroma), run(3 - chroma)}, size, fraction_bits);
                component = 3;
            }
            for (; component < high.size(); ++component) {
                add_prediction(run(component), size, fraction_bits);
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

// A prediction as a whole number; one that does not fit into 32 bits becomes the lowest number.
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
    const float scale = std::ldexp(1.0F, exponent), inverse = std::ldexp(1.0F, model.fraction_bits() - exponent);
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

// Replaces Y by the green component, or the green component by Y (T.800 equation G-6).
void replace_luma(IntegerPlanes &planes, bool by_green)
{
    Plane32 &first = planes[0];
    const Plane32 &blue = planes[1], &red = planes[2];
    for (std::size_t i = 0; i < first.size(); ++i) {
        const std::int32_t quarter = sum(blue[i], red[i]) >> 2;
        first[i] = sum(first[i], by_green ? sum(~quarter, 1) : quarter);
    }
}

// Undoes the base wavelet of one level.
Plane32 join(const IntegerModel &model, const Plane32 &low, const Details &high, const Rect &area,
             std::size_t threads)
{
    Plane32 plane(static_cast<std::size_t>(area.size()));
    const auto band = [&](const std::int32_t *values, Band name) {
        return Plane<const std::int32_t>{values, area.subband(name, 1).width()};
    };
    const Bands<const std::int32_t> bands = {band(low.data(), Band::LL), band(high[0], Band::HL),
                                             band(high[1], Band::LH), band(high[2], Band::HH)};
    const Plane<std::int32_t> target = {plane.data(), area.width()};
    if (model.base == Base::non_separable53) {
        synthesise_non_separable53(bands, area, target, threads);
    } else {
        synthesise(bands, area, target, threads);
    }
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
    if (segment.colour == Segment::Colour::green) {
        replace_luma(planes, true);
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
        add_predictions(segment.steps, own, high, predictions, finer, model.fraction_bits(), threads);
        for (std::size_t i = 0; i < planes.size(); ++i) {
            planes[i] = join(model, planes[i], high[i], finer, threads);
            predictions[i] = {};
        }
    }
    if (segment.colour == Segment::Colour::green) {
        replace_luma(planes, false);
    }
    return planes;
}

} // namespace j2kl::picture
