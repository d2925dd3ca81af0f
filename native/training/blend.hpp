// Proposals that are blended by likelihoods, and the gradients of both: for training.
#pragma once

#include "base/instructions.hpp"

#include <cstddef>

namespace j2kl::training {

// Likelihoods are (count, proposals, size), proposals (count, outputs, proposals, size), results (count, outputs, size);
// all without gaps. A likelihood is not negative; `offset`, which is above 0, is added to each.
struct Blending {
    std::size_t count, outputs, proposals, size;
    float offset;
};

// result = the sum of the proposals times their opacities, which are the likelihoods divided by their sum.
void blend(const Blending &blending, const float *likelihoods, const float *proposals, float *result,
           Instructions instructions, std::size_t threads);

void blend_gradients(const Blending &blending, const float *likelihoods, const float *proposals, const float *result,
                     const float *result_gradient, float *likelihoods_gradient, float *proposals_gradient,
                     Instructions instructions, std::size_t threads);

} // namespace j2kl::training
