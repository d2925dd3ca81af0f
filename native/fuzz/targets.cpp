#include "fuzz/targets.hpp"

#include "decoder/digest.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace j2kl::fuzz {

void expect(bool condition, const char *text)
{
    if (!condition) {
        std::fprintf(stderr, "wrong result: %s\n", text);
        std::abort();
    }
}

const Target *target(const char *name)
{
    for (const Target &one : targets) {
        if (std::strcmp(one.name, name) == 0) {
            return &one;
        }
    }
    return nullptr;
}

void correct_checksums(std::uint8_t *data, std::size_t size)
{
    constexpr std::uint8_t magic[] = {0, 0, 'J', '2', 'K', 'L'}; // Rcom, and the first bytes of the comment
    std::uint8_t *const end = data + size;
    for (std::uint8_t *at = data; (at = std::search(at, end, std::begin(magic), std::end(magic))) != end; ++at) {
        if (at - data < 4 || at[-4] != 0xff || at[-3] != 0x64) {
            continue;
        }
        const std::size_t length = Bytes{at - 2, 2}.u16(0); // with itself and Rcom
        if (length < 8 || length > static_cast<std::size_t>(end - at) + 2) {
            continue;
        }
        const Bytes payload = {at + 2, length - 8};
        const std::uint32_t sum = picture::crc32(payload);
        for (std::size_t i = 0; i < 4; ++i) {
            at[2 + payload.size + i] = static_cast<std::uint8_t>(sum >> (24 - 8 * i));
        }
    }
}

} // namespace j2kl::fuzz
