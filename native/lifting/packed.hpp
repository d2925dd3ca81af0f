// The weights of an operator in the order in which the row kernels read them.
//
// Kernels multiply pairs of inputs by pairs of weights. Maps of pairs are: two neighbouring channels; or for an odd
// last channel of the sources, vertical neighbours (y, y + 1) and horizontal neighbours (x, x + 1).
#pragma once

#include "base/aligned.hpp"
#include "lifting/network.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl::lifting {

// A pair of inputs of a sum: the pair at (y + dy, x + dx) of a map.
struct Tap {
    std::size_t map;
    std::ptrdiff_t dy, dx;
};

// A convolution whose outputs are divided into blocks, which the registers hold at once.
struct PackedLayer {
    std::vector<std::size_t> starts; // first outputs of the blocks, and the end
    Aligned<std::int16_t> weights;   // of an output block: (16 if winograd, taps, outputs of the block, 2)
    std::vector<Tap> taps;             // empty if winograd
    std::size_t maps;                  // of pairs that the layer reads
    std::size_t kernel;
    bool winograd;                     // whether the weights are those of Winograd's algorithm
    std::int32_t shift;                // of the sums that the kernels compute
    std::size_t outputs() const { return starts.back(); }
};

// Maps of pairs of the sources of one component.
struct SourceMaps {
    explicit SourceMaps(std::size_t inputs)
        : channels(0), vertical(inputs / 2), horizontal(inputs / 2 + 1), count(inputs / 2 + inputs % 2 * 2),
          odd(inputs % 2 != 0)
    {
    }
    std::size_t channels, vertical, horizontal, count;
    bool odd; // whether there are vertical and horizontal pairs
};

struct PackedNetwork {
    // `most_outputs` is the number of outputs of a block.
    PackedNetwork(const Network &network, std::size_t most_outputs);

    const Network &network;
    SourceMaps maps;
    std::size_t pairs; // of channels
    PackedLayer first;
    std::vector<PackedLayer> hidden;
    PackedLayer last;
    std::vector<PackedLayer> proposals; // one layer for every output, all with the same taps
};

} // namespace j2kl::lifting
