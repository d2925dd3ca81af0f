// Codestreams of the 9/7 with known quantiser indices.
#pragma once

#include "tests/codec.hpp"

#include <algorithm>

using Plane = std::vector<std::int32_t>;

inline std::size_t find_segment(const Bytes &bytes, std::uint8_t code)
{
    for (std::size_t at = 2; bytes[at + 1] != 0x90;) {
        if (bytes[at + 1] == code) {
            return at;
        }
        at += 2 + (std::size_t{bytes[at + 2]} << 8) + bytes[at + 3];
    }
    return 0;
}

inline void insert(Bytes &bytes, std::size_t at, const Bytes &more)
{
    bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), more.begin(), more.end());
}

inline Bytes part(const Bytes &bytes, std::size_t at, std::size_t size)
{
    const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    return {first, first + static_cast<std::ptrdiff_t>(size)};
}

// Declares the integer subbands of a 5/3 as quantiser indices of a 9/7: the same packets, the same bit-planes.
inline Bytes as_97(const Bytes &reversible)
{
    Bytes result = reversible;
    result[find_segment(result, 0x52) + 13] = 0;
    const std::size_t qcd = find_segment(result, 0x5c), bands = result[qcd + 3] - 3;
    result[qcd + 2] = static_cast<std::uint8_t>((3 + 2 * bands) >> 8);
    result[qcd + 3] = static_cast<std::uint8_t>(3 + 2 * bands);
    result[qcd + 4] |= 2;
    for (std::size_t band = 0; band < bands; ++band) {
        insert(result, qcd + 6 + 2 * band, {static_cast<std::uint8_t>(band)});
    }
    return result;
}

inline j2kl_parameters parameters_of(std::uint32_t x0, std::uint32_t y0, std::uint32_t x1, std::uint32_t y1)
{
    j2kl_parameters p = default_parameters(x0, y0, x1, y1);
    p.is_signed = 1;
    p.precision = 24;
    p.levels = 3;
    p.codeblock_width = p.codeblock_height = 16;
    return p;
}

// Small indices, many of them zero, and some large ones.
inline Planes<std::int32_t> random_indices(const j2kl_parameters &p, std::uint64_t seed)
{
    check::Random random(seed);
    Planes<std::int32_t> planes(p.components, Plane(sample_count(p)));
    for (Plane &plane : planes) {
        for (std::int32_t &value : plane) {
            value = random.integer(-3, 3) * random.integer(0, 40);
        }
        for (std::size_t i = 0; i < plane.size(); i += 97) {
            plane[i] = random.integer(-(1 << 17), 1 << 17);
        }
    }
    return planes;
}

inline Plane half_steps_of(const Plane &indices)
{
    Plane result(indices.size());
    std::transform(indices.begin(), indices.end(), result.begin(),
                   [](std::int32_t q) { return 2 * q + (q > 0 ? 1 : 0) - (q < 0 ? 1 : 0); });
    return result;
}

inline j2kl_request half_steps(std::uint32_t reduce = 0)
{
    j2kl_request request{};
    request.half_steps = 1;
    request.reduce = reduce;
    return request;
}
