// Asks for memory before it is needed. The rows of a strip lie pages apart, and no processor looks that far ahead.
#pragma once

#include <cstddef>

namespace j2kl {

// `count` elements that will be read.
template <class T> void prefetch(const T *place, std::size_t count)
{
#if defined(__GNUC__)
    constexpr std::size_t step = 64 / sizeof(T); // a cache line
    for (std::size_t i = 0; i < count; i += step) {
        __builtin_prefetch(place + i, 0);
    }
#else
    (void)place, (void)count;
#endif
}

// `count` elements that will be written.
template <class T> void prefetch_for_writing(const T *place, std::size_t count)
{
#if defined(__GNUC__)
    constexpr std::size_t step = 64 / sizeof(T);
    for (std::size_t i = 0; i < count; i += step) {
        __builtin_prefetch(place + i, 1);
    }
#else
    (void)place, (void)count;
#endif
}

} // namespace j2kl
