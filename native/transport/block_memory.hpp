// Whether the coded bytes of every code-block fit into the memory that OpenJPEG allocates for them.
#pragma once

#include "j2kl.h"

#include <cstdint>

namespace j2kl {

// Whether coding passes are terminated before the last one of a code-block: the styles BYPASS and TERMALL of T.800 Table
// A.19.
bool terminates_passes(const j2kl_parameters &parameters);

// OpenJPEG allocates 74 bytes for a code-block, and 4 for each of its samples, and does not look whether they are
// enough. A pass that is terminated has up to two bytes more than what it codes, so a code-block of few samples and many
// bit-planes needs more. Throws `Failure` if that can happen to a code-block of the picture. `bits` is the number of bits
// that its samples need after the level shift, without their sign; the other parameters have been checked.
void check_block_memory(const j2kl_parameters &parameters, std::uint32_t bits);

} // namespace j2kl
