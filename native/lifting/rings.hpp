// Rings of rows in one block of memory: a layer keeps only the rows that the next layers still need.
#pragma once

#include "base/aligned.hpp"

#include <cstddef>
#include <cstdint>

namespace j2kl::lifting {

// Memory for arrays that begin at cache lines, filled with zeros.
class Memory {
public:
    explicit Memory(std::size_t bytes) : bytes_(bytes) {}

    // The next `count` elements.
    template <class T> T *take(std::size_t count)
    {
        T *const place = reinterpret_cast<T *>(bytes_.data() + used_);
        used_ += size_of<T>(count);
        return place;
    }

    // The bytes that take() uses.
    template <class T> static std::size_t size_of(std::size_t count)
    {
        return (count * sizeof(T) + cache_line - 1) / cache_line * cache_line;
    }

private:
    Aligned<std::byte> bytes_;
    std::size_t used_ = 0;
};

// The smallest power of two that is not below `rows`.
inline std::size_t ring_size(std::size_t rows)
{
    std::size_t size = 1;
    while (size < rows) {
        size *= 2;
    }
    return size;
}

// Row y is kept until row y + rows is written; `rows` is a power of two. Elements are T.
template <class T> struct Ring {
    T *start = nullptr; // element 0 of row 0
    std::size_t rows = 0, stride = 0;

    T *row(std::ptrdiff_t y) const { return start + (static_cast<std::size_t>(y) & (rows - 1)) * stride; }
};

} // namespace j2kl::lifting
