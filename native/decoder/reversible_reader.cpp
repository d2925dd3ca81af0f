#include "decoder/reversible_reader.hpp"

#include "base/parallel.hpp"
#include "decoder/carrier_reader.hpp"
#include "decoder/synthesis.hpp"
#include "transport/planes.hpp"

#include <algorithm>
#include <utility>

namespace j2kl::picture {

namespace {

// One level of subbands of a smaller area; `low`, if it is not null, replaces LL and covers `low_area`.
IntegerBands cropped(const IntegerBands &decoded, const Rect &area, const std::int32_t *low, const Rect &low_area)
{
    IntegerBands result = {area, 1, std::vector<std::int32_t>(static_cast<std::size_t>(area.size()))};
    const SubbandLayout from(decoded.area, 1), to(area, 1);
    for (const Band band : {Band::LL, Band::HL, Band::LH, Band::HH}) {
        const Rect inner = area.subband(band, 1);
        std::int32_t *target = result.values.data() + to.offset(band, 1);
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

ReversibleReader::ReversibleReader(const LosslessFile &file, const j2kl_picture_request &request,
                                   Reporter &reporter)
    : file_(file), request_(request), reporter_(reporter)
{
    request_.layers = std::min(request.layers, file.header.layers);
    request_.threads = std::max(request.threads, 1U);
}

// Decodes an area of the reference grid, and returns the subbands of all components.
std::vector<IntegerBands> ReversibleReader::level(std::uint32_t reduce, const Rect &request,
                                                  std::uint32_t levels)
{
    std::vector<IntegerBands> components;
    const CarrierRequest carrier = {file_.codestream, file_.header,     file_.segment.components,
                                    request_.layers,  request_.threads, false};
    decode_carrier(carrier, reduce, request, levels, reporter_,
                   [&](std::uint32_t, std::vector<std::int32_t> values) {
                       components.push_back({request.resolution(reduce), levels, std::move(values)});
                   });
    return components;
}

IntegerPlanes ReversibleReader::synthesised(std::vector<IntegerBands> components, std::uint32_t reduce) const
{
    return synthesise_reversible(file_.model, file_.segment, std::move(components), reduce, request_.threads);
}

// Decodes a region, and at every level only the area that the synthesis reads. The synthesis of one level reads a
// margin around its area. So the areas are computed from the finest level to the coarsest; each is one margin larger
// than the one before. Then they are decoded from the coarsest level to the finest.
IntegerPlanes ReversibleReader::region(const Rect &wanted, Rect &area)
{
    const Rect &grid = file_.header.area();
    const std::uint32_t reduce = request_.reduce, levels = file_.segment.levels;
    if (reduce == levels) {
        const Rect request = on_grid_of(wanted, reduce, grid);
        area = request.resolution(reduce);
        return synthesised(level(reduce, request, 0), reduce);
    }
    std::vector<Rect> areas = {wanted};
    for (std::uint32_t at = reduce; at < levels; ++at) {
        areas.back() = grown(areas.back(), file_.model.low_reach, picture(at));
        areas.push_back(areas.back().resolution(1));
    }
    IntegerPlanes planes;
    for (std::size_t at = areas.size() - 1; at-- > 0;) {
        // At the borders of the decoded carrier its analysis is wrong, because it lacks the samples outside.
        const auto left_out = static_cast<std::uint32_t>(reduce + at);
        const Rect needed = grown(areas[at], carrier_margin, picture(left_out));
        std::vector<IntegerBands> components = level(left_out, on_grid_of(needed, left_out, grid), 1);
        for (std::size_t i = 0; i < components.size(); ++i) {
            const std::int32_t *low = planes.empty() ? nullptr : planes[i].data();
            components[i] = cropped(components[i], areas[at], low, areas[at + 1]);
        }
        planes = synthesised(std::move(components), left_out);
    }
    area = areas[0];
    return planes;
}

void ReversibleReader::decode(const Rect &on_grid, std::int32_t *const *samples)
{
    const std::uint32_t reduce = request_.reduce;
    const Rect wanted = on_grid.resolution(reduce);
    Rect area = wanted;
    IntegerPlanes planes = on_grid == file_.header.area()
                               ? synthesised(level(reduce, on_grid, file_.segment.levels - reduce), reduce)
                               : region(wanted, area);
    const bool some = request_.component_count > 0;
    const std::size_t count = some ? request_.component_count : planes.size();
    if (!some && file_.segment.rct()) {
        inverse_rct(planes[0].data(), planes[1].data(), planes[2].data(), planes[0].size(), request_.threads);
    }
    const SampleFormat format = {file_.segment.precision, file_.header.components[0].is_signed, 0};
    const auto offset = static_cast<std::uint32_t>(format.offset());
    const std::int32_t lowest = format.lowest(), highest = format.highest();
    const std::size_t width = wanted.width();
    parallel_for(wanted.height(), request_.threads, [&](std::size_t row) {
        const std::size_t start = (row + wanted.y0 - area.y0) * area.width() + (wanted.x0 - area.x0);
        for (std::size_t i = 0; i < count; ++i) {
            const std::int32_t *source = planes[some ? request_.component_list[i] : i].data() + start;
            std::transform(source, source + width, samples[i] + row * width, [&](std::int32_t value) {
                const auto shifted = static_cast<std::int32_t>(static_cast<std::uint32_t>(value) + offset);
                return std::clamp(shifted, lowest, highest);
            });
        }
    });
}

} // namespace j2kl::picture
