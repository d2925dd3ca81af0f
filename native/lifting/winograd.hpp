// Which layers Winograd's algorithm computes exactly, and their transformed weights.
#pragma once

#include "lifting/network.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace j2kl::lifting {

// The transformed weights 4 G g G', shape (outputs, inputs, 16); none if they do not fit 16 bits, or the sums 32 bits.
// The inputs are activations: at most 8191, so that the transformed inputs, sums of four, fit 16 bits.
std::optional<std::vector<std::int16_t>> winograd_weights(const Convolution &layer);

} // namespace j2kl::lifting
