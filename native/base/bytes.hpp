// A non-owning view of bytes that reads big-endian integers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace j2kl {

struct Bytes {
    const std::uint8_t *data = nullptr;
    std::size_t size = 0;

    bool starts_with(const std::uint8_t *prefix, std::size_t length) const
    {
        return size >= length && std::memcmp(data, prefix, length) == 0;
    }
    std::uint32_t u16(std::size_t at) const { return (std::uint32_t{data[at]} << 8) | data[at + 1]; }
    std::uint32_t u32(std::size_t at) const { return (u16(at) << 16) | u16(at + 2); }
    Bytes from(std::size_t at, std::size_t length) const { return {data + at, std::min(length, size - at)}; }
};

} // namespace j2kl
