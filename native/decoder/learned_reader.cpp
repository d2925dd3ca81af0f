#include "decoder/learned_reader.hpp"

#include "base/failure.hpp"
#include "base/parallel.hpp"
#include "decoder/colour.hpp"
#include "decoder/noise.hpp"
#include "decoder/synthesis.hpp"
#include "transport/decoder.hpp"

#include <cmath>
#include <utility>

namespace j2kl::picture {

namespace {

// Samples that de-quantisation reads beyond an area.
constexpr std::uint32_t dequantiser_reach = 32;

} // namespace

void LearnedReader::decode_tier1(Decoder &decoder, const j2kl_request &request) const
{
    j2kl_request half_steps = request;
    half_steps.half_steps = 1;
    decoder.decode(half_steps);
}

Coefficients<float> LearnedReader::coefficients(std::uint32_t component, std::vector<std::int32_t> decoded,
                                                const Rect &area, std::uint32_t levels,
                                                std::uint32_t reduce) const
{
    return file().reconstruction->apply(component, decoded, area, levels, reduce, request().threads);
}

LearnedReader::Planes LearnedReader::synthesised(std::vector<Coefficients<float>> components,
                                                 std::uint32_t reduce) const
{
    const bool base_chroma = file().segment.base_chroma && reduce == 0;
    return synthesise(*file().model.transform, std::move(components), file().segment.shared, base_chroma,
                      request().threads);
}

std::uint32_t LearnedReader::margin() const
{
    return dequantises() ? dequantiser_reach : 0;
}

bool LearnedReader::dequantises() const
{
    return request().reduce == 0 && request().draft == 0 && !file().segment.noise.empty() &&
           file().model.dequantises;
}

void LearnedReader::dequantise(Planes &planes, const Rect &area) const
{
    const std::uint32_t layer = request().layers > 0 ? request().layers : file().header.layers;
    std::vector<float> source;
    for (std::uint32_t index = 0; index < planes.size() && !area.empty(); ++index) {
        const NoiseCodes noise = noise_codes(file().segment, file().header.tiles, index, layer, area);
        if (noise.codes.empty()) {
            continue;
        }
        if (!file().model.network) {
            throw Failure(J2KL_ERROR_UNSUPPORTED, "the network for de-quantisation of the model " +
                                                      file().model.name +
                                                      " has no twin in integers: it needs PyTorch");
        }
        source = planes[index];
        const auto corner = [](std::uint32_t value) { return static_cast<std::int32_t>(value); };
        const auto stride = static_cast<std::ptrdiff_t>(area.width());
        file().model.network->dequantiser->apply({source.data(), planes[index].data(), stride, stride,
                                                 corner(area.y0), corner(area.x0), corner(area.y1),
                                                 corner(area.x1), corner(area.y0), corner(area.y1),
                                                 noise.codes.data(), noise.stride},
                                                Instructions::best, request().threads);
    }
}

// Undoes the normalisation of components.
void LearnedReader::restore(Planes &planes) const
{
    for (std::size_t index = 0; index < file().segment.normalisation.size(); ++index) {
        const Normalisation &rule = file().segment.normalisation[index];
        const float factor = std::ldexp(1.0F, -static_cast<int>(rule.exponent));
        const float shift =
            std::ldexp(static_cast<float>(rule.offset), 8 - static_cast<int>(file().segment.precision));
        for (float &value : planes[index]) {
            value = value * factor + shift;
        }
    }
}

void LearnedReader::to_pixels(const Planes &planes, const Rect &area, const Rect &wanted,
                              std::int32_t *const *samples) const
{
    const bool some = request().component_count > 0;
    const std::uint32_t count = some ? request().component_count : static_cast<std::uint32_t>(planes.size());
    const bool ict = !some && file().segment.colour == Segment::Colour::ict;
    const SampleRange range = {file().segment.precision, file().header.components[0].is_signed};
    const std::size_t width = wanted.width();
    parallel_for(wanted.height(), request().threads, [&](std::size_t row) {
        const std::size_t start = (row + wanted.y0 - area.y0) * area.width() + (wanted.x0 - area.x0);
        for (std::uint32_t i = 0; i < count; ++i) {
            const bool transformed = ict && i < 3;
            const float *sources[3] = {};
            for (std::size_t each = 0; each < 3 && transformed; ++each) {
                sources[each] = planes[each].data() + start;
            }
            if (!transformed) {
                sources[0] = planes[some ? request().component_list[i] : i].data() + start;
            }
            to_samples(sources, transformed ? static_cast<int>(i) : no_ict, range, samples[i] + row * width,
                       width);
        }
    });
}

void LearnedReader::decode(const Rect &on_grid, std::int32_t *const *samples)
{
    Rect area;
    Planes decoded = planes(on_grid, area);
    if (dequantises()) {
        dequantise(decoded, area);
    }
    restore(decoded);
    to_pixels(decoded, area, on_grid.resolution(request().reduce), samples);
}

} // namespace j2kl::picture
