// Whether a file may be a learned one: whether its main header has a learned-transform segment
// (docs/format.md).
#pragma once

#include "openjp2/stream.hpp"

namespace j2kl::openjp2 {

// Reads no more of a file than its boxes and marker segments make necessary. What is damaged, or cannot be
// read, holds no learned file.
bool holds_learned_file(const char *file);
bool holds_learned_file(Stream &stream);

} // namespace j2kl::openjp2
