#include "wavelet/linear53.hpp"

#include "base/parallel.hpp"
#include "base/uninitialised.hpp"

#include <algorithm>
#include <cstdint>

namespace j2kl {

namespace {

// Samples in one direction: neighbours are `step` elements apart. Each stands for a run of adjacent samples, which are
// computed together.
struct Line {
    const float *first;
    std::size_t step, count;

    // The sample at an index; those at the ends repeat, as the symmetric extension of one phase does (T.800 F.3.7).
    const float *at(std::int64_t index) const
    {
        return first + step * static_cast<std::size_t>(
                                  std::clamp<std::int64_t>(index, 0, static_cast<std::int64_t>(count) - 1));
    }
};

struct Target {
    float *first;
    std::size_t step;

    float *at(std::size_t index) const { return first + step * index; }
};

// target = own + factor * (the sum of the two neighbours in the other phase), for all samples of `own`. `shift` is the
// index of the neighbour before the first one.
void lift(const Line &own, const Line &neighbours, std::int64_t shift, float factor, const Target &target,
          std::size_t run)
{
    for (std::size_t index = 0; index < own.count; ++index) {
        const std::int64_t place = static_cast<std::int64_t>(index);
        const float *const sample = own.at(place);
        const float *const before = neighbours.at(place + shift), *const after = neighbours.at(place + shift + 1);
        float *const out = target.at(index);
        for (std::size_t i = 0; i < run; ++i) {
            out[i] = sample[i] + factor * (before[i] + after[i]);
        }
    }
}

// Separates samples into low-pass ones, at even positions, and high-pass ones. `odd`: the first position is odd.
void split(const Line &samples, bool odd, const Target &low, const Target &high, std::size_t run)
{
    if (samples.count == 1) { // T.800 F.4.6
        for (std::size_t i = 0; i < run; ++i) {
            (odd ? high : low).first[i] = odd ? samples.first[i] * 2.0F : samples.first[i];
        }
        return;
    }
    const std::size_t highs = (samples.count + (odd ? 1 : 0)) / 2, lows = samples.count - highs;
    const std::int64_t shift = odd ? 1 : 0;
    const Line evens = {samples.first + (odd ? samples.step : 0), 2 * samples.step, lows};
    const Line odds = {samples.first + (odd ? 0 : samples.step), 2 * samples.step, highs};
    lift(odds, evens, -shift, -0.5F, high, run);
    lift(evens, {high.first, high.step, highs}, shift - 1, 0.25F, low, run);
}

// The inverse of split().
void merge(const Line &low, const Line &high, bool odd, const Target &samples, std::size_t run)
{
    if (low.count + high.count == 1) { // T.800 F.3.6
        for (std::size_t i = 0; i < run; ++i) {
            samples.first[i] = odd ? high.first[i] * 0.5F : low.first[i];
        }
        return;
    }
    const std::int64_t shift = odd ? 1 : 0;
    const Target evens = {samples.first + (odd ? samples.step : 0), 2 * samples.step};
    const Target odds = {samples.first + (odd ? 0 : samples.step), 2 * samples.step};
    lift(low, high, shift - 1, -0.25F, evens, run);
    lift(high, {evens.first, evens.step, low.count}, -shift, 0.5F, odds, run);
}

// Calls `body` with the first column and the number of columns of every block of columns.
template <class Body> void for_columns(std::size_t width, std::size_t threads, const Body &body)
{
    constexpr std::size_t block = 256;
    parallel_for((width + block - 1) / block, threads, [&](std::size_t index) {
        body(index * block, std::min(block, width - index * block));
    });
}

} // namespace

void analyse_linear53(Plane<const float> plane, const Rect &area, const Bands<float> &bands, std::size_t threads)
{
    if (area.empty()) {
        return;
    }
    const std::size_t width = area.width(), height = area.height();
    const std::size_t lows = area.subband(Band::LL, 1).height(), highs = height - lows;
    const bool odd_x = area.x0 % 2 != 0, odd_y = area.y0 % 2 != 0;
    Uninitialised<float> low(lows * width), high(highs * width);
    for_columns(width, threads, [&](std::size_t first, std::size_t run) {
        split({plane.data + first, plane.stride, height}, odd_y, {low.data() + first, width},
              {high.data() + first, width}, run);
    });
    const auto split_rows = [&](const float *half, std::size_t rows, const Plane<float> &left,
                                const Plane<float> &right) {
        parallel_for(rows, threads, [&](std::size_t row) {
            split({half + row * width, 1, width}, odd_x, {left.row(row), 1}, {right.row(row), 1}, 1);
        });
    };
    split_rows(low.data(), lows, bands.ll, bands.hl);
    split_rows(high.data(), highs, bands.lh, bands.hh);
}

void synthesise_linear53(const Bands<const float> &bands, const Rect &area, Plane<float> plane, std::size_t threads)
{
    if (area.empty()) {
        return;
    }
    const Rect ll = area.subband(Band::LL, 1), hh = area.subband(Band::HH, 1);
    const std::size_t width = area.width();
    const bool odd_x = area.x0 % 2 != 0, odd_y = area.y0 % 2 != 0;
    Uninitialised<float> low(width * ll.height()), high(width * hh.height());
    const auto merge_rows = [&](const Plane<const float> &left, const Plane<const float> &right, std::size_t rows,
                                float *half) {
        parallel_for(rows, threads, [&](std::size_t row) {
            merge({left.row(row), 1, ll.width()}, {right.row(row), 1, hh.width()}, odd_x, {half + row * width, 1}, 1);
        });
    };
    merge_rows(bands.ll, bands.hl, ll.height(), low.data());
    merge_rows(bands.lh, bands.hh, hh.height(), high.data());
    for_columns(width, threads, [&](std::size_t first, std::size_t run) {
        merge({low.data() + first, width, ll.height()}, {high.data() + first, width, hh.height()}, odd_y,
              {plane.data + first, plane.stride}, run);
    });
}

} // namespace j2kl
