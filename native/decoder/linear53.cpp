#include "decoder/linear53.hpp"

#include "base/parallel.hpp"

#include <algorithm>
#include <vector>

namespace j2kl::picture {

namespace {

// Interleaves `low` and `high` in one direction. Samples are `step` elements apart, and a sample of a phase
// `low_step` or `high_step`; the loops run over `lines` neighbouring samples of all of them, which are
// adjacent.
struct Line {
    const float *low, *high;
    std::size_t low_step, high_step, lows, highs;
};

const float *at(const float *first, std::size_t step, std::int64_t index, std::size_t count)
{
    return first + step * static_cast<std::size_t>(
                              std::clamp<std::int64_t>(index, 0, static_cast<std::int64_t>(count) - 1));
}

void merge_rows(const Line &line, bool odd, float *out, std::size_t out_step, std::size_t length)
{
    const std::size_t count = line.lows + line.highs;
    if (count == 1) { // T.800 F.3.6
        for (std::size_t i = 0; i < length; ++i) {
            out[i] = line.lows == 1 ? line.low[i] : line.high[i] * 0.5F;
        }
        return;
    }
    const std::int64_t shift = odd ? 1 : 0;
    for (std::size_t row = 0; row < line.lows; ++row) {
        const std::int64_t first = static_cast<std::int64_t>(row) + shift - 1;
        const float *low = line.low + row * line.low_step;
        const float *before = at(line.high, line.high_step, first, line.highs);
        const float *after = at(line.high, line.high_step, first + 1, line.highs);
        float *target = out + (2 * row + (odd ? 1 : 0)) * out_step;
        for (std::size_t i = 0; i < length; ++i) {
            target[i] = low[i] - 0.25F * (before[i] + after[i]);
        }
    }
    const float *lows = out + (odd ? out_step : 0);
    for (std::size_t row = 0; row < line.highs; ++row) {
        const std::int64_t first = static_cast<std::int64_t>(row) - shift;
        const float *high = line.high + row * line.high_step;
        const float *before = at(lows, 2 * out_step, first, line.lows);
        const float *after = at(lows, 2 * out_step, first + 1, line.lows);
        float *target = out + (2 * row + (odd ? 0 : 1)) * out_step;
        for (std::size_t i = 0; i < length; ++i) {
            target[i] = high[i] + 0.5F * (before[i] + after[i]);
        }
    }
}

// Interleaves two subbands horizontally.
void merge_columns(const Plane<const float> &low, std::size_t lows, const Plane<const float> &high,
                   std::size_t highs, std::size_t height, bool odd, float *out, std::size_t threads)
{
    const std::size_t width = lows + highs;
    parallel_for(height, threads, [&](std::size_t row) {
        merge_rows({low.row(row), high.row(row), 1, 1, lows, highs}, odd, out + row * width, 1, 1);
    });
}

} // namespace

void synthesise_linear53(const Bands<const float> &bands, const Rect &area, Plane<float> plane,
                         std::size_t threads)
{
    if (area.empty()) {
        return;
    }
    const Rect ll = area.subband(Band::LL, 1), hh = area.subband(Band::HH, 1);
    const std::size_t width = area.width();
    const bool odd_x = area.x0 % 2 != 0, odd_y = area.y0 % 2 != 0;
    std::vector<float> low(width * ll.height()), high(width * hh.height());
    merge_columns(bands.ll, ll.width(), bands.hl, hh.width(), ll.height(), odd_x, low.data(), threads);
    merge_columns(bands.lh, ll.width(), bands.hh, hh.width(), hh.height(), odd_x, high.data(), threads);
    constexpr std::size_t block = 256;
    parallel_for((width + block - 1) / block, threads, [&](std::size_t index) {
        const std::size_t first = index * block, length = std::min(block, width - first);
        merge_rows({low.data() + first, high.data() + first, width, width, ll.height(), hh.height()}, odd_y,
                   plane.data + first, plane.stride, length);
    });
}

} // namespace j2kl::picture
