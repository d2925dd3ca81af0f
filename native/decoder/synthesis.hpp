// Synthesis of components from their coefficients: the learned steps in integers, and the base wavelet.
#pragma once

#include "decoder/coefficients.hpp"
#include "decoder/integer_model.hpp"

#include <vector>

namespace j2kl::picture {

// How components share the opacities of the first one.
struct Sharing {
    std::size_t shared = 1; // components, from the first on, that use them; every other one has its own
    bool base = false;      // at the finest level of the coefficients, the others have no learned steps
};

// Synthesises components that cover the same area. The coefficients are used up. Returns the planes, row by
// row without gaps.
std::vector<std::vector<float>> synthesise(const IntegerModel &model, std::vector<Coefficients> components,
                                           const Sharing &sharing, std::size_t threads);

} // namespace j2kl::picture
