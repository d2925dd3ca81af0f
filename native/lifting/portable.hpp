// An operator computed as it is defined, layer by layer, by plain loops.
#pragma once

#include "lifting/network.hpp"
#include "lifting/planes.hpp"

namespace j2kl::lifting::portable {

// Rows and columns of a part: the maps of all layers stay in memory at once.
constexpr std::size_t part_side = 128;

void lift(const Network &network, const Step &step, const Part &part);

} // namespace j2kl::lifting::portable
