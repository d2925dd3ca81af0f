// The C functions for training.
#include "base/guarded.hpp"
#include "base/instructions.hpp"
#include "j2kl.h"
#include "training/blend.hpp"
#include "training/convolution.hpp"

using j2kl::guarded;
using j2kl::require;

namespace {

j2kl::training::Shape shape_of(const j2kl_convolution *convolution)
{
    require(convolution != nullptr, "");
    const j2kl::training::Shape shape = {convolution->count,  convolution->inputs, convolution->outputs,
                                            convolution->height, convolution->width,  convolution->rows,
                                            convolution->columns};
    check(shape);
    return shape;
}

j2kl::training::Blending blending_of(const j2kl_blending *blending)
{
    require(blending != nullptr && blending->outputs > 0 && blending->proposals > 0 && blending->offset > 0, "");
    return {blending->count, blending->outputs, blending->proposals, blending->size, blending->offset};
}

j2kl::Instructions available(std::uint32_t instructions)
{
    const auto set = static_cast<j2kl::Instructions>(instructions);
    require(j2kl::available(set), "");
    return set;
}

} // namespace

int j2kl_convolve(const j2kl_convolution *convolution, const float *planes, const float *kernels, const float *bias,
                  int32_t rectified, float *result, uint32_t instructions, uint32_t threads)
{
    return guarded(nullptr, [&] {
        const auto shape = shape_of(convolution);
        require(planes != nullptr && kernels != nullptr && result != nullptr, "");
        j2kl::training::convolve(shape, planes, kernels, bias, rectified != 0, result, available(instructions),
                                    threads);
    });
}

int j2kl_convolution_gradients(const j2kl_convolution *convolution, const float *planes, const float *kernels,
                               const float *result, const float *result_gradient, float *planes_gradient,
                               float *kernels_gradient, float *bias_gradient, uint32_t instructions, uint32_t threads)
{
    return guarded(nullptr, [&] {
        const auto shape = shape_of(convolution);
        require(planes != nullptr && kernels != nullptr && result_gradient != nullptr, "");
        j2kl::training::gradients(shape, planes, kernels, result, result_gradient, planes_gradient,
                                     kernels_gradient, bias_gradient, available(instructions), threads);
    });
}

int j2kl_blend(const j2kl_blending *blending, const float *likelihoods, const float *proposals, float *result,
               uint32_t instructions, uint32_t threads)
{
    return guarded(nullptr, [&] {
        require(likelihoods != nullptr && proposals != nullptr && result != nullptr, "");
        j2kl::training::blend(blending_of(blending), likelihoods, proposals, result, available(instructions), threads);
    });
}

int j2kl_blend_gradients(const j2kl_blending *blending, const float *likelihoods, const float *proposals,
                         const float *result, const float *result_gradient, float *likelihoods_gradient,
                         float *proposals_gradient, uint32_t instructions, uint32_t threads)
{
    return guarded(nullptr, [&] {
        require(likelihoods != nullptr && proposals != nullptr && result != nullptr && result_gradient != nullptr &&
                    likelihoods_gradient != nullptr && proposals_gradient != nullptr,
                "");
        j2kl::training::blend_gradients(blending_of(blending), likelihoods, proposals, result, result_gradient,
                                        likelihoods_gradient, proposals_gradient, available(instructions), threads);
    });
}
