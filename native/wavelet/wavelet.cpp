#include "wavelet/wavelet.hpp"

#include "base/parallel.hpp"
#include "wavelet/kernels.hpp"

#include <algorithm>
#include <type_traits>
#include <vector>

// Both directions pass over the picture once, a few rows at a time. After row t is read, lifting step s runs
// on row t - s. As the steps are staggered like this, the rows in use stay in the cache. Rows are numbered on
// the reference grid, so even rows are low-pass. At a border, the missing neighbour is replaced by the
// neighbour on the other side (whole-sample symmetric extension).
//
// Every thread processes a run of rows, and recomputes the few rows around the run that it needs. The result
// does not depend on the number of threads.

namespace j2kl {

namespace {

constexpr std::size_t ring_rows = 8; // the staggered steps use 6 rows at a time
constexpr std::size_t rows_per_thread = 64;

template <class T> struct Lifting;

template <> struct Lifting<float> {
    static constexpr int steps = 4;
    static constexpr double k = 1.230174104914001;
    static constexpr double low_gain = 1 / k, high_gain = k;
    static constexpr float weights[steps] = {-1.586134342059924F, -0.052980118572961F, 0.882911075530934F,
                                             0.443506852043971F};

    static void forward(int step, float *target, const float *source, const float *left, const float *right,
                        std::size_t count)
    {
        kernels::lift(target, source, left, right, weights[step - 1], count);
    }

    static void inverse(int step, float *target, const float *left, const float *right, std::size_t count)
    {
        kernels::lift(target, target, left, right, -weights[steps - step], count);
    }

    static void last_forward(float *target, const float *source, const float *left, const float *right,
                             float gain, std::size_t count)
    {
        kernels::lift_and_scale(target, source, left, right, weights[steps - 1], gain, count);
    }

    static void copy(float *target, const float *source, float gain, std::size_t count)
    {
        kernels::scale(target, source, gain, count);
    }

    static float twice(float value) { return value * 2; }
    static float half(float value) { return value / 2; }
};

template <> struct Lifting<std::int32_t> {
    using T = std::int32_t;
    static constexpr int steps = 2;
    static constexpr double low_gain = 1, high_gain = 1;

    static void forward(int step, T *target, const T *source, const T *left, const T *right,
                        std::size_t count)
    {
        (step == 1 ? kernels::subtract_prediction : kernels::add_update)(target, source, left, right, count);
    }

    static void inverse(int step, T *target, const T *left, const T *right, std::size_t count)
    {
        (step == 1 ? kernels::subtract_update : kernels::add_prediction)(target, target, left, right, count);
    }

    static void last_forward(T *target, const T *source, const T *left, const T *right, float,
                             std::size_t count)
    {
        kernels::add_update(target, source, left, right, count);
    }

    static void copy(T *target, const T *source, float, std::size_t count)
    {
        std::copy_n(source, count, target);
    }

    static T twice(T value) { return static_cast<T>(static_cast<std::uint32_t>(value) << 1); }
    static T half(T value) { return value >> 1; }
};

// Buffers for the even and the odd samples of a row, with space for one mirrored sample at both ends.
template <class T> class Phases {
public:
    explicit Phases(std::size_t width) : buffer_(2 * (width / 2 + 4)) {}

    T *low() { return buffer_.data() + 1; }
    T *high() { return low() + buffer_.size() / 2; }

    static void mirror(T *phase, std::size_t count)
    {
        phase[-1] = phase[0];
        phase[count] = phase[count - 1];
    }

private:
    std::vector<T> buffer_;
};

// Splits a row into its low-pass and high-pass halves, and multiplies both by `gain` (floating point only).
template <class T>
void analyse_row(const T *row, std::size_t width, std::size_t odd, double gain, Single single,
                 Phases<T> &phases, T *low_out, T *high_out)
{
    using L = Lifting<T>;
    if (width == 1) { // T.800 F.4.6
        if (odd == 0) {
            L::copy(low_out, row, static_cast<float>(gain), 1);
        } else {
            const T value = single == Single::doubled ? L::twice(row[0]) : row[0];
            L::copy(high_out, &value, static_cast<float>(gain), 1);
        }
        return;
    }
    const std::size_t high_count = (width + odd) / 2, low_count = width - high_count;
    T *low = phases.low(), *high = phases.high();
    if (odd == 0) {
        kernels::split(row, low, high, width);
    } else {
        kernels::split(row, high, low, width);
    }
    for (int step = 1; step <= L::steps; ++step) {
        if (step % 2 == 1) {
            Phases<T>::mirror(low, low_count);
            L::forward(step, high, high, low - odd, low - odd + 1, high_count);
            continue;
        }
        Phases<T>::mirror(high, high_count);
        const T *left = high + odd - 1;
        if (step < L::steps) {
            L::forward(step, low, low, left, left + 1, low_count);
        } else {
            L::last_forward(low_out, low, left, left + 1, static_cast<float>(gain * L::low_gain), low_count);
        }
    }
    L::copy(high_out, high, static_cast<float>(gain * L::high_gain), high_count);
}

template <class T>
void synthesise_row(const T *low_in, const T *high_in, std::size_t width, std::size_t odd, double gain,
                    Single single, Phases<T> &phases, T *row)
{
    using L = Lifting<T>;
    if (width == 1) {
        L::copy(row, odd == 0 ? low_in : high_in, static_cast<float>(gain), 1);
        if (odd != 0 && single == Single::doubled) {
            row[0] = L::half(row[0]);
        }
        return;
    }
    const std::size_t high_count = (width + odd) / 2, low_count = width - high_count;
    T *low = phases.low(), *high = phases.high();
    L::copy(low, low_in, static_cast<float>(gain / L::low_gain), low_count);
    L::copy(high, high_in, static_cast<float>(gain / L::high_gain), high_count);
    for (int step = 1; step <= L::steps; ++step) {
        if (step % 2 == 1) {
            Phases<T>::mirror(high, high_count);
            L::inverse(step, low, high + odd - 1, high + odd, low_count);
        } else {
            Phases<T>::mirror(low, low_count);
            L::inverse(step, high, low - odd, low - odd + 1, high_count);
        }
    }
    if (odd == 0) {
        kernels::merge(low, high, row, width);
    } else {
        kernels::merge(high, low, row, width);
    }
}

// The rows [first, last) of one thread, and the rows [top, bottom) of the picture.
struct Run {
    std::int64_t top, bottom;
    std::int64_t first, last;

