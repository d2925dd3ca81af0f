// Arrays whose elements have no value until they are written: large ones are then not filled with zeros first.
#pragma once

#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace j2kl {

template <class T> struct UninitialisedAllocator : std::allocator<T> {
    template <class U> struct rebind {
        using other = UninitialisedAllocator<U>;
    };

    UninitialisedAllocator() = default;
    template <class U> UninitialisedAllocator(const UninitialisedAllocator<U> &) noexcept {}

    template <class U> void construct(U *place) noexcept { ::new (static_cast<void *>(place)) U; }
    template <class U, class... Arguments> void construct(U *place, Arguments &&...arguments)
    {
        ::new (static_cast<void *>(place)) U(std::forward<Arguments>(arguments)...);
    }
};

template <class T> using Uninitialised = std::vector<T, UninitialisedAllocator<T>>;

} // namespace j2kl
