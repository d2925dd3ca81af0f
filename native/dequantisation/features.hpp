// The inputs of the network that come from one component: its samples over the noise, less their local mean,
// compressed.
#pragma once

#include "base/aligned.hpp"
#include "dequantisation/components.hpp"
#include "dequantisation/network.hpp"
#include "dequantisation/rows.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl::dequantisation {

// The columns of the buffers of a strip.
struct Buffers {
    std::ptrdiff_t origin; // the column of the picture where they begin
    std::size_t stride;    // their number
    Range read;            // those whose samples are read; they end inside the picture
};

class Features {
public:
    // `index` counts the components that the network reads.
    Features(const Network &network, const Components &components, std::size_t index, const Buffers &buffers,
             const RowKernels &kernels);

    // Writes the features of every position of a row in the picture. `target` is the place of the first
    // position; the next one is `channels` elements further on. Rows must be asked for from top to bottom.
    void write(std::ptrdiff_t y, Range columns, std::int16_t *target, std::size_t channels);

private:
    void fetch(std::ptrdiff_t y);
    float factor(std::ptrdiff_t y, std::ptrdiff_t x) const;
    // A row of samples, of the rows of a row of positions; border rows repeat.
    const float *samples(std::ptrdiff_t y, std::ptrdiff_t i) const;

    // Rows of samples over noise.
    std::int32_t *quotients(std::ptrdiff_t y);
    std::int32_t *means(std::ptrdiff_t y);

    const Network &network_;
    const Components &components_;
    const std::size_t index_;
    const Buffers buffers_;
    const RowKernels &kernels_;
    const std::ptrdiff_t side_, mean_reach_;
    const std::ptrdiff_t height_, width_; // of the picture in positions
    const std::ptrdiff_t rows_;           // of samples over noise that are kept for the local mean
    std::ptrdiff_t fetched_ = -1;         // the last row of samples over noise
    std::ptrdiff_t summed_ = -1;          // the row whose window has the sums
    Aligned<std::int32_t> quotients_, means_, sums_, scratch_;
    Aligned<float> samples_, factors_;
};

} // namespace j2kl::dequantisation
