// De-quantisation of one strip of columns: all layers row by row, with a few rows of each layer in memory.
#pragma once

#include "dequantisation/components.hpp"
#include "dequantisation/network.hpp"

#include <cstddef>

namespace j2kl::dequantisation {

// Positions of a strip, so that the hidden layers fill whole batches of Winograd's columns.
std::size_t strip_positions(const Network &network);

// Corrects the samples of some rows and columns of positions. At most strip_positions() columns.
void dequantise_strip(const Network &network, const Components &components, Range rows, Range columns,
                      Instructions instructions);

} // namespace j2kl::dequantisation
