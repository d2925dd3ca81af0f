// Truncated codestreams, completed before OpenJPEG sees them. Where the data ends within a packet, OpenJPEG
// (2.5.0 at least) drops what earlier layers said of the code-blocks behind the cut, and where it skips
// packets at the same time it reads outside its memory. So the codestream is kept up to the last code-block
// that is whole, and packets without data stand for the rest.
#pragma once

#include "codestream/scan.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace j2kl {

struct Repaired {
    std::vector<std::uint8_t> bytes; // the file: a codestream, or a JP2 file that ends with one
    std::string warning;
};

// Nothing where the codestream is complete, or where it is damaged or uncommon in a way that is left to
// OpenJPEG. Throws Failure where completing it takes too many packets.
std::optional<Repaired> repair(const std::uint8_t *data, std::size_t size, const CodestreamScan &scan);

} // namespace j2kl
