#include "decoder/level_reader.hpp"

#include "base/failure.hpp"
#include "transport/decoder.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace j2kl::picture {

namespace {

// Samples that are decoded on each side of the area whose coefficients are needed: the 5/3, through which
// OpenJPEG hands out the integers of tier-1, reads two samples on either side of a low-pass sample.
constexpr std::uint32_t carrier_margin = 2;

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
template <class T> void copy_part(const T *from, const Rect &outer, const Rect &inner, T *to)
{
    for (std::size_t row = 0; row < inner.height() && inner.width() > 0; ++row) {
        const T *source = from + (row + inner.y0 - outer.y0) * outer.width() + (inner.x0 - outer.x0);
        std::copy_n(source, inner.width(), to + row * inner.width());
    }
}

// One level of coefficients of a smaller area; `low`, if it is not null, replaces LL and covers `low_area`.
template <class T>
Coefficients<T> cropped(const Coefficients<T> &decoded, const Rect &area, const T *low, const Rect &low_area)
{
    Coefficients<T> result = {area, 1, std::vector<T>(static_cast<std::size_t>(area.size()))};
    const SubbandLayout from(decoded.area, 1), to(area, 1);
    for (const Band band : {Band::LL, Band::HL, Band::LH, Band::HH}) {
        const Rect inner = area.subband(band, 1);
        T *target = result.values.data() + to.offset(band, 1);
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

template <class T>
LevelReader<T>::LevelReader(const LearnedFile &file, const j2kl_picture_request &request, Reporter &reporter)
    : file_(file), request_(request), reporter_(reporter)
{
    request_.layers = std::min(request.layers, file.header.layers);
    request_.threads = std::max(request.threads, 1U);
}

// Decodes an area of the reference grid, and returns the coefficients of all components.
template <class T>
std::vector<Coefficients<T>> LevelReader<T>::level(std::uint32_t reduce, const Rect &request,
                                                   std::uint32_t levels)
{
    j2kl_report report{};
    std::vector<Coefficients<T>> components;
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
        if (!(request == file_.header.area())) {
            wanted.x0 = request.x0;
            wanted.y0 = request.y0;
            wanted.x1 = request.x1;
            wanted.y1 = request.y1;
        }
        decode_tier1(decoder, wanted);
        pass_on();
        const std::uint32_t count = file_.segment.components;
        if (decoder.component_count() != count) {
            throw Failure(J2KL_ERROR_OPENJPEG, "OpenJPEG has decoded another number of components");
        }
        const Rect area = request.resolution(reduce);
        for (std::uint32_t index = 0; index < count; ++index) {
            std::vector<std::int32_t> decoded(static_cast<std::size_t>(area.size()));
            decoder.get_subbands(index, levels, decoded.data());
            components.push_back(coefficients(index, std::move(decoded), area, levels, reduce));
        }
    } catch (const Failure &failure) {
        reporter_.error(report.error);
        throw Failure(failure.code(), failure.what());
    }
    return components;
}

// Decodes a region, and at every level only the area that the synthesis reads. The synthesis of one level
// reads a margin around its area. So the areas are computed from the finest level to the coarsest; each is
// one margin larger than the one before. Then they are decoded from the coarsest level to the finest.
template <class T> typename LevelReader<T>::Planes LevelReader<T>::region(const Rect &wanted, Rect &area)
{
    const Rect &grid = file_.header.area();
    const std::uint32_t reduce = request_.reduce, levels = file_.segment.levels,
                        reach = file_.model.transform->reach;
    std::map<std::uint32_t, Rect> areas;
    areas[reduce] = grown(wanted, margin(), picture(reduce));
    for (std::uint32_t at = reduce; at < levels; ++at) {
        areas[at] = grown(areas[at], reach, picture(at));
        areas[at + 1] = areas[at].resolution(1);
    }
    Planes result;
    if (reduce == levels) {
        const Rect request = on_grid(areas[reduce], reduce, grid);
        area = request.resolution(reduce);
        return synthesised(level(reduce, request, 0), reduce);
    }
    for (std::uint32_t at = levels; at-- > reduce;) {
        // At the borders of the decoded carrier its analysis is wrong, because it lacks the samples outside.
        const Rect request = on_grid(grown(areas[at], carrier_margin, picture(at)), at, grid);
        std::vector<Coefficients<T>> components = level(at, request, 1);
        for (std::size_t i = 0; i < components.size(); ++i) {
            const T *low = result.empty() ? nullptr : result[i].data();
            components[i] = cropped(components[i], areas[at], low, areas[at + 1]);
        }
        result = synthesised(std::move(components), at);
    }
    area = areas[reduce];
    return result;
}

template <class T>
typename LevelReader<T>::Planes LevelReader<T>::planes(const Rect &on_grid_area, Rect &area)
{
    const std::uint32_t reduce = request_.reduce;
    const Rect wanted = on_grid_area.resolution(reduce);
    if (!(on_grid_area == file_.header.area())) {
        return region(wanted, area);
    }
    area = wanted;
    return synthesised(level(reduce, on_grid_area, file_.segment.levels - reduce), reduce);
}

template class LevelReader<float>;
template class LevelReader<std::int32_t>;

} // namespace j2kl::picture
