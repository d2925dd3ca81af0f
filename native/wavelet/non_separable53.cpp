#include "wavelet/non_separable53.hpp"

#include "base/independent.hpp"
#include "base/instructions.hpp"
#include "base/parallel.hpp"
#include "base/uninitialised.hpp"
#include "base/x86.hpp"
#include "wavelet/kernels.hpp"

#include <algorithm>
#include <array>
#include <utility>

// Four samples at (even, even), (even, odd), (odd, even) and (odd, odd) places become LL, HL, LH and HH, in this order:
//
//     HH -= ((2 * (LH left + right + HL above + below) - the four LL around + 2) >> 2
//     HL -= (2 * (LL left + right) - HH above - HH below + 1) >> 2, and LH with rows and columns exchanged
//     LL += (4 * (HL left + right + LH above + below) - the four HH around + 7) >> 4
//
// Where a picture has no samples of a phase, they count as 0; at a border, the neighbour on the other side is taken for
// the one that is missing. Every run of rows is computed by itself, with the rows around it that its steps read.

namespace j2kl {

namespace {

using Sample = std::int32_t;

inline std::uint32_t bits(Sample value)
{
    return static_cast<std::uint32_t>(value);
}

inline Sample integer(std::uint32_t value)
{
    return static_cast<Sample>(value);
}

// The neighbours of a row of HL or LH: those in LL count twice.
struct Two {
    std::array<const Sample *, 2> twice, once;
};

// The neighbours of a row of HH or LL: those beside it and above it, and those at the corners.
struct Eight {
    std::array<const Sample *, 4> sides, corners;
    int weight_bits, rounding, shift;
};

// `sign` is 0 to add what is computed, and -1 to subtract it.
struct Kernels {
    void (*lift_by_two)(Sample *, const Two &, std::int32_t sign, std::size_t);
    void (*lift_by_eight)(Sample *, const Eight &, std::int32_t sign, std::size_t);
};

#define J2KL_KERNELS "wavelet/non_separable53.inc"
#include "base/variants.inc"

const Kernels &kernels_of_processor()
{
    static const Kernels &chosen = variant_for(Instructions::best, portable::kernels, avx2::kernels, avx512::kernels);
    return chosen;
}

constexpr std::int32_t adding = 0, subtracting = -1;

// Rows that the steps read around a run.
constexpr std::int64_t margin = 3;

// Rows of a run: few enough that they stay in the cache.
constexpr std::int64_t rows_of_run = 32;

// Rows of a run and around it, each split into its even and its odd columns. Rows are numbered on the grid.
class Rows {
public:
    Rows(const Rect &area, std::int64_t first, std::int64_t last)
        : top_(area.y0), bottom_(area.y1), odd_(area.x0 % 2), highs_((area.width() + odd_) / 2),
          lows_(area.width() - highs_), stride_(std::max(lows_, highs_) + 2), first_(first - margin),
          rows_(2 * stride_ * static_cast<std::size_t>(last - first + 2 * margin)), nothing_(stride_)
    {
    }

    std::size_t lows() const { return lows_; }
    std::size_t highs() const { return highs_; }

    // The samples of a row that lie in even columns, and in odd ones. One more before and after them repeats the last.
    Sample *low(std::int64_t row) { return phase(row, 0); }
    Sample *high(std::int64_t row) { return phase(row, 1); }

    // Fills the rows that the picture has, from the margin before `first` to that after `last`: `body` writes one.
    template <class Body> void fill(std::int64_t first, std::int64_t last, const Body &body)
    {
        for (std::int64_t row = std::max(first - margin, top_); row < std::min(last + margin, bottom_); ++row) {
            body(row, low(row), high(row));
            mirror(low(row), lows_);
            mirror(high(row), highs_);
        }
    }

