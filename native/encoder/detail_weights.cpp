#include "encoder/detail_weights.hpp"

#include "base/independent.hpp"
#include "base/instructions.hpp"
#include "base/x86.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

namespace j2kl::picture {

namespace {

struct Kernels {
    void (*add_magnitudes)(const std::int32_t *, const std::int32_t *, std::int32_t, int, std::uint32_t *, std::size_t);
    void (*add_multiple)(std::int32_t *, const std::int32_t *, std::int32_t, std::size_t);
    void (*add_products)(const std::int32_t *, const std::int32_t *, double *, std::size_t);
};

#define J2KL_KERNELS "encoder/detail_weights.inc"
#include "base/variants.inc"

const Kernels &kernels_of_processor()
{
    static const Kernels &chosen = variant_for(Instructions::best, portable::kernels, avx2::kernels, avx512::kernels);
    return chosen;
}

constexpr int weight_bits = 6;

// Sums of the magnitudes of a block whose bits are kept in a table. Larger ones are rare.
constexpr std::size_t table_size = std::size_t{1} << 14;

// The least squares look at every block of this number, and are repeated, each time with the variances that the last
// ones have left.
constexpr std::size_t every_block = 2;
constexpr int rounds = 3;

// Added to the variance of a block: about that of the rounding to whole numbers.
constexpr double rounding = 0.1;

// These keep sources that are nearly zero, or multiples of each other, from having huge weights.
constexpr double ridge = 1e-4, least_diagonal = 1e-6;

// The steps, in 1/64, by which the weights are refined.
constexpr std::array<std::int32_t, 2> refinements = {8, 3};

// The entropy of a geometric distribution, and the signs of the coefficients that are not zero.
double bits_of_sum(std::uint32_t sum)
{
    const double mean = static_cast<double>(sum) / block_size;
    return block_size * (std::log2(1 + mean) + mean * std::log2(1 + 1 / std::max(mean, 1e-6)) + mean / (1 + mean));
}

const std::vector<double> &table()
{
    static const std::vector<double> bits = [] {
        std::vector<double> values(table_size);
        for (std::size_t sum = 0; sum < table_size; ++sum) {
            values[sum] = bits_of_sum(static_cast<std::uint32_t>(sum));
        }
        return values;
    }();
    return bits;
}

double bits_of_sums(const std::vector<std::uint32_t> &sums)
{
    const std::vector<double> &known = table();
    double total = 0;
    for (const std::uint32_t sum : sums) {
        total += sum < table_size ? known[sum] : bits_of_sum(sum);
    }
    return total;
}

// The bits of blocks of samples that are shifted down.
double bits_of_shifted(const std::int32_t *samples, int shift, std::size_t blocks)
{
    std::vector<std::uint32_t> sums(blocks);
    for (std::size_t i = 0; i < block_size; ++i) {
        const std::int32_t *const row = samples + i * blocks;
        kernels_of_processor().add_magnitudes(row, row, 0, shift, sums.data(), blocks);
    }
    return bits_of_sums(sums);
}

using Solution = std::array<double, most_sources>;
using Row = std::array<double, most_sources + 1>;

// Solves a symmetric positive system by elimination; the last column of each row is the right side.
Solution solved(std::array<Row, most_sources> rows, std::size_t count)
{
    for (std::size_t pivot = 0; pivot < count; ++pivot) {
        for (std::size_t row = pivot + 1; row < count; ++row) {
            const double factor = rows[row][pivot] / rows[pivot][pivot];
            for (std::size_t column = pivot; column <= count; ++column) {
                rows[row][column] -= factor * rows[pivot][column];
            }
        }
    }
    Solution solution{};
    for (std::size_t row = count; row-- > 0;) {
        double value = rows[row][count];
        for (std::size_t column = row + 1; column < count; ++column) {
            value -= rows[row][column] * solution[column];
        }
        solution[row] = value / rows[row][row];
    }
    return solution;
}

// Fits one target: what is left of it, and the sources that are not zero.
class Fit {
public:
    explicit Fit(const FitProblem &problem)
        : problem_(problem), size_(block_size * problem.blocks), shift_(weight_bits + problem.fraction_bits),
          over_(size_, std::int32_t{1} << shift_ >> 1), sums_(problem.blocks)
    {
        kernels_.add_multiple(over_.data(), problem.target, -(1 << weight_bits), size_);
        for (std::size_t i = 0; i < problem.count; ++i) {
            const std::int32_t *const source = problem.sources[i];
            if (std::any_of(source, source + size_, [](std::int32_t value) { return value != 0; })) {
                used_[used_count_++] = i;
            }
        }
    }

    void add(std::size_t source, std::int32_t weight)
    {
        kernels_.add_multiple(over_.data(), problem_.sources[source], weight, size_);
    }

    // The bits that are left if a weight changes by so much.
    double bits(std::size_t source, std::int32_t step)
    {
        std::fill(sums_.begin(), sums_.end(), 0U);
        const std::int32_t *const values = problem_.sources[source];
        for (std::size_t i = 0; i < size_; i += problem_.blocks) {
            kernels_.add_magnitudes(over_.data() + i, values + i, step, shift_, sums_.data(), problem_.blocks);
        }
        return bits_of_sums(sums_);
    }

