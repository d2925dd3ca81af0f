// Arrays whose elements have no value until they are written: large ones are then not filled with zeros first. Where the
// system allows it they lie in large pages, so that rows that are far apart are found faster.
#pragma once

#include "base/aligned.hpp"

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace j2kl {

template <class T> struct UninitialisedAllocator : AlignedAllocator<T> {
    template <class U> struct rebind {
        using other = UninitialisedAllocator<U>;
    };

    UninitialisedAllocator() = default;
    template <class U> UninitialisedAllocator(const UninitialisedAllocator<U> &) noexcept {}

    T *allocate(std::size_t count)
    {
        if (count <= small) {
            return AlignedAllocator<T>::allocate(count);
        }
        T *const place = AlignedAllocator<T>::allocate_at(count, large_page);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
        madvise(place, count * sizeof(T), MADV_HUGEPAGE); // a wish, which may be refused
#endif
        return place;
    }
    void deallocate(T *place, std::size_t count) noexcept
    {
        if (count <= small) {
            AlignedAllocator<T>::deallocate(place, count);
        } else {
            ::operator delete(place, std::align_val_t(large_page));
        }
    }

    template <class U> void construct(U *place) noexcept { ::new (static_cast<void *>(place)) U; }
    template <class U, class... Arguments> void construct(U *place, Arguments &&...arguments)
    {
        ::new (static_cast<void *>(place)) U(std::forward<Arguments>(arguments)...);
    }

private:
    static constexpr std::size_t large_page = std::size_t{1} << 21, small = 2 * large_page / sizeof(T);
};

template <class T> using Uninitialised = std::vector<T, UninitialisedAllocator<T>>;

} // namespace j2kl
