// T.800 Annex B: where tiles, resolutions and subbands lie.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace j2kl {

// ceil(value / 2^shift); `value` is at least -2^(shift - 1).
inline std::uint32_t ceil_shift(std::int64_t value, std::uint32_t shift)
{
    return static_cast<std::uint32_t>((value + (std::int64_t{1} << shift) - 1) >> shift);
}

inline std::uint32_t ceil_div(std::uint32_t value, std::uint32_t divisor)
{
    return value / divisor + (value % divisor != 0 ? 1 : 0);
}

enum class Band { LL, HL, LH, HH };

inline constexpr std::array<Band, 3> details = {Band::HL, Band::LH, Band::HH};

// Half-open: [x0, x1) x [y0, y1).
struct Rect {
    std::uint32_t x0 = 0, y0 = 0, x1 = 0, y1 = 0;

    std::uint32_t width() const { return x1 - x0; }
    std::uint32_t height() const { return y1 - y0; }
    std::uint64_t size() const { return std::uint64_t{width()} * height(); }
    bool empty() const { return x1 <= x0 || y1 <= y0; }

    // Equation B-14.
    Rect resolution(std::uint32_t reduce) const
    {
        return {ceil_shift(x0, reduce), ceil_shift(y0, reduce), ceil_shift(x1, reduce),
                ceil_shift(y1, reduce)};
    }

    // Equation B-15.
    Rect subband(Band band, std::uint32_t level) const
    {
        if (level == 0) {
            return *this;
        }
        const std::int64_t half = std::int64_t{1} << (level - 1);
        const std::int64_t x = band == Band::HL || band == Band::HH ? half : 0;
        const std::int64_t y = band == Band::LH || band == Band::HH ? half : 0;
        return {ceil_shift(x0 - x, level), ceil_shift(y0 - y, level), ceil_shift(x1 - x, level),
                ceil_shift(y1 - y, level)};
    }

    // Equation B-12: the area of a component with the subsampling factors dx and dy.
    Rect component(std::uint32_t dx, std::uint32_t dy) const
    {
        return {ceil_div(x0, dx), ceil_div(y0, dy), ceil_div(x1, dx), ceil_div(y1, dy)};
    }

    Rect intersection(const Rect &other) const
    {
        const std::uint32_t left = std::max(x0, other.x0), top = std::max(y0, other.y0);
        return {left, top, std::max(left, std::min(x1, other.x1)), std::max(top, std::min(y1, other.y1))};
    }
};

inline bool operator==(const Rect &a, const Rect &b)
{
    return a.x0 == b.x0 && a.y0 == b.y0 && a.x1 == b.x1 && a.y1 == b.y1;
}

// Clause B.3. Sums have 64 bits, as the last tile may end beyond 2^32.
struct TileGrid {
    Rect image;
    std::uint32_t x0 = 0, y0 = 0, width = 1, height = 1;

    std::uint32_t across() const { return ceil_div(image.x1 - x0, width); }
    std::uint32_t down() const { return ceil_div(image.y1 - y0, height); }
    std::uint64_t count() const { return std::uint64_t{across()} * down(); }

    Rect tile(std::uint64_t index) const
    {
        const std::uint64_t left = x0 + index % across() * width, top = y0 + index / across() * height;
        const auto clip = [](std::uint64_t value, std::uint32_t limit) {
            return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, limit));
        };
        const Rect whole = {clip(left, image.x1), clip(top, image.y1), clip(left + width, image.x1),
                            clip(top + height, image.y1)};
        return whole.intersection(image);
    }
};

// Offsets of the subbands in the array of a component: LL, then HL, LH, HH from
// the coarsest level to the finest.
class SubbandLayout {
public:
    SubbandLayout(const Rect &area, std::uint32_t levels) : area_(area), levels_(levels)
    {
        std::uint64_t offset = area.subband(Band::LL, levels).size();
        for (std::uint32_t level = levels; level > 0; --level) {
            for (const Band band : details) {
                offsets_[level - 1][static_cast<std::size_t>(band) - 1] = static_cast<std::size_t>(offset);
                offset += area.subband(band, level).size();
            }
        }
    }

    const Rect &area() const { return area_; }
    std::uint32_t levels() const { return levels_; }

    std::size_t offset(Band band, std::uint32_t level) const
    {
        return band == Band::LL ? 0 : offsets_[level - 1][static_cast<std::size_t>(band) - 1];
    }

private:
    Rect area_;
    std::uint32_t levels_;
    std::array<std::array<std::size_t, 3>, 32> offsets_{};
};

} // namespace j2kl
