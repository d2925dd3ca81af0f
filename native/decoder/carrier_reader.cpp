#include "decoder/carrier_reader.hpp"

#include "base/failure.hpp"
#include "transport/decoder.hpp"

#include <utility>

namespace j2kl::picture {

namespace {

constexpr std::uint32_t most_tiles = 65535;

} // namespace

void decode_carrier(const CarrierRequest &request, std::uint32_t reduce, const Rect &area, std::uint32_t levels,
                    Reporter &reporter,
                    const std::function<void(std::uint32_t component, std::vector<std::int32_t> values)> &take)
{
    j2kl_report report{};
    try {
        Decoder decoder(request.codestream.data, request.codestream.size, {0, most_tiles}, &report);
        j2kl_request wanted{};
        wanted.reduce = reduce;
        wanted.layers = request.layers;
        wanted.threads = request.threads;
        wanted.half_steps = request.half_steps ? 1 : 0;
        if (!(area == request.header.area())) {
            wanted.x0 = area.x0;
            wanted.y0 = area.y0;
            wanted.x1 = area.x1;
            wanted.y1 = area.y1;
        }
        if (!request.half_steps) {
            decoder.expect_carrier();
        }
        decoder.decode(wanted);
        reporter.missing(report.missing);
        reporter.warning(report.warning);
        if (decoder.component_count() != request.components) {
            throw Failure(J2KL_ERROR_OPENJPEG, "OpenJPEG has decoded another number of components");
        }
        for (std::uint32_t index = 0; index < request.components; ++index) {
            std::vector<std::int32_t> values(static_cast<std::size_t>(area.resolution(reduce).size()));
            decoder.get_subbands(index, levels, values.data());
            take(index, std::move(values));
        }
    } catch (const Failure &failure) {
        reporter.error(report.error);
        throw Failure(failure.code(), failure.what());
    }
}

Rect on_grid_of(const Rect &area, std::uint32_t reduce, const Rect &picture)
{
    const auto scaled = [&](std::uint32_t value) {
        return static_cast<std::uint32_t>(
            std::min<std::uint64_t>(std::uint64_t{value} << reduce, UINT32_MAX));
    };
    return Rect{scaled(area.x0), scaled(area.y0), scaled(area.x1), scaled(area.y1)}.intersection(picture);
}

} // namespace j2kl::picture
