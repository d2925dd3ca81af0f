// Arrays that begin at a cache line. Vectors of 512 bits then lie in one line each: loads and stores of vectors that lie
// in two lines take twice as long.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace j2kl {

constexpr std::size_t cache_line = 64;

template <class T> struct AlignedAllocator : std::allocator<T> {
    template <class U> struct rebind {
        using other = AlignedAllocator<U>;
    };

    AlignedAllocator() = default;
    template <class U> AlignedAllocator(const AlignedAllocator<U> &) noexcept {}

    T *allocate(std::size_t count) { return allocate_at(count, cache_line); }
    void deallocate(T *place, std::size_t) noexcept
    {
        ::operator delete(place, std::align_val_t(cache_line));
    }

protected:
    // Memory that begins at a multiple of `alignment`.
    static T *allocate_at(std::size_t count, std::size_t alignment)
    {
        if (count > static_cast<std::size_t>(-1) / 2 / sizeof(T)) {
            throw std::bad_array_new_length();
        }
        return static_cast<T *>(::operator new(count * sizeof(T), std::align_val_t(alignment)));
    }
};

template <class T> using Aligned = std::vector<T, AlignedAllocator<T>>;

} // namespace j2kl
