// A main header in the place of that of a codestream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace j2kl {

struct NewHeader {
    std::vector<std::uint8_t> bytes;
    std::size_t end = 0; // of the main header that it replaces: the offset of the first SOT
};

} // namespace j2kl
