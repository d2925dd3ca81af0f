#include "decoder/learned_reader.hpp"

#include "base/failure.hpp"
#include "base/parallel.hpp"
#include "decoder/carrier_reader.hpp"
#include "decoder/colour.hpp"
#include "decoder/synthesis.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace j2kl::picture {

namespace {

// The subbands of an area, from one level of coefficients of a larger one.
void cut_out(const Coefficients &decoded, Band band, const Rect &area, Uninitialised<float> &values)
{
    const SubbandLayout layout(decoded.area, 1);
    const Rect inner = area.subband(band, 1);
    values.resize(static_cast<std::size_t>(inner.size()));
    copy_part(decoded.values.data() + layout.offset(band, 1), decoded.area.subband(band, 1), inner, values.data());
}

} // namespace

LearnedReader::LearnedReader(const LearnedFile &file, const j2kl_picture_request &request, Reporter &reporter)
    : file_(file), request_(request), reporter_(reporter)
{
    request_.layers = std::min(request.layers, file.header.layers);
    request_.threads = std::max(request.threads, 1U);
}

// Decodes an area of the reference grid, and returns the reconstructed coefficients of all components.
std::vector<Coefficients> LearnedReader::level(std::uint32_t reduce, const Rect &request,
                                               std::uint32_t levels)
{
    std::vector<Coefficients> components;
    const CarrierRequest carrier = {file_.codestream, file_.header,     file_.segment.components,
                                    request_.layers,  request_.threads, true};
    decode_carrier(carrier, reduce, request, levels, reporter_,
                   [&](std::uint32_t index, std::vector<std::int32_t> half_steps) {
                       components.push_back(file_.reconstruction.apply(
                           index, half_steps, request.resolution(reduce), levels, reduce, request_.threads));
                   });
    return components;
}

Planes LearnedReader::synthesised(std::vector<Coefficients> components, std::uint32_t reduce) const
{
    return synthesise(*file_.model.transform, std::move(components), sharing(), reduce, request_.threads);
}

Planes LearnedReader::whole()
{
    const std::uint32_t reduce = request_.reduce, levels = file_.segment.levels - reduce;
    return synthesised(level(reduce, file_.header.area(), levels), reduce);
}

// The synthesis of one level reads subbands around its area. So the areas are computed from the finest level to the
// coarsest, each larger than the one before.
std::vector<PartAreas> LearnedReader::areas_of(const Rect &wanted) const
{
    std::vector<PartAreas> result;
    Rect area = wanted;
    for (std::uint32_t at = request_.reduce; at < file_.segment.levels; ++at) {
        result.push_back(part_areas(*file_.model.transform, area, picture(at)));
        area = result.back().low.resolution(1);
    }
    return result;
}

// Decodes the code-blocks of the subbands that the synthesis reads, and no other part of the file.
bool LearnedReader::read_blocks(const std::vector<PartAreas> &areas, std::vector<LevelValues> &levels)
{
    if (file_.blocks == nullptr) {
        return false;
    }
    struct Part {
        BandRequest request;
        Uninitialised<float> *values;
    };
    std::vector<Part> parts;
    std::vector<Uninitialised<std::int32_t>> half_steps; // moved when it grows, but not its elements
    const auto add = [&](std::uint32_t component, std::uint32_t at, Band band, const Rect &area,
                         Uninitialised<float> &values) {
        half_steps.emplace_back(static_cast<std::size_t>(area.size()));
        values.resize(half_steps.back().size());
        parts.push_back({{component, at + 1, band, area, half_steps.back().data()}, &values});
    };
    for (std::size_t i = areas.size(); i-- > 0;) {
        const auto at = static_cast<std::uint32_t>(request_.reduce + i);
        for (std::uint32_t component = 0; component < file_.segment.components; ++component) {
            ComponentValues &values = levels[i][component];
            for (std::size_t band = 0; band < details.size(); ++band) {
                add(component, at, details[band], areas[i].details.subband(details[band], 1), values.details[band]);
            }
            if (i + 1 == areas.size()) {
                add(component, at, Band::LL, areas[i].low.subband(Band::LL, 1), values.low);
            }
        }
    }
    std::vector<BandRequest> requests;
    for (const Part &part : parts) {
        requests.push_back(part.request);
    }
    try {
        file_.blocks->read(requests, request_.layers, request_.threads);
    } catch (const Failure &) {
        if (file_.some_tiles) {
            throw;
        }
        return false; // OpenJPEG may decode the codestream as a whole
    }
    for (const Part &part : parts) {
        file_.reconstruction.apply(part.request.component, part.request.band, part.request.level,
                                   part.request.half_steps, part.values->data(), part.values->size(),
                                   request_.threads);
    }
    return true;
}

