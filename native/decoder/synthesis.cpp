#include "decoder/synthesis.hpp"

#include "decoder/linear53.hpp"
#include "wavelet/wavelet.hpp"

#include <algorithm>

namespace j2kl::picture {

namespace {

j2kl_plane plane_of(float *samples, const Rect &area)
{
    const auto corner = [](std::uint32_t value) { return static_cast<std::int32_t>(value); };
    return {samples,         static_cast<std::ptrdiff_t>(area.width()),
            corner(area.y0), corner(area.x0),
            corner(area.y1), corner(area.x1)};
}

// Undoes one level: low-pass planes and details of all components of a group to the planes of the finer
// level. The first `learned` components have learned steps.
std::vector<std::vector<float>> join(const IntegerModel &model, std::vector<float *> low,
                                     const std::vector<std::array<float *, 3>> &high, const Rect &area,
                                     std::size_t learned, std::size_t threads)
{
    const std::size_t count = low.size();
    const Rect low_area = area.subband(Band::LL, 1);
    std::vector<j2kl_plane> lows, highs;
    for (std::size_t i = 0; i < count; ++i) {
        lows.push_back(plane_of(low[i], low_area));
        for (std::size_t band = 0; band < 3; ++band) {
            highs.push_back(plane_of(high[i][band], area.subband(details[band], 1)));
        }
    }
    constexpr auto best = Instructions::best;
    model.low_to_high->lift(lows.data(), highs.data(), learned, true, 1, nullptr, best, threads);
    model.high_to_low->lift(highs.data(), lows.data(), learned, true, 1, nullptr, best, threads);
    std::vector<std::vector<float>> planes(count);
    for (std::size_t i = 0; i < count; ++i) {
        planes[i].resize(static_cast<std::size_t>(area.size()));
        const auto band = [&](const float *data, Band name) {
            return Plane<const float>{data, area.subband(name, 1).width()};
        };
        const Bands<const float> bands = {band(low[i], Band::LL), band(high[i][0], Band::HL),
                                          band(high[i][1], Band::LH), band(high[i][2], Band::HH)};
        const Plane<float> plane = {planes[i].data(), area.width()};
        if (model.base == Base::wavelet97) {
            j2kl::synthesise(bands, area, plane, threads);
        } else {
            synthesise_linear53(bands, area, plane, threads);
        }
    }
    return planes;
}

// Synthesises components that share opacities.
void synthesise_group(const IntegerModel &model, std::vector<Coefficients> group, bool base_chroma,
                      std::size_t threads, std::vector<std::vector<float>> &out)
{
    const Rect area = group[0].area;
    const std::uint32_t levels = group[0].levels;
    const SubbandLayout layout(area, levels);
    std::vector<std::vector<float>> planes;
    for (std::uint32_t level = levels; level > 0; --level) {
        std::vector<float *> low;
        std::vector<std::array<float *, 3>> high;
        for (std::size_t i = 0; i < group.size(); ++i) {
            float *values = group[i].values.data();
            low.push_back(level == levels ? values : planes[i].data());
            high.push_back({values + layout.offset(Band::HL, level), values + layout.offset(Band::LH, level),
                            values + layout.offset(Band::HH, level)});
        }
        const std::size_t learned = base_chroma && level == 1 ? 1 : group.size();
        planes = join(model, std::move(low), high, area.resolution(level - 1), learned, threads);
    }
    for (std::size_t i = 0; i < group.size(); ++i) {
        out.push_back(levels == 0 ? std::move(group[i].values) : std::move(planes[i]));
    }
}

} // namespace

std::vector<std::vector<float>> synthesise(const IntegerModel &model, std::vector<Coefficients> components,
                                           std::size_t shared, bool base_chroma, std::size_t threads)
{
    std::vector<std::vector<float>> planes;
    for (std::size_t first = 0; first < components.size();) {
        const std::size_t count = first == 0 ? std::min(shared, components.size()) : 1;
        std::vector<Coefficients> group;
        for (std::size_t i = first; i < first + count; ++i) {
            group.push_back(std::move(components[i]));
        }
        synthesise_group(model, std::move(group), base_chroma, threads, planes);
        first += count;
    }
    return planes;
}

} // namespace j2kl::picture
