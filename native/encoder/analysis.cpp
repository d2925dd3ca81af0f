#include "encoder/analysis.hpp"

#include "wavelet/linear53.hpp"
#include "wavelet/wavelet.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace j2kl::picture {

namespace {

// Decomposes planes by one level, the first `learned` with learned steps.
void split(const IntegerModel &model, const Planes &planes, const Rect &area, const std::vector<LevelPart> &parts,
           std::size_t learned, std::size_t threads)
{
    const auto plane_to = [](const j2kl_plane &plane) {
        return Plane<float>{plane.samples, static_cast<std::size_t>(plane.row_stride)};
    };
    for (std::size_t i = 0; i < planes.size(); ++i) {
        const LevelPart &part = parts[i];
        const Bands<float> bands = {plane_to(part.low), plane_to(part.details[0]), plane_to(part.details[1]),
                                    plane_to(part.details[2])};
        const Plane<const float> plane = {planes[i].data(), area.width()};
        if (model.base == Base::wavelet97) {
            j2kl::analyse(plane, area, bands, threads);
        } else {
            analyse_linear53(plane, area, bands, threads);
        }
    }
    std::vector<j2kl_plane> lows, highs;
    for (std::size_t i = 0; i < learned; ++i) {
        lows.push_back(parts[i].low);
        highs.insert(highs.end(), parts[i].details.begin(), parts[i].details.end());
    }
    constexpr auto best = Instructions::best;
    model.high_to_low->lift(highs.data(), lows.data(), learned, true, -1, nullptr, best, threads);
    model.low_to_high->lift(lows.data(), highs.data(), learned, true, -1, nullptr, best, threads);
}

} // namespace

Planes analyse(const IntegerModel &model, Planes planes, const Rect &area, std::uint32_t levels, bool base_chroma,
               std::size_t threads)
{
    if (levels == 0) {
        return planes;
    }
    const std::size_t count = planes.size();
    const SubbandLayout layout(area, levels);
    Planes coefficients(count), lows(count);
    for (Uninitialised<float> &values : coefficients) {
        values.resize(static_cast<std::size_t>(area.size()));
    }
    for (std::uint32_t level = 1; level <= levels; ++level) {
        const Rect finer = area.resolution(level - 1), coarser = finer.subband(Band::LL, 1);
        std::vector<LevelPart> parts;
        for (std::size_t i = 0; i < count; ++i) {
            float *const values = coefficients[i].data();
            const auto band = [&](std::size_t at) {
                return plane_of(values + layout.offset(details[at], level), finer.subband(details[at], 1));
            };
            float *low = values; // LL of the coarsest level begins the coefficients
            if (level < levels) {
                lows[i].resize(static_cast<std::size_t>(coarser.size()));
                low = lows[i].data();
            }
            parts.push_back({plane_of(low, coarser), {band(0), band(1), band(2)}});
        }
        split(model, planes, finer, parts, base_chroma && level == 1 ? std::min<std::size_t>(1, count) : count, threads);
        planes = std::exchange(lows, Planes(count));
    }
    return coefficients;
}

} // namespace j2kl::picture
