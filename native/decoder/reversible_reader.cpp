#include "decoder/reversible_reader.hpp"

#include "base/parallel.hpp"
#include "decoder/reversible.hpp"
#include "transport/decoder.hpp"
#include "transport/planes.hpp"

#include <algorithm>
#include <utility>

namespace j2kl::picture {

void ReversibleReader::decode_tier1(Decoder &decoder, const j2kl_request &request) const
{
    decoder.expect_carrier();
    decoder.decode(request);
}

Coefficients<std::int32_t> ReversibleReader::coefficients(std::uint32_t, std::vector<std::int32_t> decoded,
                                                          const Rect &area, std::uint32_t levels,
                                                          std::uint32_t) const
{
    return {area, levels, std::move(decoded)};
}

ReversibleReader::Planes
ReversibleReader::synthesised(std::vector<Coefficients<std::int32_t>> components, std::uint32_t reduce) const
{
    return synthesise_reversible(*file().model.transform, file().segment, std::move(components), reduce,
                                 request().threads);
}

void ReversibleReader::decode(const Rect &on_grid, std::int32_t *const *samples)
{
    Rect area;
    Planes decoded = planes(on_grid, area);
    const Rect wanted = on_grid.resolution(request().reduce);
    const bool some = request().component_count > 0;
    const std::size_t count = some ? request().component_count : decoded.size();
    if (!some && file().segment.colour == Segment::Colour::rct) {
        inverse_rct(decoded[0].data(), decoded[1].data(), decoded[2].data(), decoded[0].size(),
                    request().threads);
    }
    const SampleFormat format = {file().segment.precision, file().header.components[0].is_signed, 0};
    const auto offset = static_cast<std::uint32_t>(format.offset());
    const std::int32_t lowest = format.lowest(), highest = format.highest();
    const std::size_t width = wanted.width();
    parallel_for(wanted.height(), request().threads, [&](std::size_t row) {
        const std::size_t start = (row + wanted.y0 - area.y0) * area.width() + (wanted.x0 - area.x0);
        for (std::size_t i = 0; i < count; ++i) {
            const std::int32_t *source = decoded[some ? request().component_list[i] : i].data() + start;
            std::transform(source, source + width, samples[i] + row * width, [&](std::int32_t value) {
                const auto shifted = static_cast<std::int32_t>(static_cast<std::uint32_t>(value) + offset);
                return std::clamp(shifted, lowest, highest);
            });
        }
    });
}

} // namespace j2kl::picture
