#include "dequantisation/features.hpp"

#include "base/prefetch.hpp"

#include <algorithm>

namespace j2kl::dequantisation {

Features::Features(const Network &network, const Components &components, std::size_t index,
                   const Buffers &buffers, const RowKernels &kernels)
    : network_(network),
      components_(components),
      index_(index),
      buffers_(buffers),
      kernels_(kernels),
      side_(static_cast<std::ptrdiff_t>(network.side)),
      mean_reach_(network.mean_reach()),
      height_(position_count(components.y0, components.y1, side_)),
      width_(position_count(components.x0, components.x1, side_)),
      rows_(4 * mean_reach_) // more than the window and the row before it
{
    const auto rows = static_cast<std::size_t>(rows_);
    quotients_.resize(rows * network.phases() * buffers.stride);
    means_.resize(rows * buffers.stride);
    sums_.resize(buffers.stride);
    scratch_.resize(buffers.stride);
    samples_.resize(network.phases() * buffers.stride);
    factors_.resize(buffers.stride, components.noise_stride == 0 ? factor(0, 0) : 0.0F);
}

// What samples are multiplied by. A component that is only read has the mean of the others' noise.
float Features::factor(std::ptrdiff_t y, std::ptrdiff_t x) const
{
    const std::size_t only_read = network_.reads - network_.writes;
    const std::int32_t code =
        index_ >= only_read ? components_.code(index_ - only_read, y, x)
                            : (components_.code(0, y, x) + components_.code(network_.writes - 1, y, x)) >> 1;
    return network_.power(-code, sample_bits);
}

std::int32_t *Features::quotients(std::ptrdiff_t y)
{
    return quotients_.data() + static_cast<std::size_t>(y % rows_) * network_.phases() * buffers_.stride;
}

std::int32_t *Features::means(std::ptrdiff_t y)
{
    return means_.data() + static_cast<std::size_t>(y % rows_) * buffers_.stride;
}

const float *Features::samples(std::ptrdiff_t y, std::ptrdiff_t i) const
{
    const Components &c = components_;
    const std::ptrdiff_t row = side_ * (position_range(c.y0, c.y0, side_).begin + y) + i - c.y0;
    return c.sources[index_] + std::clamp<std::ptrdiff_t>(row, 0, std::ptrdiff_t{c.y1} - c.y0 - 1) * c.source_stride;
}

// Divides the samples of a row of positions by the noise. Beyond the picture the means repeat.
void Features::fetch(std::ptrdiff_t y)
{
    const std::ptrdiff_t begin = buffers_.read.begin, end = buffers_.read.end, count = end - begin;
    const auto at = static_cast<std::size_t>(begin - buffers_.origin);
    const Components &c = components_;
    // samples of the area, in which missing rows and columns repeat their neighbour
    const std::ptrdiff_t left = side_ * (position_range(c.x0, c.x0, side_).begin + begin) - c.x0,
                         right = left + side_ * count;
    const std::ptrdiff_t from = std::max<std::ptrdiff_t>(left, 0),
                         to = std::min<std::ptrdiff_t>(right, c.x1 - c.x0);
    SampleRow row = {};
    for (std::ptrdiff_t i = 0; i < side_; ++i) {
        const float *source = samples(y, i);
        prefetch(samples(y + 1, i) + from, static_cast<std::size_t>(to - from));
        row.rows[i] = source + left;
        if (from != left || to != right) {
            float *copy = samples_.data() + static_cast<std::size_t>(i * side_) * buffers_.stride;
            std::fill_n(copy, from - left, source[from]);
            std::copy(source + from, source + to, copy + (from - left));
            std::fill_n(copy + (to - left), right - to, source[to - 1]);
            row.rows[i] = copy;
        }
    }
    if (c.noise_stride != 0) {
        for (std::ptrdiff_t i = 0; i < count; ++i) {
            factors_[static_cast<std::size_t>(i)] = factor(y, begin + i);
        }
    }
    std::int32_t *const mean = means(y);
    row.side = network_.side;
    row.factors = factors_.data();
    row.count = static_cast<std::size_t>(count);
    row.quotients = quotients(y) + at;
    row.stride = buffers_.stride;
    row.means = mean + at;
    kernels_.quotients(row);
    if (begin == 0) {
        std::fill(mean, mean + at, mean[at]);
    }
    if (end == width_) {
        const std::size_t last = at + static_cast<std::size_t>(count) - 1;
        std::fill(mean + last + 1, mean + buffers_.stride, mean[last]);
    }
}

void Features::write(std::ptrdiff_t y, Range columns, std::int16_t *target, std::size_t channels)
{
    const auto row = [&](std::ptrdiff_t at) { return std::clamp<std::ptrdiff_t>(at, 0, height_ - 1); };
    const std::ptrdiff_t last = row(y + mean_reach_);
    for (std::ptrdiff_t at = std::max(fetched_ + 1, row(y - mean_reach_)); at <= last; ++at) {
        fetch(at);
    }
    fetched_ = last;
    if (summed_ == y - 1 && summed_ >= 0) {
        kernels_.slide(sums_.data(), means(last), means(row(y - mean_reach_ - 1)), buffers_.stride);
    } else {
        std::fill(sums_.begin(), sums_.end(), 0);
        for (std::ptrdiff_t i = -mean_reach_; i <= mean_reach_; ++i) {
            const std::int32_t *mean = means(row(y + i));
            for (std::size_t x = 0; x < buffers_.stride; ++x) {
                sums_[x] += mean[x];
            }
        }
    }
    summed_ = y;
    const std::ptrdiff_t at = columns.begin - buffers_.origin;
    kernels_.features({network_.side, quotients(y) + at, buffers_.stride, sums_.data() + (at - mean_reach_),
                       scratch_.data(), network_.compression.data(),
                       static_cast<std::size_t>(columns.end - columns.begin), target, channels});
}

} // namespace j2kl::dequantisation
