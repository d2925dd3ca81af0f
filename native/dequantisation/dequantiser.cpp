#include "dequantisation/dequantiser.hpp"

#include "base/failure.hpp"
#include "base/parallel.hpp"

#include <algorithm>

namespace j2kl::dequantisation {

namespace {

// Every band of rows computes a few rows above and below it again, so bands should not be low.
constexpr std::ptrdiff_t lowest_band = 64;

// Pieces of work for each thread, so that threads end at about the same time.
constexpr std::ptrdiff_t pieces_of_thread = 4;

std::ptrdiff_t divided(std::ptrdiff_t value, std::ptrdiff_t divisor)
{
    return (value + divisor - 1) / divisor;
}

void check_noise(const std::int16_t *noise, std::ptrdiff_t stride, std::ptrdiff_t height, std::ptrdiff_t width)
{
    const bool one = stride == 0;
    for (std::ptrdiff_t y = 0; y < (one ? 1 : height); ++y) {
        const std::int16_t *codes = noise + y * stride;
        require(std::all_of(codes, codes + (one ? 1 : width),
                            [](std::int16_t code) { return code >= lowest_noise && code <= highest_noise; }),
                "a code of the noise is out of range");
    }
}

} // namespace

void Dequantiser::apply(const Components &components, Instructions instructions, std::uint32_t threads) const
{
    const Components &c = components;
    if (c.part.y0 >= c.part.y1 || c.part.x0 >= c.part.x1) {
        return;
    }
    require(c.y0 <= c.part.y0 && c.part.y1 <= c.y1 && c.x0 <= c.part.x0 && c.part.x1 <= c.x1,
            "the part to write is not in the area");
    const auto there = [](const auto *pointer) { return pointer != nullptr; };
    require(std::all_of(c.sources, c.sources + reads(), there) &&
                std::all_of(c.targets, c.targets + writes(), there) &&
                std::all_of(c.noise, c.noise + writes(), there),
            "samples or noise are missing");
    constexpr std::int32_t most = 1 << 30; // so that positions can be multiplied and added to
    require(c.y0 >= -most && c.x0 >= -most && c.y1 <= most && c.x1 <= most, "the area is out of range");
    const auto side = static_cast<std::ptrdiff_t>(network_.side);
    const Range rows = position_range(c.y0, c.y1, side), columns = position_range(c.x0, c.x1, side);
    const std::ptrdiff_t height = rows.end - rows.begin, width = columns.end - columns.begin;
    for (std::size_t at = 0; at < writes(); ++at) {
        check_noise(c.noise[at], c.noise_stride, height, width);
    }
    const auto strip = static_cast<std::ptrdiff_t>(strip_positions(network_));
    const Range written = position_range(c.part.y0, c.part.y1, side),
                across = position_range(c.part.x0, c.part.x1, side);
    const std::ptrdiff_t first = written.begin - rows.begin, end = written.end - rows.begin,
                         left = across.begin - columns.begin, right = across.end - columns.begin;
    const std::ptrdiff_t strips = divided(right - left, strip);
    const std::ptrdiff_t wanted =
        threads > 1 ? divided(pieces_of_thread * std::ptrdiff_t{threads}, strips) : 1;
    const std::ptrdiff_t band = std::max(divided(end - first, wanted), lowest_band),
                         bands = divided(end - first, band);
    parallel_for(static_cast<std::size_t>(strips * bands), threads, [&](std::size_t index) {
        const std::ptrdiff_t x = left + static_cast<std::ptrdiff_t>(index) % strips * strip,
                             y = first + static_cast<std::ptrdiff_t>(index) / strips * band;
        dequantise_strip(network_, components, {y, std::min(y + band, end)}, {x, std::min(x + strip, right)},
                         instructions);
    });
}

// Every convolution and the local mean read positions around a position, and the part may begin and end within one.
std::uint32_t Dequantiser::reach() const
{
    const std::size_t positions = network_.body.size() + 2 + static_cast<std::size_t>(network_.mean_reach());
    return static_cast<std::uint32_t>(network_.side * positions + network_.side - 1);
}

} // namespace j2kl::dequantisation
