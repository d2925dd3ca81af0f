#include "decoder/learned_reader.hpp"

#include "base/failure.hpp"
#include "base/parallel.hpp"
#include "decoder/colour.hpp"
#include "decoder/noise.hpp"
#include "decoder/synthesis.hpp"
#include "transport/decoder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

namespace j2kl::picture {

namespace {

// Samples that are decoded on each side of the area whose coefficients are needed: the 5/3, through which
// OpenJPEG hands out the integers of tier-1, reads two samples on either side of a low-pass sample.
constexpr std::uint32_t carrier_margin = 2;

// Samples that de-quantisation reads beyond an area.
constexpr std::uint32_t dequantiser_reach = 32;

constexpr std::uint32_t most_tiles = 65535;

// An area extended on every side, within `bounds`.
Rect grown(const Rect &area, std::uint32_t margin, const Rect &bounds)
{
    const auto less = [&](std::uint32_t value) { return value > margin ? value - margin : 0; };
    return Rect{less(area.x0), less(area.y0), area.x1 + margin, area.y1 + margin}.intersection(bounds);
}

// An area of the reference grid that contains an area of a resolution.
Rect on_grid(const Rect &area, std::uint32_t reduce, const Rect &picture)
{
    const auto scaled = [&](std::uint32_t value) {
        return static_cast<std::uint32_t>(
            std::min<std::uint64_t>(std::uint64_t{value} << reduce, UINT32_MAX));
    };
    return Rect{scaled(area.x0), scaled(area.y0), scaled(area.x1), scaled(area.y1)}.intersection(picture);
}

// Copies the part of a plane that covers `outer` which lies in `inner`.
void copy_part(const float *from, const Rect &outer, const Rect &inner, float *to)
{
    for (std::size_t row = 0; row < inner.height() && inner.width() > 0; ++row) {
        const float *source = from + (row + inner.y0 - outer.y0) * outer.width() + (inner.x0 - outer.x0);
        std::copy_n(source, inner.width(), to + row * inner.width());
    }
}

// One level of coefficients of a smaller area; `low`, if it is not null, replaces LL and covers `low_area`.
Coefficients cropped(const Coefficients &decoded, const Rect &area, const float *low, const Rect &low_area)
{
    Coefficients result = {area, 1, std::vector<float>(static_cast<std::size_t>(area.size()))};
    const SubbandLayout from(decoded.area, 1), to(area, 1);
    for (const Band band : {Band::LL, Band::HL, Band::LH, Band::HH}) {
        const Rect inner = area.subband(band, 1);
        float *target = result.values.data() + to.offset(band, 1);
        if (band == Band::LL && low != nullptr) {
            copy_part(low, low_area, inner, target);
        } else {
            copy_part(decoded.values.data() + from.offset(band, 1), decoded.area.subband(band, 1), inner,
                      target);
        }
    }
    return result;
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
    j2kl_report report{};
    std::vector<Coefficients> components;
    const auto pass_on = [&] {
        reporter_.missing(report.missing);
        reporter_.warning(report.warning);
    };
    try {
        Decoder decoder(file_.codestream.data, file_.codestream.size, {0, most_tiles}, &report);
        j2kl_request wanted{};
        wanted.reduce = reduce;
        wanted.layers = request_.layers;
        wanted.threads = request_.threads;
        wanted.half_steps = 1;
        if (!(request == file_.header.area())) {
            wanted.x0 = request.x0;
            wanted.y0 = request.y0;
            wanted.x1 = request.x1;
            wanted.y1 = request.y1;
        }
        decoder.decode(wanted);
        pass_on();
        const std::uint32_t count = file_.segment.components;
        if (decoder.component_count() != count) {
            throw Failure(J2KL_ERROR_OPENJPEG, "OpenJPEG has decoded another number of components");
        }
        const Rect area = request.resolution(reduce);
        for (std::uint32_t index = 0; index < count; ++index) {
            std::vector<std::int32_t> half_steps(static_cast<std::size_t>(area.size()));
            decoder.get_subbands(index, levels, half_steps.data());
            components.push_back(
                file_.reconstruction.apply(index, half_steps, area, levels, reduce, request_.threads));
        }
    } catch (const Failure &failure) {
        reporter_.error(report.error);
        throw Failure(failure.code(), failure.what());
    }
    return components;
}

LearnedReader::Planes LearnedReader::synthesised(std::vector<Coefficients> components,
                                                 std::uint32_t reduce) const
{
    const bool base_chroma = file_.segment.base_chroma && reduce == 0;
    return synthesise(*file_.model.transform, std::move(components), file_.segment.shared, base_chroma,
                      request_.threads);
}

LearnedReader::Planes LearnedReader::whole()
{
    const std::uint32_t reduce = request_.reduce, levels = file_.segment.levels - reduce;
    return synthesised(level(reduce, file_.header.area(), levels), reduce);
}

// Decodes a region, and at every level only the area that the synthesis reads. The synthesis of one level
// reads a margin around its area. So the areas are computed from the finest level to the coarsest; each is
// one margin larger than the one before. Then they are decoded from the coarsest level to the finest.
LearnedReader::Planes LearnedReader::region(const Rect &wanted, Rect &area)
{
    const Rect &grid = file_.header.area();
    const std::uint32_t reduce = request_.reduce, levels = file_.segment.levels,
                        margin = file_.model.transform->reach;
    std::map<std::uint32_t, Rect> areas;
    areas[reduce] = dequantises() ? grown(wanted, dequantiser_reach, grid) : wanted;
    for (std::uint32_t at = reduce; at < levels; ++at) {
        areas[at] = grown(areas[at], margin, picture(at));
        areas[at + 1] = areas[at].resolution(1);
    }
    Planes planes;
    if (reduce == levels) {
        const Rect request = on_grid(areas[reduce], reduce, grid);
        area = request.resolution(reduce);
        return synthesised(level(reduce, request, 0), reduce);
    }
    for (std::uint32_t at = levels; at-- > reduce;) {
        // At the borders of the decoded carrier its analysis is wrong, because it lacks the samples outside.
        const Rect request = on_grid(grown(areas[at], carrier_margin, picture(at)), at, grid);
        std::vector<Coefficients> components = level(at, request, 1);
        for (std::size_t i = 0; i < components.size(); ++i) {
            const float *low = planes.empty() ? nullptr : planes[i].data();
            components[i] = cropped(components[i], areas[at], low, areas[at + 1]);
        }
        planes = synthesised(std::move(components), at);
    }
    area = areas[reduce];
    return planes;
}

bool LearnedReader::dequantises() const
{
    return request_.reduce == 0 && request_.draft == 0 && !file_.segment.noise.empty() &&
           file_.model.dequantises;
}

void LearnedReader::dequantise(Planes &planes, const Rect &area) const
{
    if (area.empty()) {
        return;
    }
    const auto count = static_cast<std::uint32_t>(planes.size());
    const std::uint32_t layer = request_.layers > 0 ? request_.layers : file_.header.layers;
    std::vector<NoiseCodes> noise;
    for (std::uint32_t index = 0; index < count; ++index) {
        noise.push_back(noise_codes(file_.segment, file_.header.tiles, index, layer, area));
    }
    const bool some = std::any_of(noise.begin(), noise.end(),
                                  [](const NoiseCodes &each) { return !each.codes.empty(); });
    if (some && !file_.model.network) {
        throw Failure(J2KL_ERROR_UNSUPPORTED, "the network for de-quantisation of the model " +
                                                  file_.model.name +
                                                  " has no twin in integers: it needs PyTorch");
    }
    const auto apply = [&](const dequantisation::Dequantiser &network, std::uint32_t first_read) {
        const auto corner = [](std::uint32_t value) { return static_cast<std::int32_t>(value); };
        dequantisation::Components components = {};
        const std::size_t only_read = network.reads() - network.writes();
        Planes unchanged(network.writes());
        for (std::size_t at = 0; at < network.reads(); ++at) {
            components.sources[at] = planes[first_read + at].data();
        }
        for (std::size_t at = 0; at < network.writes(); ++at) {
            const std::size_t index = first_read + only_read + at;
            if (noise[index].codes.empty()) {
                return;
            }
            unchanged[at] = planes[index];
            components.sources[only_read + at] = unchanged[at].data();
            components.targets[at] = planes[index].data();
            components.noise[at] = noise[index].codes.data();
            components.noise_stride = noise[index].stride;
        }
        components.source_stride = components.target_stride = static_cast<std::ptrdiff_t>(area.width());
        components.y0 = components.first_row = corner(area.y0);
        components.y1 = components.end_row = corner(area.y1);
        components.x0 = corner(area.x0);
        components.x1 = corner(area.x1);
        network.apply(components, Instructions::best, request_.threads);
    };
    if (!some) {
        return;
    }
    const IntegerModel &model = *file_.model.network;
    const bool guided =
        model.chroma_dequantiser && file_.segment.colour == Segment::Colour::ict && count >= 3;
    if (guided) { // before luma, which it reads unchanged
        apply(*model.chroma_dequantiser, 0);
    }
    for (std::uint32_t index = 0; index < count; ++index) {
        if (!guided || index == 0 || index > 2) {
            apply(*model.dequantiser, index);
        }
    }
}

// Undoes the normalisation of components.
void LearnedReader::restore(Planes &planes) const
{
    for (std::size_t index = 0; index < file_.segment.normalisation.size(); ++index) {
        const Normalisation &rule = file_.segment.normalisation[index];
        const float factor = std::ldexp(1.0F, -static_cast<int>(rule.exponent));
        const float shift =
            std::ldexp(static_cast<float>(rule.offset), 8 - static_cast<int>(file_.segment.precision));
        for (float &value : planes[index]) {
            value = value * factor + shift;
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
    Rect area = wanted;
    Planes planes = on_grid == file_.header.area() ? whole() : region(wanted, area);
    if (dequantises()) {
        dequantise(planes, area);
    }
    restore(planes);
    to_pixels(planes, area, wanted, samples);
}

} // namespace j2kl::picture
