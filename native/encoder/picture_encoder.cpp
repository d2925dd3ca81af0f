#include "encoder/picture_encoder.hpp"

#include "base/failure.hpp"
#include "base/parallel.hpp"
#include "encoder/analysis.hpp"
#include "encoder/samples.hpp"
#include "transport/encoder.hpp"
#include "transport/parameters.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace j2kl::picture {

namespace {

// docs/format.md: samples have 16 bits at most, and chroma of 16 bits needs one bit more.
constexpr std::uint32_t largest_exponent = 15;
constexpr std::int32_t largest_offset = 1 << 17;

std::shared_ptr<const IntegerModel> transform_of(const Models &models, const std::uint8_t (&id)[32])
{
    Id wanted{};
    std::copy(std::begin(id), std::end(id), wanted.begin());
    const std::optional<FoundModel> found = models.find(wanted, nullptr);
    if (!found) {
        throw Failure(J2KL_ERROR_MODEL_NOT_FOUND, "the model with id " + hexadecimal(wanted) + " is not installed");
    }
    if (!found->transform) {
        throw Failure(J2KL_ERROR_UNSUPPORTED,
                      "the model " + found->name + " has no integer model as its twin: it needs PyTorch");
    }
    if (found->transform->reversible()) {
        throw Failure(J2KL_ERROR_UNSUPPORTED, "the model " + found->name + " is for lossless coding");
    }
    return found->transform;
}

void check_factors(const float *factors, std::size_t count, const char *text)
{
    require(factors == nullptr ||
                std::all_of(factors, factors + count, [](float factor) { return std::isfinite(factor) && factor > 0; }),
            text);
}

} // namespace

PictureEncoder::PictureEncoder(const j2kl_picture_parameters &parameters, const Models &models)
    : parameters_(parameters),
      area_{parameters.carrier.x0, parameters.carrier.y0, parameters.carrier.x1, parameters.carrier.y1},
      threads_(std::max(parameters.carrier.threads, 1U))
{
    check();
    transform_ = transform_of(models, parameters.model_id);
}

void PictureEncoder::check() const
{
    const j2kl_picture_parameters &p = parameters_;
    j2kl::check(p.carrier);
    require(p.carrier.reversible == 0 && p.carrier.is_signed == 1, "the carrier has signed samples and the 9/7");
    require(p.sample_bytes == 1 || p.sample_bytes == 2, "a sample has one or two bytes");
    require(p.precision >= 1 && p.precision <= 8 * p.sample_bytes, "the samples have 1 to 16 bits, which fit their bytes");
    require((p.is_signed == 0 || p.is_signed == 1) && (p.base_chroma == 0 || p.base_chroma == 1),
            "a flag has to be 0 or 1");
    require(p.shared >= 1 && p.shared <= p.carrier.components,
            "one to all of the components share the opacities of the first");
    const std::size_t bands = 3 * std::size_t{p.carrier.levels} + 1, components = p.carrier.components;
    check_factors(p.scales, bands, "the scales of subbands have to be positive");
    check_factors(p.weights, bands * components, "the weights of subbands have to be positive");
    require(p.normalisation == nullptr ||
                std::all_of(p.normalisation, p.normalisation + components,
                            [](const j2kl_normalisation &rule) {
                                return rule.exponent <= largest_exponent && rule.offset >= -largest_offset &&
                                       rule.offset <= largest_offset;
                            }),
            "the normalisation of a component is out of range");
}

// Scales the subbands, undoes the normalisation, and applies the weights, in this order.
void PictureEncoder::apply_gains(std::uint32_t component, Uninitialised<float> &coefficients) const
{
    const j2kl_picture_parameters &p = parameters_;
    if (p.scales == nullptr && p.weights == nullptr && p.normalisation == nullptr) {
        return;
    }
    const std::uint32_t levels = p.carrier.levels;
    const SubbandLayout layout(area_, levels);
    const std::size_t bands = 3 * std::size_t{levels} + 1;
    const auto apply = [&](std::size_t index, std::size_t first, std::size_t count) {
        const float scale = p.scales != nullptr ? p.scales[index] : 1.0F;
        const float weight = p.weights != nullptr ? p.weights[component * bands + index] : 1.0F;
        float inverse = 1, shift = 0;
        if (p.normalisation != nullptr) {
            const j2kl_normalisation &rule = p.normalisation[component];
            inverse = std::ldexp(1.0F, -static_cast<int>(rule.exponent));
            shift = static_cast<float>(std::ldexp(rule.offset, 8 - static_cast<int>(p.precision)));
        }
        const bool shifted = p.normalisation != nullptr && index == 0; // the low-pass gain is one: only LL is shifted
        constexpr std::size_t part = std::size_t{1} << 17;
        parallel_for((count + part - 1) / part, threads_, [&](std::size_t at) {
            float *const values = coefficients.data() + first + at * part;
            const std::size_t length = std::min(part, count - at * part);
            for (std::size_t i = 0; i < length; ++i) {
                values[i] = values[i] * scale * inverse;
            }
            for (std::size_t i = 0; i < length && shifted; ++i) {
                values[i] += shift;
            }
            for (std::size_t i = 0; i < length && weight != 1; ++i) {
                values[i] *= weight;
            }
        });
    };
    apply(0, 0, static_cast<std::size_t>(area_.subband(Band::LL, levels).size()));
    for (std::uint32_t level = levels; level > 0; --level) {
        for (std::size_t at = 0; at < details.size(); ++at) {
            apply(3 * std::size_t{levels - level} + 1 + at, layout.offset(details[at], level),
                  static_cast<std::size_t>(area_.subband(details[at], level).size()));
        }
    }
}

void PictureEncoder::analyse(const void *samples, const Take &take) const
{
    const j2kl_picture_parameters &p = parameters_;
    const std::uint32_t components = p.carrier.components;
    const auto pixels = static_cast<std::size_t>(area_.size());
    const Samples source = {samples, p.sample_bytes, components, p.precision, p.is_signed != 0,
                            p.carrier.component_transform != 0};
    if (!within_range(source, pixels * components, threads_)) {
        throw Failure(J2KL_ERROR_RANGE, "a sample lies outside the range of the declared precision");
    }
    for (std::uint32_t first = 0; first < components;) {
        const std::uint32_t count = first == 0 ? p.shared : 1;
        Planes planes(count);
        std::vector<float *> places;
        for (Uninitialised<float> &plane : planes) {
            plane.resize(pixels);
            places.push_back(plane.data());
        }
        to_planes(source, pixels, first, count, p.normalisation, places.data(), threads_);
        Planes coefficients = picture::analyse(*transform_, std::move(planes), area_, p.carrier.levels,
                                               p.base_chroma != 0, threads_);
        for (std::uint32_t i = 0; i < count; ++i) {
            apply_gains(first + i, coefficients[i]);
            const Uninitialised<float> own = std::move(coefficients[i]); // freed when it was taken
            take(first + i, own);
        }
        first += count;
    }
}

Codestream PictureEncoder::encode(const void *samples, j2kl_report *report) const
{
    Encoder encoder(parameters_.carrier, report);
    analyse(samples, [&](std::uint32_t component, const Uninitialised<float> &coefficients) {
        encoder.put_subbands(component, coefficients.data());
    });
    const std::vector<std::uint8_t> &codestream = encoder.finish();
    Codestream result = {std::make_unique<std::uint8_t[]>(codestream.size()), codestream.size()};
    std::copy(codestream.begin(), codestream.end(), result.bytes.get());
    return result;
}

} // namespace j2kl::picture
