// The base wavelets of T.800 Annex F: the 9/7 on float, the 5/3 on int32_t.
#pragma once

#include "base/geometry.hpp"

#include <cstddef>
#include <cstdint>

namespace j2kl {

template <class T> struct Plane {
    T *data = nullptr;
    std::size_t stride = 0; // elements between rows

    T *row(std::size_t index) const { return data + index * stride; }
};

template <class T> struct Bands {
    Plane<T> ll, hl, lh, hh;
};

// What becomes of a row or a column that is a single high-pass sample: the analysis doubles it and the synthesis halves
// it (T.800 F.4.6 and F.3.6), or both keep it.
enum class Single { doubled, kept };

// One level. `area` is the area of the plane on the reference grid; samples at even positions are low-pass.
template <class T>
void analyse(Plane<const T> plane, const Rect &area, const Bands<T> &bands, std::size_t threads,
             Single single = Single::doubled);
template <class T>
void synthesise(const Bands<const T> &bands, const Rect &area, Plane<T> plane, std::size_t threads,
                Single single = Single::doubled);

// All levels of one tile. `subbands` is the array of the whole image area, described by `layout`. `samples`
// are the samples of the tile, which lies inside that area. Integers that are single high-pass samples are kept, so that
// any integer subbands can be synthesised and analysed again.
template <class T>
void analyse_tile(Plane<const T> samples, const Rect &tile, T *subbands, const SubbandLayout &layout,
                  std::size_t threads);
template <class T>
void synthesise_tile(const T *subbands, const SubbandLayout &layout, const Rect &tile, Plane<T> samples,
                     std::size_t threads);

} // namespace j2kl
