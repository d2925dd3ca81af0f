#include "training/blend.hpp"

#include "base/independent.hpp"
#include "base/parallel.hpp"
#include "base/x86.hpp"

#include <algorithm>

namespace j2kl::training {

namespace {

// Neighbouring samples that are computed together: their sums stay in the first-level cache.
constexpr std::size_t block_size = 256;

struct Kernels {
    void (*blend)(const Blending &, const float *, const float *, float *, std::size_t);
    void (*gradients)(const Blending &, const float *, const float *, const float *, const float *, float *, float *,
                      std::size_t);
};

#define J2KL_KERNELS "training/blend.inc"
#include "base/variants.inc"

const Kernels &kernels_for(Instructions instructions)
{
    return variant_for(instructions, portable::kernels, avx2::kernels, avx512::kernels);
}

// Calls body(item, first sample, number of samples) for every block.
template <class Body> void for_blocks(const Blending &blending, std::size_t threads, const Body &body)
{
    const std::size_t blocks = (blending.size + block_size - 1) / block_size;
    parallel_for(blending.count, threads, [&](std::size_t item) {
        for (std::size_t block = 0; block < blocks; ++block) {
            const std::size_t first = block * block_size;
            body(item, first, std::min(block_size, blending.size - first));
        }
    });
}

} // namespace

void blend(const Blending &blending, const float *likelihoods, const float *proposals, float *result,
           Instructions instructions, std::size_t threads)
{
    const Kernels &kernels = kernels_for(instructions);
    const std::size_t item_likelihoods = blending.proposals * blending.size;
    for_blocks(blending, threads, [&](std::size_t item, std::size_t first, std::size_t count) {
        kernels.blend(blending, likelihoods + item * item_likelihoods + first,
                      proposals + item * blending.outputs * item_likelihoods + first,
                      result + item * blending.outputs * blending.size + first, count);
    });
}

void blend_gradients(const Blending &blending, const float *likelihoods, const float *proposals, const float *result,
                     const float *result_gradient, float *likelihoods_gradient, float *proposals_gradient,
                     Instructions instructions, std::size_t threads)
{
    const Kernels &kernels = kernels_for(instructions);
    const std::size_t item_likelihoods = blending.proposals * blending.size;
    for_blocks(blending, threads, [&](std::size_t item, std::size_t first, std::size_t count) {
        const std::size_t at_likelihood = item * item_likelihoods + first;
        const std::size_t at_proposal = item * blending.outputs * item_likelihoods + first;
        const std::size_t at_result = item * blending.outputs * blending.size + first;
        kernels.gradients(blending, likelihoods + at_likelihood, proposals + at_proposal, result + at_result,
                          result_gradient + at_result, likelihoods_gradient + at_likelihood,
                          proposals_gradient + at_proposal, count);
    });
}

} // namespace j2kl::training