    // Calls `body` with every row of one parity from `first` to `last`, without the latter, that the picture has.
    template <class Body> void each(std::int64_t first, std::int64_t last, std::int64_t parity, const Body &body) const
    {
        first = std::max(first, top_);
        for (std::int64_t row = first + (first + parity) % 2; row < std::min(last, bottom_); row += 2) {
            body(row);
        }
    }

    void lift_hh(std::int64_t row, std::int32_t sign)
    {
        const std::int64_t above = row_above(row), below = row_below(row);
        const Sample *const left = beside_high(low(row)), *const up = beside_high(near(above, 0)),
                     *const down = beside_high(near(below, 0));
        const Eight from = {{left, left + 1, near(above, 1), near(below, 1)}, {up, up + 1, down, down + 1}, 1, 2, 2};
        kernels_.lift_by_eight(high(row), from, sign, highs_);
        mirror(high(row), highs_);
    }

    void lift_hl(std::int64_t row, std::int32_t sign)
    {
        const Sample *const left = beside_high(low(row));
        const Two from = {{left, left + 1}, {near(row_above(row), 1), near(row_below(row), 1)}};
        kernels_.lift_by_two(high(row), from, sign, highs_);
        mirror(high(row), highs_);
    }

    void lift_lh(std::int64_t row, std::int32_t sign)
    {
        const Sample *const left = beside_low(high(row));
        const Two from = {{near(row_above(row), 0), near(row_below(row), 0)}, {left, left + 1}};
        kernels_.lift_by_two(low(row), from, sign, lows_);
        mirror(low(row), lows_);
    }

    void lift_ll(std::int64_t row, std::int32_t sign)
    {
        const std::int64_t above = row_above(row), below = row_below(row);
        const Sample *const left = beside_low(high(row)), *const up = beside_low(near(above, 1)),
                     *const down = beside_low(near(below, 1));
        const Eight from = {{left, left + 1, near(above, 0), near(below, 0)}, {up, up + 1, down, down + 1}, 2, 7, 4};
        kernels_.lift_by_eight(low(row), from, sign, lows_);
        mirror(low(row), lows_);
    }

private:
    Sample *phase(std::int64_t row, std::size_t which)
    {
        return rows_.data() + 1 + (2 * static_cast<std::size_t>(row - first_) + which) * stride_;
    }

    // The neighbour to the left of the first sample in odd columns, or in even ones, in a row of the other phase.
    const Sample *beside_high(const Sample *lows) const { return lows - odd_; }
    const Sample *beside_low(const Sample *highs) const { return highs + odd_ - 1; }

    std::int64_t row_above(std::int64_t row) const { return row > top_ ? row - 1 : row + 1; }
    std::int64_t row_below(std::int64_t row) const { return row + 1 < bottom_ ? row + 1 : row - 1; }

    // A row above or below; zeros if the picture has a single row.
    const Sample *near(std::int64_t row, std::size_t which)
    {
        return row >= top_ && row < bottom_ ? phase(row, which) : nothing_.data() + 1;
    }

    static void mirror(Sample *phase, std::size_t count)
    {
        phase[-1] = count > 0 ? phase[0] : 0;
        phase[count] = count > 0 ? phase[count - 1] : 0;
    }

