// Fuzz targets: each reads bytes that nothing is known of, and calls one part of the library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace j2kl::fuzz {

// Stops the process if a result is wrong: the fuzzer then keeps the input.
void expect(bool condition, const char *text);

void main_header(const std::uint8_t *data, std::size_t size);
void tile_parts(const std::uint8_t *data, std::size_t size);
void packet_headers(const std::uint8_t *data, std::size_t size);
void repair(const std::uint8_t *data, std::size_t size);
void transport(const std::uint8_t *data, std::size_t size);
void segment(const std::uint8_t *data, std::size_t size);
void json(const std::uint8_t *data, std::size_t size);
void model_file(const std::uint8_t *data, std::size_t size);
void picture(const std::uint8_t *data, std::size_t size);
void integers(const std::uint8_t *data, std::size_t size);

struct Target {
    const char *name;
    void (*run)(const std::uint8_t *data, std::size_t size);
    bool checksums; // of learned-transform segments, to be corrected in every input
};

inline constexpr Target targets[] = {
    {"main_header", main_header, true}, {"tile_parts", tile_parts, false}, {"packet_headers", packet_headers, false},
    {"repair", repair, false},          {"transport", transport, false},   {"segment", segment, true},
    {"json", json, false},              {"model_file", model_file, false}, {"picture", picture, true},
    {"integers", integers, false},
};

// The target with this name; null if there is none.
const Target *target(const char *name);

// Corrects the checksums of all learned-transform segments in a codestream. Without this, hardly any changed input
// would get beyond the first check.
void correct_checksums(std::uint8_t *data, std::size_t size);

} // namespace j2kl::fuzz