    // The bits that are left.
    double bits() const { return bits_of_shifted(over_.data(), shift_, problem_.blocks); }

    // The weights that minimise the sum of the logarithms of the variances of the blocks.
    Solution least_squares()
    {
        if (used_count_ == 0) {
            return {};
        }
        gather();
        Solution weights{};
        for (int round = 0; round < rounds; ++round) {
            weights = solved(normal(weights), used_count_);
        }
        return weights;
    }

    std::size_t used() const { return used_count_; }
    std::size_t used(std::size_t index) const { return used_[index]; }

private:
    const std::int32_t *plane(std::size_t index) const
    {
        return index < used_count_ ? problem_.sources[used_[index]] : problem_.target;
    }

    // Computes the products of all pairs of planes, the target being the last, by block.
    void gather()
    {
        for (std::size_t a = 0; a <= used_count_; ++a) {
            for (std::size_t b = a; b <= used_count_; ++b) {
                std::vector<double> &sums = products_[a][b];
                sums.assign(problem_.blocks, 0.0);
                for (std::size_t i = 0; i < size_; i += problem_.blocks) {
                    kernels_.add_products(plane(a) + i, plane(b) + i, sums.data(), problem_.blocks);
                }
            }
        }
    }

    double product(std::size_t a, std::size_t b, std::size_t block) const
    {
        return products_[std::min(a, b)][std::max(a, b)][block] * unit_;
    }

    // The normal equations, with every block divided by the variance that these weights leave of it.
    std::array<Row, most_sources> normal(const Solution &weights) const
    {
        Row change{};
        for (std::size_t i = 0; i < used_count_; ++i) {
            change[i] = -weights[i];
        }
        change[used_count_] = 1;
        std::array<Row, most_sources> rows{};
        for (std::size_t block = 0; block < problem_.blocks; block += every_block) {
            double variance = 0;
            for (std::size_t a = 0; a <= used_count_; ++a) {
                for (std::size_t b = 0; b <= used_count_; ++b) {
                    variance += change[a] * change[b] * product(a, b, block);
                }
            }
            const double share = 1 / (variance / block_size + rounding);
            for (std::size_t a = 0; a < used_count_; ++a) {
                for (std::size_t b = 0; b <= used_count_; ++b) {
                    rows[a][b] += share * product(a, b, block);
                }
            }
        }
        for (std::size_t i = 0; i < used_count_; ++i) {
            rows[i][i] = rows[i][i] * (1 + ridge) + least_diagonal;
        }
        return rows;
    }

    const Kernels &kernels_ = kernels_of_processor();
    const FitProblem &problem_;
    std::size_t size_;
    int shift_;
    std::vector<std::int32_t> over_; // the weighted sum less the target: a shift gives what is left, negated
    std::vector<std::uint32_t> sums_;
    std::array<std::size_t, most_sources> used_{};
    std::size_t used_count_ = 0;
    std::array<std::array<std::vector<double>, most_sources + 1>, most_sources + 1> products_;
    double unit_ = std::ldexp(1.0, -2 * problem_.fraction_bits);
};

} // namespace

double bits_of_blocks(const std::int32_t *samples, std::size_t blocks)
{
    return bits_of_shifted(samples, 0, blocks);
}

std::int32_t nearest_weight(double weight)
{
    constexpr double fine = 64, coarse = 8, most = 63; // as in the segment (docs/format-lossless.md)
    if (!std::isfinite(weight)) {
        return 0;
    }
    double size = std::fabs(weight);
    if (size > fine) {
        size = fine + coarse * std::min(std::nearbyint((size - fine) / coarse), most);
    }
    return static_cast<std::int32_t>(std::nearbyint(weight > 0 ? size : -size));
}

double fit_weights(const FitProblem &problem, std::int32_t *weights)
{
    std::fill_n(weights, problem.count, 0);
    if (problem.blocks == 0) {
        return 0;
    }
    Fit fit(problem);
    const Solution found = fit.least_squares();
    for (std::size_t i = 0; i < fit.used(); ++i) {
        weights[fit.used(i)] = nearest_weight(found[i] * (1 << weight_bits));
        fit.add(fit.used(i), weights[fit.used(i)]);
    }
    return fit.bits();
}

double refine_weights(const FitProblem &problem, std::int32_t *weights)
{
    if (problem.blocks == 0) {
        return 0;
    }
    Fit fit(problem);
    for (std::size_t i = 0; i < fit.used(); ++i) {
        fit.add(fit.used(i), weights[fit.used(i)]);
    }
    double least = fit.bits();
    const auto moved = [&](std::size_t at, std::int32_t move) {
        const std::int32_t step = nearest_weight(weights[at] + move) - weights[at];
        const double bits = step != 0 ? fit.bits(at, step) : least;
        if (bits >= least) {
            return false;
        }
        fit.add(at, step);
        weights[at] += step;
        least = bits;
        return true;
    };
    for (const std::int32_t step : refinements) {
        for (std::size_t i = 0; i < fit.used(); ++i) {
            for (const std::int32_t move : {step, -step}) {
                while (moved(fit.used(i), move)) {
                }
            }
        }
    }
    return least;
}

} // namespace j2kl::picture
