// How many quality layers a codestream declares, and how many its bytes can hold.
#pragma once

#include "codestream/scan.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl {

// OpenJPEG's time and memory grow with the declared number of layers, up to 65535, even if the file is tiny. A packet has
// at least one byte, and the packets of a precinct come in the order of their layers: layers beyond the number of bytes
// have no packets. Returns the file with the number of layers that it can hold; nothing if it declares no more than that.
std::vector<std::uint8_t> with_possible_layers(const std::uint8_t *data, std::size_t size, const CodestreamScan &scan);

} // namespace j2kl
