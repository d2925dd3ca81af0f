// Convolutions of float planes with stride 1, and their gradients: for training.
#pragma once

#include "base/instructions.hpp"

#include <cstddef>

namespace j2kl::training {

// Planes are (count, inputs, height, width), kernels (outputs, inputs, rows, columns), results (count, outputs,
// height - rows + 1, width - columns + 1); all row-major without gaps.
struct Shape {
    std::size_t count, inputs, outputs, height, width, rows, columns;

    std::size_t result_height() const { return height - rows + 1; }
    std::size_t result_width() const { return width - columns + 1; }
};

// A kernel that fits into the planes, and numbers of elements that fit into memory; `Failure` otherwise.
void check(const Shape &shape);

// result = planes * kernels + bias; negative results become zero if `rectified`. `bias` may be null.
void convolve(const Shape &shape, const float *planes, const float *kernels, const float *bias, bool rectified,
              float *result, Instructions instructions, std::size_t threads);

// The gradients of the planes, of the kernels and of the bias from that of the result. Those that are null are left out.
// `result` is that of `convolve` if it was rectified, else null.
void gradients(const Shape &shape, const float *planes, const float *kernels, const float *result,
               const float *result_gradient, float *planes_gradient, float *kernels_gradient, float *bias_gradient,
               Instructions instructions, std::size_t threads);

} // namespace j2kl::training
