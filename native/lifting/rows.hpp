// Kernels that compute rows of an operator, in one version per instruction set. All versions give the same results.
//
// Rows are split by columns: a row of a map has its even columns, then its odd columns. A tile is two neighbouring
// columns, so tile t of a row is element t of either half. All vectors are then loaded from and stored to neighbouring
// places, also by Winograd's algorithm. The elements of activations and sources are pairs of int16 (see packed.hpp).
// Pointers point to tile 0; tiles before it have negative indices. Kernels compute whole vectors of tiles, so they read
// and write up to a vector beyond the last tile.
#pragma once

#include "base/instructions.hpp"
#include "lifting/packed.hpp"

#include <cstddef>
#include <cstdint>

namespace j2kl::lifting {

// Where tiles are: from `first`, whole vectors.
struct Tiles {
    std::ptrdiff_t first;
    std::size_t vectors;
};

// Strides of a row of pairs, in int16.
struct PairStrides {
    std::ptrdiff_t map, parity;
};

// Two rows of activations that a layer writes.
struct Activations {
    std::int16_t *rows[2];
    const std::int16_t *residuals[2]; // null: none
    PairStrides strides;
};

// Two rows of likelihoods that the last layer writes. Strides in elements.
struct Likelihoods {
    std::int32_t *rows[2];
    std::ptrdiff_t map, parity;
    std::int32_t offset;
};

// One row and parity of inputs for the taps of a layer.
struct TapInputs {
    const std::int16_t *const *taps;
    std::size_t row, parity; // of the outputs
};

// Four rows of inputs, for two rows of outputs by Winograd's algorithm.
struct WinogradInputs {
    const std::int16_t *rows[4];
    PairStrides strides;
    std::int16_t *scratch; // see winograd_scratch
};

struct RowKernels {
    std::size_t lanes;        // tiles of a vector
    std::size_t most_outputs; // of a block

    // Converts samples to integers.
    void (*quantise)(const float *samples, std::size_t count, float scale, std::int16_t *out);
    // Splits two lines of `2 tiles` numbers into pairs (a[x], b[x]) of the even and the odd columns.
    void (*pair_lines)(const std::int16_t *a, const std::int16_t *b, std::size_t tiles, std::int16_t *even,
                       std::int16_t *odd);
    // A layer, followed by its activation.
    void (*activate)(const PackedLayer &layer, const TapInputs &inputs, const Tiles &tiles,
                     const Activations &outputs);
    void (*activate_winograd)(const PackedLayer &layer, const WinogradInputs &inputs, const Tiles &tiles,
                              const Activations &outputs);
    void (*likelihoods)(const PackedLayer &layer, const TapInputs &inputs, const Tiles &tiles,
                        const Likelihoods &outputs);
    void (*likelihoods_winograd)(const PackedLayer &layer, const WinogradInputs &inputs, const Tiles &tiles,
                                 const Likelihoods &outputs);
    // Turns likelihoods into opacities, in place: a row of one parity, `map` elements from one proposal to the next.
    void (*normalise)(std::int32_t *row, std::ptrdiff_t map, std::size_t count, std::size_t vectors);
    // Proposals blended by opacities: integers with the fractional bits of the outputs, a row of one parity.
    void (*predict)(const PackedLayer &layer, const TapInputs &inputs, const std::int32_t *opacities,
                    std::ptrdiff_t map, std::size_t vectors, std::int32_t *out);
    // Adds predictions x scale to a row of samples, column 0 of which has even parity.
    void (*add)(float *samples, const std::int32_t *even, const std::int32_t *odd, std::size_t count,
                float scale);
};

// Bytes of scratch memory for a layer with `maps` maps of pairs.
std::size_t winograd_scratch(std::size_t maps);

// The kernels for an instruction set that the processor supports; null for the portable one.
const RowKernels *row_kernels(Instructions instructions);

} // namespace j2kl::lifting
