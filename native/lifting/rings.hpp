// Rings of rows in one block of memory: a layer keeps only the rows that the next layers still need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

namespace j2kl::lifting {

// Aligned memory, filled with zeros.
class Memory {
public:
    static constexpr std::size_t alignment = 64;

    explicit Memory(std::size_t bytes)
        : bytes_(static_cast<std::byte *>(::operator new(bytes, std::align_val_t{alignment})))
    {
        std::memset(bytes_.get(), 0, bytes);
    }

    // The next `count` elements.
    template <class T> T *take(std::size_t count)
    {
        T *const place = reinterpret_cast<T *>(bytes_.get() + used_);
        used_ += size_of<T>(count);
        return place;
    }

    // The bytes that take() uses.
    template <class T> static std::size_t size_of(std::size_t count)
    {
        return (count * sizeof(T) + alignment - 1) / alignment * alignment;
    }

private:
    struct Free {
        void operator()(std::byte *bytes) const { ::operator delete(bytes, std::align_val_t{alignment}); }
    };
    std::unique_ptr<std::byte, Free> bytes_;
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
