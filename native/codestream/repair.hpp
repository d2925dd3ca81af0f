// Completes truncated codestreams before OpenJPEG reads them. If the data ends within a packet, OpenJPEG (at
// least 2.5.0) discards the data of earlier layers for the code-blocks after the cut. If it also skips
// packets, it reads outside its memory. So the codestream is kept up to the last complete code-block, and
// empty packets replace the rest.
#pragma once

#include "codestream/scan.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace j2kl {

struct Repaired {
    std::vector<std::uint8_t> bytes; // a codestream, or a JP2 file whose last box is the codestream
    std::string warning;
};

// Returns nothing if the codestream is complete, or if it is damaged or unusual in a way that is left to
// OpenJPEG. Throws Failure if too many packets are missing.
std::optional<Repaired> repair(const std::uint8_t *data, std::size_t size, const CodestreamScan &scan);

} // namespace j2kl