// Decodes one level of the whole codestream, and keeps the subbands that the synthesis reads.
void LearnedReader::read_level(std::uint32_t at, const PartAreas &areas, bool coarsest,
                               LevelValues &values)
{
    // At the borders of the decoded carrier its analysis is wrong, because it lacks the samples outside.
    const Rect area = grown(coarsest ? areas.low : areas.details, carrier_margin, picture(at));
    const std::vector<Coefficients> components = level(at, on_grid_of(area, at, file_.header.area()), 1);
    for (std::size_t i = 0; i < components.size(); ++i) {
        for (std::size_t band = 0; band < details.size(); ++band) {
            cut_out(components[i], details[band], areas.details, values[i].details[band]);
        }
        if (coarsest) {
            cut_out(components[i], Band::LL, areas.low, values[i].low);
        }
    }
}

// Decodes a region, and at every level only the area that the synthesis reads, from the coarsest level to the finest.
Planes LearnedReader::region(const Rect &wanted, Rect &area)
{
    const std::uint32_t reduce = request_.reduce;
    if (reduce == file_.segment.levels) {
        const Rect request = on_grid_of(wanted, reduce, file_.header.area());
        area = request.resolution(reduce);
        return synthesised(level(reduce, request, 0), reduce);
    }
    const std::vector<PartAreas> areas = areas_of(wanted);
    std::vector<LevelValues> levels(areas.size(), LevelValues(file_.segment.components));
    const bool by_blocks = read_blocks(areas, levels);
    Planes planes;
    for (std::size_t i = areas.size(); i-- > 0;) {
        const auto at = static_cast<std::uint32_t>(reduce + i);
        const bool coarsest = i + 1 == areas.size();
        if (!by_blocks) {
            read_level(at, areas[i], coarsest, levels[i]);
        }
        std::vector<LevelPart> parts;
        for (std::size_t component = 0; component < levels[i].size(); ++component) {
            ComponentValues &values = levels[i][component];
            const Rect low_area = areas[i].low.subband(Band::LL, 1);
            LevelPart part;
            part.low = coarsest ? plane_of(values.low.data(), low_area)
                                : part_of(plane_of(planes[component].data(), areas[i + 1].synthesised), low_area);
            for (std::size_t band = 0; band < details.size(); ++band) {
                part.details[band] =
                    plane_of(values.details[band].data(), areas[i].details.subband(details[band], 1));
            }
            parts.push_back(part);
        }
        planes = synthesise_part(*file_.model.transform, parts, areas[i], sharing(), at, request_.threads);
    }
    area = areas[0].synthesised;
    return planes;
}

Sharing LearnedReader::sharing() const
{
    return {file_.segment.shared, file_.segment.base_chroma};
}

bool LearnedReader::dequantises() const
{
    return request_.reduce == 0 && request_.draft == 0 && !file_.segment.noise.empty() &&
           file_.model.dequantises;
}

// Samples that the de-quantisation reads around an area.
std::uint32_t LearnedReader::dequantiser_reach() const
{
    if (!dequantises() || !file_.model.network) {
        return 0;
    }
    const IntegerModel &model = *file_.model.network;
    return std::max(model.dequantiser->reach(), model.chroma_dequantiser ? model.chroma_dequantiser->reach() : 0);
}

// Corrects the samples of `wanted`, from planes of a larger area.
void LearnedReader::dequantise(Planes &planes, const Rect &area, const Rect &wanted) const
{
    if (area.empty()) {
        return;
    }
    const auto count = static_cast<std::uint32_t>(planes.size());
    const std::uint32_t layer = request_.layers > 0 ? request_.layers : file_.header.layers;
    bool some = false;
    for (std::uint32_t index = 0; index < count; ++index) {
        some = some || has_noise(file_.segment, index, layer);
    }
    if (!some) {
        return;
    }
    if (!file_.model.network) {
        throw Failure(J2KL_ERROR_UNSUPPORTED, "the network for de-quantisation of the model " +
                                                  file_.model.name +
                                                  " has no twin in integers: it needs PyTorch");
    }
    const IntegerModel &model = *file_.model.network;
    const bool guided =
        model.chroma_dequantiser && file_.segment.colour == Segment::Colour::ict && count >= 3;
    if (guided) { // before luma, which it reads unchanged
        apply(*model.chroma_dequantiser, 0, layer, planes, area, wanted);
    }
    for (std::uint32_t index = 0; index < count; ++index) {
        if (!guided || index == 0 || index > 2) {
            apply(*model.dequantiser, index, layer, planes, area, wanted);
        }
    }
}

