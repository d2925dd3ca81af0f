#include "dequantisation/features.hpp"

#include "base/prefetch.hpp"

#include <algorithm>

namespace j2kl::dequantisation {

namespace {

// Rows of samples over noise that are kept for the local mean.
constexpr std::ptrdiff_t mean_rows = 16;

std::size_t slot(std::ptrdiff_t y)
{
    return static_cast<std::size_t>(y & (mean_rows - 1));
}

} // namespace

Features::Features(const Network &network, const Components &components, std::size_t index,
                   const Buffers &buffers, const RowKernels &kernels)
    : network_(network),
      components_(components),
      index_(index),
      buffers_(buffers),
      kernels_(kernels),
      height_(position_count(components.y0, components.y1)),
      width_(position_count(components.x0, components.x1))
{
    const std::size_t rows = static_cast<std::size_t>(mean_rows);
    quotients_.resize(rows * phases * buffers.stride);
    means_.resize(rows * buffers.stride);
    sums_.resize(buffers.stride);
    scratch_.resize(buffers.stride);
    samples_.resize(4 * buffers.stride);
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
    return quotients_.data() + slot(y) * phases * buffers_.stride;
}

std::int32_t *Features::means(std::ptrdiff_t y)
{
    return means_.data() + slot(y) * buffers_.stride;
}

const float *Features::samples(std::ptrdiff_t y, std::ptrdiff_t i) const
{
    const Components &c = components_;
    const std::ptrdiff_t row = 2 * (position_range(c.y0, c.y0).begin + y) + i - c.y0;
    return c.sources[index_] + std::clamp<std::ptrdiff_t>(row, 0, std::ptrdiff_t{c.y1} - c.y0 - 1) * c.source_stride;
}

// Divides the samples of a row of positions by the noise. Beyond the picture the means repeat.
void Features::fetch(std::ptrdiff_t y)
{
    const std::ptrdiff_t begin = buffers_.read.begin, end = buffers_.read.end, count = end - begin;
    const auto at = static_cast<std::size_t>(begin - buffers_.origin);
    const Components &c = components_;
    // samples of the area, in which a missing row or column repeats its neighbour
    const std::ptrdiff_t left = 2 * (position_range(c.x0, c.x0).begin + begin) - c.x0,
                         right = left + 2 * count;
    const std::ptrdiff_t from = std::max<std::ptrdiff_t>(left, 0),
                         to = std::min<std::ptrdiff_t>(right, c.x1 - c.x0);
    const float *rows[2];
    for (std::ptrdiff_t i = 0; i < 2; ++i) {
        const float *source = samples(y, i);
        prefetch(samples(y + 1, i) + from, static_cast<std::size_t>(to - from));
        rows[i] = source + left;
        if (from != left || to != right) {
            float *copy = samples_.data() + static_cast<std::size_t>(i) * 2 * buffers_.stride;
            std::copy(source + from, source + to, copy + (from - left));
            copy[0] = source[from];
            copy[right - left - 1] = source[to - 1];
            rows[i] = copy;
        }
    }
    if (c.noise_stride != 0) {
        for (std::ptrdiff_t i = 0; i < count; ++i) {
            factors_[static_cast<std::size_t>(i)] = factor(y, begin + i);
        }
    }
    std::int32_t *const mean = means(y);
    kernels_.quotients({rows[0], rows[1], factors_.data(), static_cast<std::size_t>(count), quotients(y) + at,
                        buffers_.stride, mean + at});
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
    const std::ptrdiff_t last = row(y + mean_reach);
    for (std::ptrdiff_t at = std::max(fetched_ + 1, row(y - mean_reach)); at <= last; ++at) {
        fetch(at);
    }
    fetched_ = last;
    if (summed_ == y - 1 && summed_ >= 0) {
        kernels_.slide(sums_.data(), means(last), means(row(y - mean_reach - 1)), buffers_.stride);
    } else {
        std::fill(sums_.begin(), sums_.end(), 0);
        for (std::ptrdiff_t i = -mean_reach; i <= mean_reach; ++i) {
            const std::int32_t *mean = means(row(y + i));
            for (std::size_t x = 0; x < buffers_.stride; ++x) {
                sums_[x] += mean[x];
            }
        }
    }
    summed_ = y;
    const std::ptrdiff_t at = columns.begin - buffers_.origin;
    kernels_.features({quotients(y) + at, buffers_.stride, sums_.data() + (at - mean_reach), scratch_.data(),
                       network_.compression.data(), static_cast<std::size_t>(columns.end - columns.begin),
                       target, channels});
}

} // namespace j2kl::dequantisation