    bool owns(std::int64_t row) const { return row >= first && row < last; }
    bool needs(std::int64_t row, std::int64_t margin) const
    {
        return row >= std::max(top, first - margin) && row < std::min(bottom, last + margin);
    }
    std::int64_t above(std::int64_t row) const { return row > top ? row - 1 : row + 1; }
    std::int64_t below(std::int64_t row) const { return row + 1 < bottom ? row + 1 : row - 1; }
};

template <class Body> void for_runs(const Rect &area, std::size_t threads, const Body &body)
{
    const std::size_t height = area.height();
    const std::size_t runs = std::max<std::size_t>(1, std::min(threads, height / rows_per_thread));
    parallel_for(runs, runs, [&](std::size_t index) {
        body(Run{area.y0, area.y1, area.y0 + static_cast<std::int64_t>(height * index / runs),
                 area.y0 + static_cast<std::int64_t>(height * (index + 1) / runs)});
    });
}

template <class T> class Ring {
public:
    explicit Ring(std::size_t width) : width_(width), buffer_(width * ring_rows) {}
    T *row(std::int64_t index)
    {
        return buffer_.data() + (static_cast<std::uint64_t>(index) % ring_rows) * width_;
    }

private:
    std::size_t width_;
    std::vector<T> buffer_;
};

// The two subband rows that hold a row of the picture.
template <class T> struct RowPair {
    T *low, *high;
};

template <class T> RowPair<T> subband_rows(const Bands<T> &bands, const Rect &area, std::int64_t row)
{
    const bool odd = row % 2 != 0;
    const auto index =
        static_cast<std::size_t>(row / 2 - (odd ? area.y0 / 2 : (std::int64_t{area.y0} + 1) / 2));
    return odd ? RowPair<T>{bands.lh.row(index), bands.hh.row(index)}
               : RowPair<T>{bands.ll.row(index), bands.hl.row(index)};
}

template <class T>
void analyse_run(Plane<const T> plane, const Rect &area, const Bands<T> &bands, Single single,
                 const Run &run)
{
    using L = Lifting<T>;
    const std::size_t width = area.width(), odd = area.x0 % 2;
    Ring<T> ring(width);
    Phases<T> phases(width);
    const auto input = [&](std::int64_t row) { return plane.row(static_cast<std::size_t>(row - run.top)); };
    const auto emit = [&](std::int64_t row) {
        const RowPair<T> out = subband_rows(bands, area, row);
        const double gain = row % 2 != 0 ? L::high_gain : L::low_gain;
        analyse_row(ring.row(row), width, odd, gain, single, phases, out.low, out.high);
    };
    const std::int64_t start = (run.first - L::steps) & ~std::int64_t{1};
    for (std::int64_t t = start; t < run.last + L::steps + 1; t += 2) {
        for (int step = 1; step <= L::steps; ++step) {
            const std::int64_t row = t - step;
            if (!run.needs(row, L::steps - step)) {
                continue;
            }
            const std::int64_t above = run.above(row), below = run.below(row);
            const T *source = step <= 2 ? input(row) : ring.row(row);
            const T *left = step == 1 ? input(above) : ring.row(above);
            const T *right = step == 1 ? input(below) : ring.row(below);
            L::forward(step, ring.row(row), source, left, right, width);
        }
        for (const std::int64_t row : {t - L::steps + 1, t - L::steps}) {
            if (run.owns(row)) {
                emit(row);
            }
        }
    }
}

template <class T>
void synthesise_run(const Bands<const T> &bands, const Rect &area, Plane<T> plane, Single single,
                    const Run &run)
{
    using L = Lifting<T>;
    const std::size_t width = area.width(), odd = area.x0 % 2;
    Ring<T> ring(width);
    Phases<T> phases(width);
    const auto place = [&](std::int64_t row) {
        return run.owns(row) ? plane.row(static_cast<std::size_t>(row - run.top)) : ring.row(row);
    };
    const std::int64_t start = (run.first - L::steps) | 1;
    for (std::int64_t t = start; t < run.last + L::steps + 2; t += 2) {
        for (const std::int64_t row : {t - 1, t}) {
            if (run.needs(row, L::steps)) {
                const RowPair<const T> in = subband_rows(bands, area, row);
                const double gain = 1 / (row % 2 != 0 ? L::high_gain : L::low_gain);
                synthesise_row(in.low, in.high, width, odd, gain, single, phases, place(row));
            }
        }
        for (int step = 1; step <= L::steps; ++step) {
            const std::int64_t row = t - step;
            if (run.needs(row, L::steps - step)) {
                L::inverse(step, place(row), place(run.above(row)), place(run.below(row)), width);
            }
        }
    }
}

} // namespace

template <class T>
void analyse(Plane<const T> plane, const Rect &area, const Bands<T> &bands, std::size_t threads,
             Single single)
{
    if (area.empty()) {
        return;
    }
    if (area.height() > 1) {
        for_runs(area, threads, [&](const Run &run) { analyse_run(plane, area, bands, single, run); });
        return;
    }
    const std::size_t width = area.width();
    std::vector<T> row(plane.data, plane.data + width);
    if (area.y0 % 2 != 0 && single == Single::doubled) {
        std::transform(row.begin(), row.end(), row.begin(), Lifting<T>::twice);
    }
    Phases<T> phases(width);
    const RowPair<T> out = subband_rows(bands, area, area.y0);
    analyse_row(row.data(), width, area.x0 % 2, 1.0, single, phases, out.low, out.high);
}

template <class T>
void synthesise(const Bands<const T> &bands, const Rect &area, Plane<T> plane, std::size_t threads,
                Single single)
{
    if (area.empty()) {
        return;
    }
    if (area.height() > 1) {
        for_runs(area, threads, [&](const Run &run) { synthesise_run(bands, area, plane, single, run); });
        return;
    }
    const std::size_t width = area.width();
    Phases<T> phases(width);
    const RowPair<const T> in = subband_rows(bands, area, area.y0);
    synthesise_row(in.low, in.high, width, area.x0 % 2, 1.0, single, phases, plane.data);
    if (area.y0 % 2 != 0 && single == Single::doubled) {
        std::transform(plane.data, plane.data + width, plane.data, Lifting<T>::half);
    }
}

namespace {

// In tiles. Floating-point tiles have no single high-pass samples; see parameters.cpp.
template <class T>
constexpr Single single_in_tiles = std::is_integral_v<T> ? Single::kept : Single::doubled;

// The part of a subband of the whole image that belongs to a tile.
template <class T>
Plane<T> tile_band(T *subbands, const SubbandLayout &layout, const Rect &tile, Band band, std::uint32_t level)
{
    const Rect whole = layout.area().subband(band, level), part = tile.subband(band, level);
    if (part.empty()) {
        return {subbands, 0}; // never accessed; the offset might lie outside the array
    }
    const std::size_t stride = whole.width();
    return {subbands + layout.offset(band, level) + (part.y0 - whole.y0) * stride + (part.x0 - whole.x0),
            stride};
}

template <class T>
Bands<T> tile_bands(T *subbands, const SubbandLayout &layout, const Rect &tile, std::uint32_t level,
                    Plane<T> low)
{
    return {low, tile_band(subbands, layout, tile, Band::HL, level),
            tile_band(subbands, layout, tile, Band::LH, level),
            tile_band(subbands, layout, tile, Band::HH, level)};
}

// The low-pass planes between the levels, in two alternating buffers.
template <class T> class LowPlanes {
public:
    LowPlanes(const Rect &tile, std::uint32_t levels)
    {
        for (std::uint32_t level = 1; level < levels && level <= 2; ++level) {
            buffers_[level % 2].resize(static_cast<std::size_t>(tile.resolution(level).size()));
        }
    }

    Plane<T> plane(const Rect &tile, std::uint32_t level)
    {
        return {buffers_[level % 2].data(), tile.resolution(level).width()};
    }

private:
    std::vector<T> buffers_[2];
};

template <class T> Plane<const T> readable(Plane<T> plane)
{
    return {plane.data, plane.stride};
}

template <class T> void copy_plane(Plane<const T> source, Plane<T> target, const Rect &area)
{
    for (std::size_t row = 0; row < area.height(); ++row) {
        std::copy_n(source.row(row), area.width(), target.row(row));
    }
}

} // namespace

template <class T>
void analyse_tile(Plane<const T> samples, const Rect &tile, T *subbands, const SubbandLayout &layout,
                  std::size_t threads)
{
    if (tile.empty()) {
        return;
    }
    const std::uint32_t levels = layout.levels();
    const Plane<T> coarsest = tile_band(subbands, layout, tile, Band::LL, levels);
    if (levels == 0) {
        copy_plane(samples, coarsest, tile);
        return;
    }
    LowPlanes<T> between(tile, levels);
    Plane<const T> source = samples;
    for (std::uint32_t level = 1; level <= levels; ++level) {
        const Plane<T> low = level == levels ? coarsest : between.plane(tile, level);
        analyse(source, tile.resolution(level - 1), tile_bands(subbands, layout, tile, level, low), threads,
                single_in_tiles<T>);
        source = readable(low);
    }
}

template <class T>
void synthesise_tile(const T *subbands, const SubbandLayout &layout, const Rect &tile, Plane<T> samples,
                     std::size_t threads)
{
    if (tile.empty()) {
        return;
    }
    const std::uint32_t levels = layout.levels();
    Plane<const T> low = tile_band(subbands, layout, tile, Band::LL, levels);
    if (levels == 0) {
        copy_plane(low, samples, tile);
        return;
    }
    LowPlanes<T> between(tile, levels);
    for (std::uint32_t level = levels; level >= 1; --level) {
        const Plane<T> target = level == 1 ? samples : between.plane(tile, level - 1);
        synthesise(tile_bands(subbands, layout, tile, level, low), tile.resolution(level - 1), target,
                   threads, single_in_tiles<T>);
        low = readable(target);
    }
}

template void analyse<float>(Plane<const float>, const Rect &, const Bands<float> &, std::size_t, Single);
template void analyse<std::int32_t>(Plane<const std::int32_t>, const Rect &, const Bands<std::int32_t> &,
                                    std::size_t, Single);
template void synthesise<float>(const Bands<const float> &, const Rect &, Plane<float>, std::size_t, Single);
template void synthesise<std::int32_t>(const Bands<const std::int32_t> &, const Rect &, Plane<std::int32_t>,
                                       std::size_t, Single);
template void analyse_tile<float>(Plane<const float>, const Rect &, float *, const SubbandLayout &,
                                  std::size_t);
template void analyse_tile<std::int32_t>(Plane<const std::int32_t>, const Rect &, std::int32_t *,
                                         const SubbandLayout &, std::size_t);
template void synthesise_tile<float>(const float *, const SubbandLayout &, const Rect &, Plane<float>,
                                     std::size_t);
template void synthesise_tile<std::int32_t>(const std::int32_t *, const SubbandLayout &, const Rect &,
                                            Plane<std::int32_t>, std::size_t);

} // namespace j2kl