    const Kernels &kernels_ = kernels_of_processor();
    std::int64_t top_, bottom_;
    std::size_t odd_, highs_, lows_, stride_;
    std::int64_t first_;
    Uninitialised<Sample> rows_;
    std::vector<Sample> nothing_;
};

// The two subband rows that hold a row of the picture.
template <class T> std::pair<T *, T *> subband_rows(const Bands<T> &bands, const Rect &area, std::int64_t row)
{
    const bool odd = row % 2 != 0;
    const auto index = static_cast<std::size_t>(row / 2 - (odd ? area.y0 / 2 : (std::int64_t{area.y0} + 1) / 2));
    return odd ? std::pair{bands.lh.row(index), bands.hh.row(index)}
               : std::pair{bands.ll.row(index), bands.hl.row(index)};
}

// How often a sample is doubled by the analysis: where its row or its column is a single high-pass sample (T.800 F.4.6).
int doublings(const Rect &area)
{
    return (area.width() == 1 && area.x0 % 2 != 0 ? 1 : 0) + (area.height() == 1 && area.y0 % 2 != 0 ? 1 : 0);
}

template <class Body> void for_runs(const Rect &area, std::size_t threads, const Body &body)
{
    const std::size_t runs = (area.height() + rows_of_run - 1) / rows_of_run;
    parallel_for(runs, threads, [&](std::size_t index) {
        const std::int64_t first = area.y0 + static_cast<std::int64_t>(index) * rows_of_run;
        body(first, std::min<std::int64_t>(first + rows_of_run, area.y1));
    });
}

} // namespace

void analyse_non_separable53(Plane<const Sample> plane, const Rect &area, const Bands<Sample> &bands,
                             std::size_t threads)
{
    const bool odd = area.x0 % 2 != 0;
    const std::size_t width = area.width();
    const int doubled = doublings(area);
    for_runs(area, threads, [&](std::int64_t first, std::int64_t last) {
        Rows rows(area, first, last);
        rows.fill(first, last, [&](std::int64_t row, Sample *low, Sample *high) {
            const Sample *const source = plane.row(static_cast<std::size_t>(row - area.y0));
            kernels::split(source, odd ? high : low, odd ? low : high, width);
            for (int i = 0; i < doubled; ++i) { // of single rows or columns
                std::transform(low, low + rows.lows(), low, [](Sample value) { return integer(2 * bits(value)); });
                std::transform(high, high + rows.highs(), high, [](Sample value) { return integer(2 * bits(value)); });
            }
        });
        rows.each(first - 2, last + 2, 1, [&](std::int64_t row) { rows.lift_hh(row, subtracting); });
        rows.each(first - 1, last + 1, 0, [&](std::int64_t row) { rows.lift_hl(row, subtracting); });
        rows.each(first - 1, last + 1, 1, [&](std::int64_t row) { rows.lift_lh(row, subtracting); });
        rows.each(first, last, 0, [&](std::int64_t row) { rows.lift_ll(row, adding); });
        for (std::int64_t row = first; row < last; ++row) {
            const auto [low, high] = subband_rows(bands, area, row);
            std::copy_n(rows.low(row), rows.lows(), low);
            std::copy_n(rows.high(row), rows.highs(), high);
        }
    });
}

void synthesise_non_separable53(const Bands<const Sample> &bands, const Rect &area, Plane<Sample> plane,
                                std::size_t threads)
{
    const bool odd = area.x0 % 2 != 0;
    const std::size_t width = area.width();
    const int doubled = doublings(area);
    for_runs(area, threads, [&](std::int64_t first, std::int64_t last) {
        Rows rows(area, first, last);
        rows.fill(first, last, [&](std::int64_t row, Sample *low, Sample *high) {
            const auto [from_low, from_high] = subband_rows(bands, area, row);
            std::copy_n(from_low, rows.lows(), low);
            std::copy_n(from_high, rows.highs(), high);
        });
        rows.each(first - 2, last + 2, 0, [&](std::int64_t row) { rows.lift_ll(row, subtracting); });
        rows.each(first - 1, last + 1, 0, [&](std::int64_t row) { rows.lift_hl(row, adding); });
        rows.each(first - 1, last + 1, 1, [&](std::int64_t row) { rows.lift_lh(row, adding); });
        rows.each(first, last, 1, [&](std::int64_t row) { rows.lift_hh(row, adding); });
        for (std::int64_t row = first; row < last; ++row) {
            Sample *const target = plane.row(static_cast<std::size_t>(row - area.y0));
            kernels::merge(odd ? rows.high(row) : rows.low(row), odd ? rows.low(row) : rows.high(row), target, width);
            for (int i = 0; i < doubled; ++i) {
                std::transform(target, target + width, target, [](Sample value) { return value >> 1; });
            }
        }
    });
}

} // namespace j2kl
