// Synthesis of components from their coefficients: the learned steps in integers, and the base wavelet.
#pragma once

#include "decoder/coefficients.hpp"
#include "decoder/integer_model.hpp"

#include <vector>

namespace j2kl::picture {

// Synthesises components that cover the same area; the first `shared` of them share the opacities of the
// first, every other one has its own. With `base_chroma`, the others of these have no learned steps at the
// finest level. The coefficients are used up. Returns the planes, row by row without gaps.
std::vector<std::vector<float>> synthesise(const IntegerModel &model, std::vector<Coefficients> components,
                                           std::size_t shared, bool base_chroma, std::size_t threads);

} // namespace j2kl::picture
