// The inner loops of convolutions of float planes and of the gradient of their kernels, one version per instruction set.
// The sums of the versions differ in their rounding.
#pragma once

#include "base/instructions.hpp"

#include <cstddef>

namespace j2kl::training {

// At most so many outputs are computed together; a kernel's gradient has at most so many outputs and columns together.
constexpr std::size_t block_outputs = 6, gradient_outputs = 4, gradient_columns = 3;

// Columns of a row of a block of outputs. Strides are in elements; the elements of a row are next to each other.
struct RowOfOutputs {
    const float *input; // the first sample under the kernel of the first output sample
    std::size_t input_plane, input_row, inputs;
    std::size_t kernel_rows, kernel_columns;
    const float *weights;   // inputs x kernel_rows x kernel_columns x outputs
    std::size_t outputs;    // 1 .. block_outputs
    const float *bias;      // of every output
    float *output;          // of the first output
    std::size_t output_plane;
    std::size_t columns;
    bool rectified; // negative results become zero
};

// Adds the products of some rows to a part of the gradient of a kernel: to `outputs` x `columns` vectors, whose
// elements have to be added up at the end.
struct KernelGradientRows {
    const float *input; // under the first column of the part
    std::size_t input_row;
    const float *gradient; // of the first output
    std::size_t gradient_plane, gradient_row;
    std::size_t rows, width;
    std::size_t outputs, columns; // of the part: 1 .. gradient_outputs, 1 .. gradient_columns
    float *sums;                  // of the first output and column; vectors of `lanes` elements
    std::size_t sums_output;      // elements from one output to the next
};

struct Kernels {
    std::size_t lanes;
    void (*outputs)(const RowOfOutputs &);
    void (*kernel_gradient)(const KernelGradientRows &);
    // values[i] where signs[i] > 0, else 0
    void (*copy_where_positive)(const float *signs, const float *values, float *out, std::size_t count);
};

const Kernels &kernels_for(Instructions instructions);

} // namespace j2kl::training
