// The digests of the file format: SHA-256 (FIPS 180-4), which names models, and CRC-32 (ISO 3309) of
// segments.
#pragma once

#include "base/bytes.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace j2kl::picture {

using Id = std::array<std::uint8_t, 32>;

class Sha256 {
public:
    void update(const void *data, std::size_t size);
    void update(std::string_view text) { update(text.data(), text.size()); }
    Id digest(); // called once, at the end

private:
    void block(const std::uint8_t *data);

    std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                           0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<std::uint8_t, 64> buffer_{};
    std::uint64_t size_ = 0;
};

std::uint32_t crc32(const Bytes &bytes);

std::string hexadecimal(const Id &id);

} // namespace j2kl::picture
