// Completes truncated codestreams before OpenJPEG reads them. If the data ends within a packet, OpenJPEG (at
// least 2.5.0) discards the data of earlier layers for the code-blocks after the cut. If it also skips
// packets, it reads outside its memory. So the codestream is kept up to the last complete code-block, and
// empty packets replace the rest.
#pragma once

#include "codestream/scan.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace j2kl {

struct Repair {
    // A codestream, or a JP2 file whose last box is the codestream. Empty if the codestream is complete, or if
    // it is damaged or unusual in a way that is left to OpenJPEG.
    std::vector<std::uint8_t> bytes;
    std::string missing; // what a codestream that ends early lacks
    std::string warning; // what else is wrong with it
};

// Throws Failure if too many packets are missing.
Repair repair(const std::uint8_t *data, std::size_t size, const CodestreamScan &scan);

} // namespace j2kl
