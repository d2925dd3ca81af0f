// Synthesis of components from their coefficients: the learned steps in integers, and the base wavelet.
#pragma once

#include "base/geometry.hpp"
#include "base/uninitialised.hpp"
#include "decoder/coefficients.hpp"
#include "decoder/integer_model.hpp"

#include <array>
#include <vector>

namespace j2kl::picture {

// The planes of components, row by row without gaps.
using Planes = std::vector<Uninitialised<float>>;

// Which components share opacities and which have learned steps.
struct Sharing {
    std::size_t shared; // the first components that share the opacities of the first; every other one has its own
    bool base_chroma;   // the others of these have no learned steps at the finest level of the picture
};

// Synthesises components that cover the same area. The coefficients are used up. `reduce` is the number of levels
// between them and the finest level of the picture.
Planes synthesise(const IntegerModel &model, std::vector<Coefficients> components, const Sharing &sharing,
                  std::uint32_t reduce, std::size_t threads);

// The subbands of one level of a component around an area; they are used up.
struct LevelPart {
    j2kl_plane low;
    std::array<j2kl_plane, 3> details;
};

// The parts that one level of the synthesis of an area reads, in samples of the finer resolution.
struct PartAreas {
    Rect synthesised; // the area, and what the base wavelet needs around it
    Rect details, low; // the areas whose subbands are read
};

PartAreas part_areas(const IntegerModel &model, const Rect &area, const Rect &picture);

// Synthesises an area of components by one level. Returns planes of `areas.synthesised`, whose border is wrong where the
// picture continues.
Planes synthesise_part(const IntegerModel &model, const std::vector<LevelPart> &components, const PartAreas &areas,
                       const Sharing &sharing, std::uint32_t reduce, std::size_t threads);

// A plane whose samples have no gaps between rows.
j2kl_plane plane_of(float *samples, const Rect &area);
// The part of a plane that lies in an area inside it.
j2kl_plane part_of(const j2kl_plane &plane, const Rect &area);

// An area extended on every side, within `bounds`.
Rect grown(const Rect &area, std::uint32_t margin, const Rect &bounds);

} // namespace j2kl::picture
