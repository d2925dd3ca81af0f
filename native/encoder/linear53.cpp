#include "encoder/linear53.hpp"

#include "base/parallel.hpp"
#include "base/uninitialised.hpp"

#include <algorithm>
#include <cstdint>

namespace j2kl::picture {

namespace {

// Samples of one direction: neighbours are `step` elements apart.
struct Line {
    const float *first;
    std::size_t step, count;

    // The sample at an index; those at the ends repeat, as the symmetric extension of one phase does (T.800 F.4.7).
    const float *at(std::int64_t index) const
    {
        return first + step * static_cast<std::size_t>(
                                  std::clamp<std::int64_t>(index, 0, static_cast<std::int64_t>(count) - 1));
    }
};

struct Half {
    float *first;
    std::size_t step;

    float *at(std::size_t index) const { return first + step * index; }
};

// Separates samples at even and odd positions into low-pass and high-pass ones. The loops run over `lines` neighbouring
// samples of all of them, which are adjacent.
void split(const Line &samples, bool odd, const Half &low, const Half &high, std::size_t lines)
{
    const std::size_t highs = (samples.count + (odd ? 1 : 0)) / 2, lows = samples.count - highs;
    if (samples.count == 1) { // T.800 F.4.6
        for (std::size_t i = 0; i < lines; ++i) {
            (odd ? high : low).at(0)[i] = odd ? samples.first[i] * 2.0F : samples.first[i];
        }
        return;
    }
    const std::int64_t shift = odd ? 1 : 0;
    const Line evens = {samples.first + (odd ? samples.step : 0), 2 * samples.step, lows};
    const Line odds = {samples.first + (odd ? 0 : samples.step), 2 * samples.step, highs};
    for (std::size_t row = 0; row < highs; ++row) {
        const std::int64_t index = static_cast<std::int64_t>(row) - shift;
        const float *const own = odds.at(static_cast<std::int64_t>(row));
        const float *const before = evens.at(index), *const after = evens.at(index + 1);
        float *const target = high.at(row);
        for (std::size_t i = 0; i < lines; ++i) {
            target[i] = own[i] - 0.5F * (before[i] + after[i]);
        }
    }
    const Line predicted = {high.first, high.step, highs};
    for (std::size_t row = 0; row < lows; ++row) {
        const std::int64_t index = static_cast<std::int64_t>(row) + shift - 1;
        const float *const own = evens.at(static_cast<std::int64_t>(row));
        const float *const before = predicted.at(index), *const after = predicted.at(index + 1);
        float *const target = low.at(row);
        for (std::size_t i = 0; i < lines; ++i) {
            target[i] = own[i] + 0.25F * (before[i] + after[i]);
        }
    }
}

// Splits every row of a half.
void split_rows(const float *rows, std::size_t height, std::size_t width, bool odd, const Plane<float> &low,
                const Plane<float> &high, std::size_t threads)
{
    parallel_for(height, threads, [&](std::size_t row) {
        split({rows + row * width, 1, width}, odd, {low.row(row), 1}, {high.row(row), 1}, 1);
    });
}

} // namespace

void analyse_linear53(Plane<const float> plane, const Rect &area, const Bands<float> &bands, std::size_t threads)
{
    if (area.empty()) {
        return;
    }
    const std::size_t width = area.width(), height = area.height();
    const bool odd_x = area.x0 % 2 != 0, odd_y = area.y0 % 2 != 0;
    const std::size_t highs = (height + (odd_y ? 1 : 0)) / 2, lows = height - highs;
    Uninitialised<float> low(lows * width), high(highs * width);
    constexpr std::size_t block = 256;
    parallel_for((width + block - 1) / block, threads, [&](std::size_t index) {
        const std::size_t first = index * block, lines = std::min(block, width - first);
        split({plane.data + first, plane.stride, height}, odd_y, {low.data() + first, width}, {high.data() + first, width},
              lines);
    });
    split_rows(low.data(), lows, width, odd_x, bands.ll, bands.hl, threads);
    split_rows(high.data(), highs, width, odd_x, bands.lh, bands.hh, threads);
}

} // namespace j2kl::picture
