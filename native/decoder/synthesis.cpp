#include "decoder/synthesis.hpp"

#include "wavelet/linear53.hpp"
#include "wavelet/wavelet.hpp"

#include <algorithm>

namespace j2kl::picture {

namespace {

Plane<const float> band_of(const j2kl_plane &plane, const Rect &area)
{
    return {part_of(plane, area).samples, static_cast<std::size_t>(plane.row_stride)};
}

// Undoes one level of components that share opacities; the first `learned` have learned steps. Returns planes of `area`.
Planes join(const IntegerModel &model, const LevelPart *components, std::size_t count, const Rect &area,
            std::size_t learned, std::size_t threads)
{
    const Rect low_area = area.subband(Band::LL, 1);
    std::vector<j2kl_plane> lows, targets, highs;
    for (std::size_t i = 0; i < count; ++i) {
        lows.push_back(components[i].low);
        targets.push_back(part_of(components[i].low, low_area));
        highs.insert(highs.end(), components[i].details.begin(), components[i].details.end());
    }
    constexpr auto best = Instructions::best;
    model.low_to_high->lift(lows.data(), highs.data(), learned, true, 1, nullptr, best, threads);
    model.high_to_low->lift(highs.data(), targets.data(), learned, true, 1, nullptr, best, threads);
    Planes planes(count);
    for (std::size_t i = 0; i < count; ++i) {
        planes[i].resize(static_cast<std::size_t>(area.size()));
        const auto detail = [&](std::size_t at) {
            return band_of(components[i].details[at], area.subband(details[at], 1));
        };
        const Bands<const float> bands = {band_of(components[i].low, low_area), detail(0), detail(1), detail(2)};
        const Plane<float> plane = {planes[i].data(), area.width()};
        if (model.base == Base::wavelet97) {
            j2kl::synthesise(bands, area, plane, threads);
        } else {
            synthesise_linear53(bands, area, plane, threads);
        }
    }
    return planes;
}

// Calls visit(first component, their number) for the components that share opacities.
template <class Visit> void for_groups(std::size_t components, std::size_t shared, const Visit &visit)
{
    for (std::size_t first = 0; first < components;) {
        const std::size_t count = first == 0 ? std::min(shared, components) : 1;
        visit(first, count);
        first += count;
    }
}

// Synthesises components that share opacities.
void synthesise_group(const IntegerModel &model, std::vector<Coefficients> group, bool base_chroma, std::size_t threads,
                      Planes &out)
{
    const Rect area = group[0].area;
    const std::uint32_t levels = group[0].levels;
    const SubbandLayout layout(area, levels);
    Planes planes;
    for (std::uint32_t level = levels; level > 0; --level) {
        const Rect finer = area.resolution(level - 1);
        std::vector<LevelPart> parts;
        for (std::size_t i = 0; i < group.size(); ++i) {
            float *values = group[i].values.data();
            const auto band = [&](std::size_t at) {
                return plane_of(values + layout.offset(details[at], level), finer.subband(details[at], 1));
            };
            parts.push_back({plane_of(level == levels ? values : planes[i].data(), finer.subband(Band::LL, 1)),
                             {band(0), band(1), band(2)}});
        }
        const std::size_t learned = base_chroma && level == 1 ? 1 : group.size();
        planes = join(model, parts.data(), parts.size(), finer, learned, threads);
    }
    for (std::size_t i = 0; i < group.size(); ++i) {
        out.push_back(levels == 0 ? std::move(group[i].values) : std::move(planes[i]));
    }
}

} // namespace

j2kl_plane plane_of(float *samples, const Rect &area)
{
    const auto corner = [](std::uint32_t value) { return static_cast<std::int32_t>(value); };
    return {samples,         static_cast<std::ptrdiff_t>(area.width()),
            corner(area.y0), corner(area.x0),
            corner(area.y1), corner(area.x1)};
}

j2kl_plane part_of(const j2kl_plane &plane, const Rect &area)
{
    j2kl_plane part = plane_of(nullptr, area);
    part.row_stride = plane.row_stride;
    part.samples = plane.samples + (part.y0 - plane.y0) * plane.row_stride + (part.x0 - plane.x0);
    return part;
}

Rect grown(const Rect &area, std::uint32_t margin, const Rect &bounds)
{
    const auto less = [&](std::uint32_t value) { return value > margin ? value - margin : 0; };
    return Rect{less(area.x0), less(area.y0), area.x1 + margin, area.y1 + margin}.intersection(bounds);
}

Planes synthesise(const IntegerModel &model, std::vector<Coefficients> components, const Sharing &sharing,
                  std::uint32_t reduce, std::size_t threads)
{
    Planes planes;
    for_groups(components.size(), sharing.shared, [&](std::size_t first, std::size_t count) {
        std::vector<Coefficients> group;
        for (std::size_t i = first; i < first + count; ++i) {
            group.push_back(std::move(components[i]));
        }
        synthesise_group(model, std::move(group), sharing.base_chroma && reduce == 0, threads, planes);
    });
    return planes;
}

PartAreas part_areas(const IntegerModel &model, const Rect &area, const Rect &picture)
{
    // Whole cells of 2x2 samples: then all subbands cover the same positions, and the steps read their radius around them.
    const Rect base = grown(area, model.base_reach, picture);
    const Rect cells = Rect{base.x0 & ~1U, base.y0 & ~1U, base.x1 + (base.x1 & 1U), base.y1 + (base.y1 & 1U)};
    const Rect synthesised = cells.intersection(picture), own = grown(synthesised, 2 * model.high_radius, picture);
    return {synthesised, own, grown(own, 2 * model.low_radius, picture)};
}

Planes synthesise_part(const IntegerModel &model, const std::vector<LevelPart> &components, const PartAreas &areas,
                       const Sharing &sharing, std::uint32_t reduce, std::size_t threads)
{
    Planes planes;
    for_groups(components.size(), sharing.shared, [&](std::size_t first, std::size_t count) {
        const std::size_t learned = sharing.base_chroma && reduce == 0 ? 1 : count;
        for (Uninitialised<float> &plane :
             join(model, components.data() + first, count, areas.synthesised, learned, threads)) {
            planes.push_back(std::move(plane));
        }
    });
    return planes;
}

} // namespace j2kl::picture