// Applies a network to the planes from `first` on, if all that it corrects have noise. Their samples beyond `wanted` are
// lost.
void LearnedReader::apply(const dequantisation::Dequantiser &network, std::uint32_t first, std::uint32_t layer,
                          Planes &planes, const Rect &area, const Rect &wanted) const
{
    dequantisation::Components components = {};
    const std::size_t only_read = network.reads() - network.writes();
    std::vector<NoiseCodes> noise;
    for (std::size_t at = 0; at < network.writes(); ++at) {
        const auto index = static_cast<std::uint32_t>(first + only_read + at);
        noise.push_back(noise_codes(file_.segment, file_.header.tiles, index, layer, area,
                                    static_cast<std::uint32_t>(network.side())));
        if (noise[at].codes.empty()) {
            return;
        }
    }
    Planes corrected(network.writes()); // other threads read the samples around those that one corrects
    for (std::size_t at = 0; at < only_read; ++at) {
        components.sources[at] = planes[first + at].data();
    }
    for (std::size_t at = 0; at < network.writes(); ++at) {
        const std::size_t index = first + only_read + at;
        corrected[at].resize(planes[index].size());
        components.sources[only_read + at] = planes[index].data();
        components.targets[at] = corrected[at].data();
        components.noise[at] = noise[at].codes.data();
        components.noise_stride = noise[at].stride;
    }
    const j2kl_plane all = plane_of(planes[0].data(), area), part = part_of(all, wanted);
    components.source_stride = components.target_stride = all.row_stride;
    components.y0 = all.y0;
    components.x0 = all.x0;
    components.y1 = all.y1;
    components.x1 = all.x1;
    components.part = {part.y0, part.x0, part.y1, part.x1};
    network.apply(components, Instructions::best, request_.threads);
    for (std::size_t at = 0; at < network.writes(); ++at) {
        planes[first + only_read + at] = std::move(corrected[at]);
    }
}

// Undoes the normalisation of components, in the samples of `wanted`.
void LearnedReader::restore(Planes &planes, const Rect &area, const Rect &wanted) const
{
    for (std::size_t index = 0; index < file_.segment.normalisation.size(); ++index) {
        const Normalisation &rule = file_.segment.normalisation[index];
        const float factor = std::ldexp(1.0F, -static_cast<int>(rule.exponent));
        const float shift =
            std::ldexp(static_cast<float>(rule.offset), 8 - static_cast<int>(file_.segment.precision));
        for (std::uint32_t y = wanted.y0; y < wanted.y1; ++y) {
            float *const row = planes[index].data() + std::size_t{y - area.y0} * area.width() + (wanted.x0 - area.x0);
            for (std::size_t i = 0; i < wanted.width(); ++i) {
                row[i] = row[i] * factor + shift;
            }
        }
    }
}

void LearnedReader::to_pixels(const Planes &planes, const Rect &area, const Rect &wanted,
                              std::int32_t *const *samples) const
{
    const bool some = request_.component_count > 0;
    const std::uint32_t count = some ? request_.component_count : static_cast<std::uint32_t>(planes.size());
    const bool ict = !some && file_.segment.colour == Segment::Colour::ict;
    const SampleRange range = {file_.segment.precision, file_.header.components[0].is_signed};
    const std::size_t width = wanted.width();
    parallel_for(wanted.height(), request_.threads, [&](std::size_t row) {
        const std::size_t start = (row + wanted.y0 - area.y0) * area.width() + (wanted.x0 - area.x0);
        for (std::uint32_t i = 0; i < count; ++i) {
            const bool transformed = ict && i < 3;
            const float *sources[3] = {};
            for (std::size_t each = 0; each < 3 && transformed; ++each) {
                sources[each] = planes[each].data() + start;
            }
            if (!transformed) {
                sources[0] = planes[some ? request_.component_list[i] : i].data() + start;
            }
            to_samples(sources, transformed ? static_cast<int>(i) : no_ict, range, samples[i] + row * width,
                       width);
        }
    });
}

void LearnedReader::decode(const Rect &on_grid, std::int32_t *const *samples)
{
    const Rect wanted = on_grid.resolution(request_.reduce);
    const bool all = on_grid == file_.header.area() && !file_.some_tiles;
    Rect area = wanted;
    Planes planes;
    if (all) {
        planes = whole();
    } else {
        planes = region(grown(wanted, dequantiser_reach(), picture(request_.reduce)), area);
    }
    if (dequantises()) {
        dequantise(planes, area, wanted);
    }
    restore(planes, area, wanted);
    to_pixels(planes, area, wanted, samples);
}

} // namespace j2kl::picture
